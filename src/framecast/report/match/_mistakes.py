"""The pairs that the network judges worst.

Shape letters: P pairs.
"""

from dataclasses import dataclass

import numpy as np

from ._run import MatchPairs


@dataclass(frozen=True)
class HardPair:
    """Two images of one class that are far apart, or of two classes that are near."""

    first: int
    second: int
    distance: float
    wrong: bool
    """Whether the threshold judges the pair wrongly."""


def hardest_pairs(pairs: MatchPairs, similar: bool, most: int) -> list[HardPair]:
    """Choose the pairs of one class that are farthest apart, or the pairs of two classes that are nearest.

    The test stores only some of the images: pairs of others are left out. An image is in one pair at most, because a
    single odd image would fill the list.

    Args:
        pairs: pairs to choose from.
        similar: True for pairs of one class, False for pairs of two.
        most: largest number of pairs to choose.
    """
    stored = np.flatnonzero((pairs.similar == similar) & (pairs.images >= 0).all(axis=1))
    order = stored[np.argsort(pairs.distances[stored] * (-1 if similar else 1), kind="stable")]
    wrong = pairs.wrong()
    chosen: list[HardPair] = []
    used: set[int] = set()
    for index in order:
        first, second = (int(image) for image in pairs.images[index])
        if len(chosen) < most and not used & {first, second}:
            chosen.append(HardPair(first, second, float(pairs.distances[index]), bool(wrong[index])))
            used |= {first, second}
    return chosen
