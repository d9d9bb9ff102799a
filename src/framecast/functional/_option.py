"""Options: each has one definition, and signatures, checks and documentation come from it."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields
from difflib import get_close_matches
from functools import cache, wraps
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])
REQUIRED: Any = inspect.Parameter.empty
"""The default of an option that the caller must give."""
_SECTIONS = ("Returns:", "Raises:", "Example:")


@dataclass(frozen=True)
class Option:
    """The definition of one option; its name and type stand where it is declared.

    Args:
        default: the value where the caller gives none, or ``REQUIRED``.
        meaning: what it does, for documentation.
        rule: ``rule(name, value)`` returns the checked value or raises ValueError; None takes any. The rule of an
            option with ``spatial`` is called ``rule(name, value, axes)`` and spreads the value over the axes.
        spatial: it concerns spatial axes, so that dense layers do not have it.
        per_layer: a list gives one value per layer.
        positional: it may be given by position.
        stored: a layer keeps it as an attribute.
    """

    default: Any
    meaning: str
    rule: Callable[..., Any] | None = None
    spatial: bool = False
    per_layer: bool = False
    positional: bool = False
    stored: bool = True

    def check(self, name: str, value: Any, axes: int) -> Any:
        """Check one layer's value and spread it over its spatial axes; a default of None stands for itself.

        Raises:
            ValueError: naming the option, its rule and the value.
        """
        if self.rule is None or (value is None and self.default is None):
            return value
        return self.rule(name, value, axes) if self.spatial else self.rule(name, value)

    def spread(self, name: str, value: Any, axes: int, layers: int) -> list[Any]:
        """Check a value, or a list with one per layer, and spread it over the layers and their axes.

        Raises:
            ValueError: if a list has another length than there are layers, or a value is wrong.
        """
        if not self.per_layer or not isinstance(value, list):
            return [self.check(name, value, axes)] * layers
        if len(value) != layers:
            raise ValueError(f"`{name}` (={value}) lists {len(value)} layers, but there are {layers}")
        return [self.check(name, part, axes) for part in value]

    def parameter(self, name: str, annotation: Any = inspect.Parameter.empty) -> inspect.Parameter:
        """The option as a parameter of a signature."""
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD if self.positional else inspect.Parameter.KEYWORD_ONLY
        return inspect.Parameter(name, kind, default=self.default, annotation=annotation)


def options_of_rule(rule: Any) -> dict[str, Option]:
    """The options of a step rule class: its fields, with ``meaning`` and ``rule`` from their metadata."""
    options = {}
    for part in fields(rule):
        meaning = part.metadata.get("meaning", f"see ``{rule.__name__}``.")
        default = REQUIRED if part.default is MISSING else part.default
        options[part.name] = Option(default, meaning, part.metadata.get("rule"))
    return options


def unknown_option(caller: str, name: str, options: Mapping[str, Any]) -> TypeError:
    """The error for a name that no option has, with the nearest of those there are."""
    nearest = get_close_matches(name, options, 1)
    hint = f"; did you mean `{nearest[0]}`?" if nearest else f"; it has {', '.join(options)}"
    return TypeError(f"{caller}() has no option `{name}`{hint}")


def document(text: str, options: Mapping[str, Option]) -> str:
    """A docstring with the options described at the end of its arguments."""
    described = "\n".join(_described(name, option.meaning) for name, option in options.items())
    lines = inspect.cleandoc(text).split("\n")
    end = next((k for k, line in enumerate(lines) if line in _SECTIONS), len(lines))
    before, after = "\n".join(lines[:end]).rstrip(), "\n".join(lines[end:])
    title = "" if "\nArgs:\n" in before else "\nArgs:\n"
    return f"{before}\n{title}{described}\n{after and chr(10) + after}".lstrip("\n")


@cache
def _described(name: str, meaning: str) -> str:
    return textwrap.fill(f"{name}: {meaning}", 112, initial_indent="    ", subsequent_indent="        ")


def takes_options(options: Mapping[str, Option], types: Mapping[str, Any], rule: Any) -> Callable[[Function], Function]:
    """Decorate a function whose last parameter gathers ``options``: show, document and check them by name.

    The options of its step rule, which the function declares, are documented too.
    """

    def decorate(function: Function) -> Function:
        signature = inspect.signature(function)
        own = [p for p in signature.parameters.values() if p.kind is not inspect.Parameter.VAR_KEYWORD]
        added = [option.parameter(name, types[name]) for name, option in options.items()]
        names = {p.name: p for p in (*own, *added)}

        @wraps(function)
        def checked(*arguments: Any, **keywords: Any) -> Any:
            for name in keywords:
                if name not in names:
                    raise unknown_option(function.__name__, name, names)
            return function(*arguments, **keywords)

        checked.__signature__ = signature.replace(parameters=[*own, *added])  # type: ignore[attr-defined]
        checked.__doc__ = document(function.__doc__ or "", options_of_rule(rule) | dict(options))
        return checked  # type: ignore[return-value]

    return decorate
