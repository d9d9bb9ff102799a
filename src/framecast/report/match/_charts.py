"""Charts of a run that matches: the distances, the ROC curve, and the scores of validation.

Shape letters: P pairs.
"""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, MaxNLocator, NullFormatter, NullLocator
from numpy.typing import NDArray

from framecast.metrics import VerificationScores, roc, verification
from framecast.runs import Series, percent

from ..shared._axes import FONT, label_ends, label_ticks, plain_axes
from ..shared._palette import BLUE, INK, QUIET, VERMILION
from ..shared._words import number
from ._run import MatchPairs

_SAME, _DIFFERENT = BLUE, VERMILION
_BINS = 60
_CURVE_POINTS = 400
_LEAST_FALSE_ACCEPTS = 1e-5


def distance_chart(pairs: MatchPairs) -> Figure:
    """Draw histograms of the distances of pairs of one class and of pairs of two, with the threshold."""
    figure, axes = plain_axes(4.4, 2.9)
    # A few large distances would press all others into a corner: the chart leaves them out.
    end = min(float(pairs.distances.max()), 1.1 * float(np.quantile(pairs.distances, 0.999))) or 1.0
    edges = np.linspace(0, max(end, 1.05 * (pairs.threshold or 0)), _BINS + 1)
    for similar, name, colour in ((False, "two classes", _DIFFERENT), (True, "same class", _SAME)):
        distances = pairs.distances[pairs.similar == similar]
        counts = np.histogram(distances, edges)[0]
        axes.stairs(counts / len(distances), edges, fill=True, color=colour, alpha=0.3, label=name)
        axes.stairs(counts / len(distances), edges, color=colour, linewidth=1.4)
    if pairs.threshold is not None and 0 <= pairs.threshold <= edges[-1]:
        label = f"threshold {number(pairs.threshold)}"
        axes.axvline(pairs.threshold, color=INK, linewidth=1.1, linestyle=(0, (4, 2)), label=label)
    axes.set(xlim=(0, edges[-1]), ylim=(0, None), xlabel="distance")
    axes.yaxis.set_major_locator(MaxNLocator(4))
    label_ticks(axes.yaxis, 100, " %")
    label_ticks(axes.xaxis)
    axes.legend(
        loc="lower left",
        bbox_to_anchor=(-0.02, 1),
        ncols=3,
        frameon=False,
        fontsize=FONT,
        labelcolor=INK,
        handlelength=1.3,
        handletextpad=0.5,
        columnspacing=1.3,
        borderaxespad=0.1,
    )
    return figure


def roc_chart(pairs: MatchPairs) -> Figure:
    """Draw the ROC curve, false accepts on a logarithmic axis, with the threshold and the equal error rate marked."""
    curve = roc(pairs.distances, pairs.similar)
    scores = verification(pairs.distances, pairs.similar, pairs.threshold)
    least = max(1 / scores.different_pairs, _LEAST_FALSE_ACCEPTS)
    false_accepts = np.geomspace(least, 1, _CURVE_POINTS)
    points = np.searchsorted(curve.false_accepts, false_accepts * (1 + 1e-9), side="right") - 1
    true_accepts = curve.true_accepts[points]
    figure, axes = plain_axes(4.4, 2.9)
    axes.plot(false_accepts, true_accepts, color=_SAME, linewidth=2, drawstyle="steps-post")
    axes.set_xscale("log")
    marks = _marks(scores)
    for across, height, words, marker, colour in marks:
        (mark,) = axes.plot(max(across, least), height, marker, color="white", markersize=6, zorder=4, label=words)
        mark.set(markeredgecolor=colour, markeredgewidth=1.6, clip_on=False)
    low = min(true_accepts[0], *(height for _, height, *_ in marks))
    floor = max(np.floor(10 * low - 0.5) / 10, 0)
    axes.set(xlim=(least, 1), ylim=(floor, 1 + 0.03 * (1 - floor)))
    axes.set_xlabel("false accepts: share of pairs of two classes taken for one")
    axes.set_title(
        "true accepts: share of pairs of the same class found", fontsize=FONT, color=QUIET, loc="left", pad=5
    )
    decades = [10.0**power for power in range(-5, 1) if 10.0**power >= least * 0.999]
    axes.xaxis.set_major_locator(FixedLocator(decades))
    label_ticks(axes.xaxis, 100, " %")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_major_locator(MaxNLocator(5))
    label_ticks(axes.yaxis, 100, " %")
    # The legend lies in the half of the chart that the curve leaves free.
    below = bool(np.interp(np.log(0.02), np.log(false_accepts), true_accepts) > (1 + floor) / 2)
    axes.legend(
        loc="lower right" if below else "upper left",
        fontsize=FONT,
        labelcolor=INK,
        facecolor="white",
        framealpha=1,
        edgecolor="none",
        handletextpad=0.4,
        labelspacing=0.7,
        borderaxespad=0.6,
    )
    return figure


def _marks(scores: VerificationScores) -> list[tuple[float, float, str, str, str]]:
    """Return the marks on the ROC curve: share of false and of true accepts, words, marker and colour."""
    marks = [(scores.eer, 1 - scores.eer, f"equal error rate {percent(scores.eer)}", "D", QUIET)]
    if scores.threshold is not None:
        assert scores.false_accepts is not None
        assert scores.true_accepts is not None
        words = (
            f"threshold {number(scores.threshold)}:\n{percent(scores.true_accepts)} found, "
            f"{percent(scores.false_accepts)} false"
        )
        marks.append((scores.false_accepts, scores.true_accepts, words, "o", INK))
    return marks


def validation_chart(series: Series, name: str, best: str) -> Figure | None:
    """Draw a score of validation over the steps, its best value ringed; None if it was not logged.

    Args:
        series: steps and shares from 0 to 1.
        name: name of the score, at the end of the line.
        best: which value is best, ``"lowest"`` or ``"highest"``.
    """
    if not series[0]:
        return None
    steps, values = np.array(series[0]), 100 * np.array(series[1])
    figure, axes = plain_axes(4.4, 2.5)
    axes.plot(steps, values, color=_SAME, linewidth=1.6, marker="o", markersize=3.2)
    ringed = best_place(values, best)
    axes.plot(steps[ringed], values[ringed], "o", color="none", markeredgecolor=_SAME, markersize=9)
    axes.set_xlabel("step")
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    label_ticks(axes.xaxis)
    axes.yaxis.set_major_locator(MaxNLocator(5))
    label_ticks(axes.yaxis, unit=" %")
    label_ends(axes, {f"{name}, %": (values, _SAME)})
    return figure


def best_place(values: NDArray[np.floating], best: str) -> int:
    """Return the index of the ``"lowest"`` or ``"highest"`` value."""
    return int({"lowest": np.argmin, "highest": np.argmax}[best](values))
