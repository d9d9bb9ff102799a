"""Lists of pairs of image files."""

import shlex
from pathlib import Path
from typing import NamedTuple


class PairList(NamedTuple):
    """The pairs of image files that a text file names."""

    paths: list[Path]  # the image files, each once
    pairs: list[tuple[int, int]]  # indices into ``paths``
    similar: list[bool]


def read_pair_list(path: str | Path, folder: str | Path) -> PairList:
    """Read a text file of lines ``A B similar``: two image files and 1 or 0.

    Names with spaces stand in quotes; empty lines and those that begin with # are passed over.

    Args:
        path: the text file.
        folder: folder to which the names are relative.

    Returns:
        The files, each once, and the pairs among them, for ``Pairs(images, list.pairs, similar=list.similar)``.

    Raises:
        FileNotFoundError: if the list or an image is missing; names the image and the line.
        ValueError: if a line is something else, or there is none.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> for name in ("a.png", "b.png"):
        ...     (folder / name).touch()
        >>> _ = (folder / "pairs.txt").write_text("a.png b.png 1")
        >>> read_pair_list(folder / "pairs.txt", folder)[1:]
        ([(0, 1)], [True])
    """
    path, folder = Path(path), Path(folder)
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist: give a text file of lines `A B similar`")
    numbers: dict[Path, int] = {}
    pairs, similar = [], []
    for line_number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        place = f"{path} line {line_number}"
        first, second, verdict = _words(line, place)
        for name in (first, second):
            if not (folder / name).is_file():
                raise FileNotFoundError(f"{place}: {folder / name} does not exist")
        one, other = (numbers.setdefault(folder / name, len(numbers)) for name in (first, second))
        pairs.append((one, other))
        similar.append(verdict == "1")
    if not pairs:
        raise ValueError(f"{path} names no pair: each line must be `A B similar`")
    return PairList(list(numbers), pairs, similar)


def _words(line: str, place: str) -> list[str]:
    try:
        words = shlex.split(line)
    except ValueError as error:  # a quote that is not closed
        raise ValueError(f"{place}: {error}") from error
    if len(words) != 3 or words[2] not in ("0", "1"):
        raise ValueError(f"{place} must be `A B similar`, two files and 1 or 0, got {line.strip()!r}")
    return words
