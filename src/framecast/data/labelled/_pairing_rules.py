"""Rules that pair images: from the number of a pair to the numbers of its two images.

Shape letters: n images, N pairs.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from ..loading import labels_of, uniforms
from ._classes import Classes

_PURPOSE = 2  # keeps these numbers apart from others of the same seed and keys


class Pairing(Protocol):
    """Maps numbers of pairs to numbers of their images."""

    length: int  # number of pairs by default
    is_listed: bool  # whether those are all pairs there are

    def __call__(self, pairs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the numbers of the first and of the second images of pairs ``(N,)``, int64 ``(N,)`` each."""


class RandomPairs:
    """Random pairs: of pairs 2k and 2k + 1 one is of one class and the other of two, by (seed, number of the pair).

    Args:
        source: a labelled data set.
        seed: seed of the pairs.

    Raises:
        ValueError: if there is only one class, or one image in a class.
    """

    is_listed = False

    def __init__(self, source: Any, seed: int) -> None:
        self.classes, self.seed = Classes(labels_of(source), getattr(source, "classes", ())), seed
        self.classes.check(2, 2, "random pairs")
        self.length = len(self.classes.order) // 2

    def __call__(self, pairs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the images of pairs, see :class:`Pairing`."""
        classes, total = self.classes, len(self.classes.order)
        flipped = uniforms((self.seed, _PURPOSE, 0), pairs // 2, 1)[:, 0] < 0.5
        similar = (pairs % 2 == 0) != flipped
        draws = uniforms((self.seed, _PURPOSE, 1), pairs, 2)
        first = np.floor(draws[:, 0] * total).astype(np.int64)
        number = classes.number[first]
        start, count = classes.starts[number], classes.counts[number]
        drawn = np.floor(draws[:, 1] * np.where(similar, count - 1, total - count)).astype(np.int64)
        same = start + (classes.rank[first] + 1 + drawn) % count
        other = drawn + np.where(drawn >= start, count, 0)  # steps over the first one's class
        return first, classes.order[np.where(similar, same, other)]


class ListedPairs:
    """The pairs of a list, in its order.

    Args:
        pairs: pairs (i, j), at least one.
        samples: number of images, n.

    Raises:
        ValueError: if the list is empty or of another form, or names an image that does not exist.
    """

    is_listed = True

    def __init__(self, pairs: Sequence[tuple[int, int]] | np.ndarray, samples: int) -> None:
        self.pairs = np.asarray(pairs)
        if self.pairs.size == 0:
            raise ValueError(f"`pairing` is an empty list of pairs among {samples} images: give one pair at least")
        if self.pairs.ndim != 2 or self.pairs.shape[1] != 2 or self.pairs.dtype.kind not in "iu":
            raise ValueError(
                f"`pairing` must be {', '.join(PAIRINGS)} or a list of pairs (i, j), got {self.pairs.dtype} "
                f"{self.pairs.shape}"
            )
        absent = ((self.pairs < 0) | (self.pairs >= samples)).any(1)
        if absent.any():
            wrong = tuple(self.pairs[absent][0].tolist())
            raise ValueError(f"`pairing` names the pair {wrong}, but images are numbered from 0 to {samples - 1}")
        self.length = len(self.pairs)

    def __call__(self, pairs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the images of pairs, see :class:`Pairing`."""
        first, second = self.pairs[pairs].T
        return first, second


def neighbours(source: Any, seed: int) -> ListedPairs:
    """Pair images 2k and 2k + 1, in the order of the source."""
    return ListedPairs(np.arange(2 * (len(source) // 2)).reshape(-1, 2), len(source))


PAIRINGS: dict[str, Callable[[Any, int], Pairing]] = {"random": RandomPairs, "neighbours": neighbours}
"""Makers of a pairing, by name: functions of a labelled data set and a seed."""


def pairing_of(source: Any, pairing: str | Sequence[tuple[int, int]] | np.ndarray, seed: int) -> Pairing:
    """Return the pairing that has a name, or that of a list of pairs."""
    if not isinstance(pairing, str):
        return ListedPairs(pairing, len(source))
    if pairing not in PAIRINGS:
        raise ValueError(f"`pairing` (={pairing!r}) must be {', '.join(PAIRINGS)} or a list of pairs (i, j)")
    return PAIRINGS[pairing](source, seed)
