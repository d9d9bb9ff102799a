"""Random numbers by key: for many samples at once, each independent of the others in its batch.

Shape letters: N keys, K numbers for each.
"""

from collections.abc import Sequence

import numpy as np

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def uniforms(entropy: Sequence[int], keys: Sequence[int] | np.ndarray, count: int) -> np.ndarray:
    """Draw numbers that are a function of (entropy, key) alone, evenly spread over [0, 1).

    A NumPy generator for each sample would take twenty times as long.

    Args:
        entropy: non-negative numbers below 2**64, for example a seed and the number of a purpose.
        keys: keys ``(N,)``, not negative.
        count: numbers for each key, K.

    Returns:
        float64 ``(N, K)``.

    Example:
        >>> uniforms((3, 1), [5, 6, 5], 2).round(3).tolist()
        [[0.521, 0.986], [0.599, 0.934], [0.521, 0.986]]
    """
    state = np.zeros(1, np.uint64)
    for number in entropy:
        state = splitmix(state + np.uint64(number), 1)[:, 0]
    states = splitmix(state + np.asarray(keys).astype(np.uint64), 1)[:, 0]
    return (splitmix(states, count) >> np.uint64(11)) * 2.0**-53


def splitmix(states: np.ndarray, count: int) -> np.ndarray:
    """Return SplitMix64's (Steele et al. 2014) first numbers, uint64 ``(N, count)``, from states, uint64 ``(N,)``."""
    mixed = states[:, None] + _GOLDEN * np.arange(1, count + 1, dtype=np.uint64)  # wraps around, as it should
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
