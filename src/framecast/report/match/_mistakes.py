"""The pairs that the network judges worst.

Shape letters: P pairs.
"""

from dataclasses import dataclass

import numpy as np

from ._run import MatchPairs


@dataclass(frozen=True)
class HardPair:
    """Two images, far apart though of one class, or near though of two."""

    first: int
    second: int
    distance: float
    wrong: bool
    """Whether the threshold judges them wrongly."""


def hardest_pairs(pairs: MatchPairs, similar: bool, most: int) -> list[HardPair]:
    """Choose the pairs of one class that are farthest apart, or those of two that are nearest.

    Only pairs of kept images can be shown. Each image is shown once, or a single odd one would fill the list.

    Args:
        pairs: the pairs.
        similar: whether to choose from those of one class.
        most: number of pairs to choose at most.
    """
    shown = np.flatnonzero((pairs.similar == similar) & (pairs.images >= 0).all(axis=1))
    order = shown[np.argsort(pairs.distances[shown] * (-1 if similar else 1), kind="stable")]
    wrong = pairs.wrong()
    chosen: list[HardPair] = []
    used: set[int] = set()
    for index in order:
        first, second = (int(image) for image in pairs.images[index])
        if len(chosen) < most and not used & {first, second}:
            chosen.append(HardPair(first, second, float(pairs.distances[index]), bool(wrong[index])))
            used |= {first, second}
    return chosen
