"""Fitting a scale to recordings."""

from collections.abc import Iterable

import numpy as np

from framecast.runs import Scale

from ._reading import Recording


def fit_scale(
    recordings: Iterable[Recording],
    method: str = "min-max",
    percentiles: tuple[float, float] = (1.0, 99.0),
    unit: str = "",
) -> Scale:
    """Fit a scale to recordings; NaN is left out.

    Args:
        recordings: the recordings, of the training part only.
        method: ``"min-max"``: the lowest and the highest value; ``"percentiles"``: these percentiles of all values.
        percentiles: percentiles (low, high), between 0 and 100.
        unit: name of the values' unit.

    Returns:
        The scale, with the first recording's type.

    Raises:
        ValueError: if there is no recording, the method is unknown, the percentiles are not in order, or both
            ends come out equal.
    """
    if method not in ("min-max", "percentiles"):
        raise ValueError(f"`scale` (={method!r}) must be min-max, percentiles or two numbers")
    if not 0 <= percentiles[0] < percentiles[1] <= 100:
        raise ValueError(f"`percentiles` (={percentiles}) must be (low, high) with 0 <= low < high <= 100")
    dtype, parts = "", []
    for recording in recordings:
        dtype = dtype or recording.dtype.name
        values = recording.frames[~np.isnan(recording.frames)]
        parts.append(np.array([values.min(), values.max()]) if method == "min-max" else values)
    if not parts:
        raise ValueError("a scale cannot be fitted to no recordings")
    low, high = np.percentile(np.concatenate(parts), (0, 100) if method == "min-max" else percentiles).tolist()
    if low == high:
        raise ValueError(f"{method} of the training part are both {low}: give `scale` as two numbers, [low, high]")
    return Scale(low, high, unit, dtype)
