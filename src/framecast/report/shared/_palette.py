"""Colours of classes.

Shape letters: n images, k classes.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Paul Tol's muted scheme with black added, told apart by all readers.
COLOURS = (
    "#332288", "#88ccee", "#44aa99", "#117733", "#999933", "#ddcc77", "#cc6677", "#882255", "#aa4499", "#000000",
)  # fmt: skip
OTHERS = "#c9ccd3"


@dataclass(frozen=True)
class Palette:
    """Which colour each class has. Classes of one colour are a group."""

    names: list[str]
    """Names of the groups; the last is that of all others, if there are more groups than colours."""
    colours: list[str]
    """Their colours, `#rrggbb`."""
    group_of: dict[int, int]
    """Index of the group by label."""
    grouped: bool
    """Whether the groups are parts of the names, such as alphabets, rather than classes."""

    @property
    def others(self) -> int | None:
        """Index of the group of all others, if there is one."""
        return len(self.colours) - 1 if self.colours[-1] == OTHERS else None

    def groups(self, labels: NDArray[np.integer]) -> NDArray[np.integer]:
        """Groups of images `(n,)` by their labels `(n,)`."""
        return np.array([self.group_of[int(label)] for label in labels], dtype=int)

    def covers(self, labels: NDArray[np.integer]) -> bool:
        """Tell whether all labels have a colour here."""
        return set(np.unique(labels).tolist()) <= set(self.group_of)


def class_palette(labels: NDArray[np.integer], classes: list[str]) -> Palette:
    """Choose colours for the classes that occur.

    More classes than colours are grouped by what their names have before a slash (`Greek/character01`), if all have
    one. Of more groups than colours the most frequent get one, and the others are grey.

    Args:
        labels: `(n,)`, indices into the classes.
        classes: names.

    Example:
        >>> palette = class_palette(np.array([2, 0, 2]), ["cat", "dog", "owl"])
        >>> palette.names, palette.groups(np.array([0, 2]))
        (['cat', 'owl'], array([0, 1]))
    """
    present, counts = np.unique(labels, return_counts=True)
    names = {int(label): classes[label] for label in present}
    grouped = len(names) > len(COLOURS) and all("/" in name for name in names.values())
    if grouped:
        names = {label: name.partition("/")[0] for label, name in names.items()}
    sizes: dict[str, int] = {}
    for name, count in zip(names.values(), counts, strict=True):
        sizes[name] = sizes.get(name, 0) + int(count)
    chosen = sorted(sizes, key=lambda name: -sizes[name])[: len(COLOURS)]  # in order of their labels where equal
    kept = [name for name in sizes if name in chosen]
    group_of = {label: kept.index(name) if name in kept else len(kept) for label, name in names.items()}
    colours = list(COLOURS[: len(kept)])
    if len(sizes) > len(kept):
        kept, colours = [*kept, f"{len(sizes) - len(kept)} others"], [*colours, OTHERS]
    return Palette(kept, colours, group_of, grouped)
