"""Notes to the user on stderr: what was passed over, chosen or converted."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lightning.fabric.utilities.rank_zero import rank_zero_only

_SAID: set[str] = set()
_GROUPS: list[dict[str, list[str]]] = []  # of each `gathered_notes`: names of files, by text with the name left open
_NAME = "\0"


def note(text: str, path: str | Path | None = None) -> None:
    """Say a sentence on stderr as ``framecast: note: ...``, once in a process.

    Args:
        text: the sentence.
        path: the file that it names, so that :func:`gathered_notes` can say it once for many files.
    """
    if _GROUPS:
        names = _GROUPS[-1].setdefault(text if path is None else text.replace(str(path), _NAME), [])
        if str(path) not in names[-1:]:
            names.append(str(path))
    elif text not in _SAID:
        _SAID.add(text)
        _print(text)


@contextmanager
def gathered_notes() -> Iterator[None]:
    """Say notes within the block at its end: those alike once, with the first file's name and the number of others.

    Example:
        >>> from contextlib import redirect_stderr
        >>> with redirect_stderr(sys.stdout), gathered_notes():
        ...     for path in ("a.png", "b.png", "c.png"):
        ...         note(f"{path}: CMYK is converted to RGB", path)
        framecast: note: a.png: CMYK is converted to RGB (and 2 more alike)
    """
    group: dict[str, list[str]] = {}
    _GROUPS.append(group)
    try:
        yield
    finally:
        _GROUPS.remove(group)
    for text, names in group.items():
        note(text.replace(_NAME, names[0]) + f" (and {len(names) - 1} more alike)" * (len(names) > 1))


@rank_zero_only
def _print(text: str) -> None:
    print(f"framecast: note: {text}", file=sys.stderr)
