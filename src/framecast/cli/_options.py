"""Options among the arguments of a command, before they are parsed."""

from __future__ import annotations

from collections.abc import Callable, Sequence


def values_of(args: Sequence[str], names: Sequence[str]) -> list[str]:
    """Return the values of an option, ``--name value`` or ``--name=value``.

    Example:
        >>> values_of(["fit", "-c", "a.yaml", "--config=b.yaml"], ("--config", "-c"))
        ['a.yaml', 'b.yaml']
    """
    values: list[str] = []

    def note(value: str) -> str:
        values.append(value)
        return value

    with_values(args, names, note)
    return values


def with_values(args: Sequence[str], names: Sequence[str], change: Callable[[str], str]) -> list[str]:
    """Return arguments with the values of an option changed.

    Args:
        args: the arguments.
        names: the names of the option.
        change: from a value to the one that replaces it.

    Example:
        >>> with_values(["fit", "-c", "a"], ("--config", "-c"), str.upper)
        ['fit', '-c', 'A']
    """
    result = list(args)
    for i, arg in enumerate(args):
        name, equals, value = arg.partition("=")
        if arg in names and i + 1 < len(args):
            result[i + 1] = change(args[i + 1])
        elif equals and name in names:
            result[i] = f"{name}={change(value)}"
    return result
