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
class ClassColours:
    """The colour of each class; classes of one colour are a group."""

    names: list[str]
    """Names of the groups; the last stands for all others if there are more groups than colours."""
    colours: list[str]
    """Colours of the groups, ``#rrggbb``."""
    group_of: dict[int, int]
    """Index of a label's group, by label."""
    grouped: bool
    """Whether a group is a part of the names, such as an alphabet, and not a class."""

    @property
    def others(self) -> int | None:
        """Index of the group of all others, if there is one."""
        return len(self.colours) - 1 if self.colours[-1] == OTHERS else None

    def groups(self, labels: NDArray[np.integer]) -> NDArray[np.integer]:
        """Return the groups ``(n,)`` of images, from their labels ``(n,)``."""
        return np.array([self.group_of[int(label)] for label in labels], dtype=int)

    def covers(self, labels: NDArray[np.integer]) -> bool:
        """Tell whether all labels have a colour here."""
        return set(np.unique(labels).tolist()) <= set(self.group_of)


def class_colours(labels: NDArray[np.integer], classes: list[str]) -> ClassColours:
    """Choose colours for the classes that occur.

    If there are more classes than colours, and all names have a slash (``Greek/character01``), classes are grouped by
    the part before the slash. If there are more groups than colours, the most frequent groups get a colour and the
    others are grey.

    Args:
        labels: ``(n,)``, indices of classes.
        classes: names of the classes.

    Example:
        >>> palette = class_colours(np.array([2, 0, 2]), ["cat", "dog", "owl"])
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
    most_frequent = sorted(sizes, key=lambda name: -sizes[name])[: len(COLOURS)]  # of equal ones the lower labels
    groups = [name for name in sizes if name in most_frequent]
    group_of = {label: groups.index(name) if name in groups else len(groups) for label, name in names.items()}
    colours = list(COLOURS[: len(groups)])
    if len(sizes) > len(groups):
        groups, colours = [*groups, f"{len(sizes) - len(groups)} others"], [*colours, OTHERS]
    return ClassColours(groups, colours, group_of, grouped)
