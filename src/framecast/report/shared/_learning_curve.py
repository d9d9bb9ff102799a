"""The learning curve: training and validation loss over the steps."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter
from numpy.typing import NDArray

from framecast.runs import Series

from ._axes import label_ends, label_ticks, plain_axes
from ._palette import BLUE, QUIET

_MOST_POINTS = 1500


def learning_curve(log: dict[str, Series]) -> Figure | None:
    """Draw the training and the validation loss over the steps; None if neither was logged."""
    train, validation = log.get("train_loss", ([], [])), log.get("val_loss", ([], []))
    losses = np.array([*train[1], *validation[1]])
    if not losses.size:
        return None
    figure, axes = plain_axes(5.6, 2.7)
    ends = {}
    if train[0]:
        steps, values = np.array(train[0]), np.array(train[1])
        smooth = smoothed(values)
        axes.plot(*_envelope(steps, values), color=QUIET, alpha=0.3, linewidth=0.6)
        axes.plot(steps, smooth, color=QUIET, linewidth=1.6)
        ends["training"] = (smooth, QUIET)
    if validation[0]:
        steps, values = np.array(validation[0]), np.array(validation[1])
        axes.plot(steps, values, color=BLUE, linewidth=1.6, marker="o", markersize=3.2)
        best = int(values.argmin())
        axes.plot(steps[best], values[best], "o", color="none", markeredgecolor=BLUE, markersize=9)
        ends["validation"] = (values, BLUE)
    if losses.min() > 0 and losses.max() / losses.min() >= 10:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if losses.max() / losses.min() < 1000 else (1,)))
        label_ticks(axes.yaxis)
        axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("step")
    label_ticks(axes.xaxis)
    label_ends(axes, ends)
    return figure


def smoothed(values: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return the centred moving average over about a thirtieth of the series, narrower at its ends.

    Example:
        >>> smoothed(np.array([1.0, 2.0, 4.0]))
        array([1., 2., 4.])
    """
    half = len(values) // 60
    total = np.concatenate([[0.0], np.cumsum(values, dtype=np.float64)])
    places = np.arange(len(values))
    reach = np.minimum(half, np.minimum(places, len(values) - 1 - places))
    return (total[places + reach + 1] - total[places - reach]) / (2 * reach + 1)


def _envelope(steps: NDArray[np.integer], values: NDArray[np.floating]) -> tuple[NDArray, NDArray]:
    """Thin a long series to the lowest and the highest value of each of its blocks, so that no spike is hidden."""
    block = -(-2 * len(values) // _MOST_POINTS)
    if block <= 2:
        return steps, values
    extremes = [
        start + place
        for start in range(0, len(values), block)
        for place in sorted({int(values[start : start + block].argmin()), int(values[start : start + block].argmax())})
    ]
    return steps[extremes], values[extremes]
