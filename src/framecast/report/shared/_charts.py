"""Charts: the learning curve, and the scores by lead time."""

import io
import re

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter
from numpy.typing import NDArray

from ..forecast._run import Series
from ._frames import data_uri
from ._words import Scores, baselines, forecast_name, number, score_name, short

INK, QUIET, GRID = "#1c2330", "#5c6473", "#e3e6eb"
# Okabe and Ito's colours, told apart by all readers; the dashes tell them apart in print.
_STYLES = {
    "model": ("#0072b2", "-"),
    "last_frame": ("#d55e00", (0, (5, 2))),
    "mean_frame": ("#00805c", (0, (1, 1.4))),
    "zero": ("#8f5f86", (0, (5, 1.5, 1, 1.5))),
}
_OTHERS = ("#7a6a00", (0, (3, 1, 1, 1, 1, 1)))
FONT = 8.5
_RAW_POINTS = 1500
_SYSTEM_FONTS = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"


def lead_time_chart(scores: Scores, key: str) -> Figure | None:
    """Draw a score by lead time, the model against the baselines; None if no lead time has a value."""
    lines = {
        name: np.array([np.nan if value is None else value for value in scores[name][key]["by_lead_time"]], dtype=float)
        for name in ["model", *baselines(scores)]
        if key in scores.get(name, {})
    }
    lines = {name: values for name, values in lines.items() if np.isfinite(values).any()}
    if not lines:
        return None
    beyond = _off_the_chart(lines) if score_name(key).better == "lower" else None
    figure, axes = plain_axes(4.4, 2.75)
    for name, values in reversed(lines.items()):
        colour, dashes = _STYLES.get(name, _OTHERS)
        lead_times = np.arange(1, len(values) + 1)
        marker = "o" if len(values) <= 20 else None
        weight = 2.2 if name == "model" else 1.4
        if name != beyond:
            axes.plot(lead_times, values, c=colour, linestyle=dashes, linewidth=weight, marker=marker, markersize=2.6)
    shown = np.concatenate([values for name, values in lines.items() if name != beyond])
    if 0 <= np.nanmin(shown) < 0.6 * np.nanmax(shown):
        axes.set_ylim(0, axes.get_ylim()[1])
    axes.set_xlabel("lead time, frames")
    axes.set_xticks(_lead_time_ticks(max(map(len, lines.values()))))
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: short(value)))
    ends = {forecast_name(name): (values, _STYLES.get(name, _OTHERS)[0]) for name, values in lines.items()}
    label_ends(axes, ends, beyond and forecast_name(beyond))
    return figure


def _lead_time_ticks(horizon: int) -> list[int]:
    step = next(step for step in (1, 5, 10, 20, 50, 100, horizon) if horizon / step <= 12)
    return [1, *(tick for tick in range(step, horizon + 1, step) if tick > 1)]


def _off_the_chart(lines: dict[str, NDArray[np.floating]]) -> str | None:
    """Name a baseline so far above all else that it would flatten the chart; it is only written at the top."""
    if len(lines) < 3:
        return None
    name = max(lines, key=lambda name: np.nanmin(lines[name]))
    others = max(np.nanmax(values) for other, values in lines.items() if other != name)
    return name if name != "model" and others > 0 and np.nanmin(lines[name]) > 1.7 * others else None


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
        colour = _STYLES["model"][0]
        axes.plot(steps, values, color=colour, linewidth=1.6, marker="o", markersize=3.2)
        best = int(values.argmin())
        axes.plot(steps[best], values[best], "o", color="none", markeredgecolor=colour, markersize=9)
        ends["validation"] = (values, colour)
    if losses.min() > 0 and losses.max() / losses.min() >= 10:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if losses.max() / losses.min() < 1000 else (1,)))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: short(value)))
        axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("step")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: short(value)))
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


def svg_uri(figure: Figure) -> str:
    """Return a chart as SVG, in the reader's own system font, as an address that holds it."""
    buffer = io.BytesIO()
    with matplotlib.rc_context({"svg.fonttype": "none"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = re.sub(r"'DejaVu Sans'[^;\"]*", _SYSTEM_FONTS, buffer.getvalue().decode())
    return data_uri(text.encode(), "svg+xml")


def plain_axes(width: float, height: float) -> tuple[Figure, Axes]:
    """Return a figure of so many inches, and its axes with horizontal lines alone."""
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color("#a9afba")
    axes.tick_params(colors=QUIET, labelsize=FONT, length=0, which="both")
    axes.tick_params(axis="x", length=3, color="#a9afba")
    axes.grid(axis="y", color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.xaxis.label.set(color=QUIET, fontsize=FONT)
    return figure, axes


def label_ends(axes: Axes, lines: dict[str, tuple[NDArray[np.floating], str]], beyond: str | None = None) -> None:
    """Write each line's name and last value at its right end, moved apart where they would touch."""
    ends = {name: float(values[np.isfinite(values)][-1]) for name, (values, _) in lines.items()}
    names = sorted(ends, key=lambda name: ends[name])
    to_axes = axes.transData + axes.transAxes.inverted()
    right = axes.get_xlim()[1]
    heights = [1.0 if name == beyond else float(to_axes.transform((right, ends[name]))[1]) for name in names]
    room = axes.figure.get_figure(root=True).get_figheight() * 72 * 0.8  # points of the plotting area, roughly
    for name, height in zip(names, spread(heights, 2.5 * FONT / room), strict=True):
        axes.annotate(
            f"{name}\n{number(ends[name])}" + (" ↑ off the chart" if name == beyond else ""),
            (1, height),
            xytext=(5, 0),
            xycoords="axes fraction",
            textcoords="offset points",
            va="center",
            fontsize=FONT,
            color=lines[name][1],
            linespacing=1.05,
            fontweight="bold" if name == "Model" else "normal",
        )


def spread(heights: list[float], gap: float) -> list[float]:
    """Move ascending heights apart to at least `gap`, each group about its own mean.

    Example:
        >>> spread([0.0, 0.5, 0.5], 0.25)
        [0.0, 0.375, 0.625]
    """
    groups: list[list[float]] = []  # of heights as given; placed `gap` apart about their mean
    for height in heights:
        groups.append([height])
        while len(groups) > 1 and _bottom(groups[-1], gap) < _bottom(groups[-2], gap) + gap * len(groups[-2]):
            groups[-2:] = [groups[-2] + groups[-1]]
    return [_bottom(group, gap) + gap * place for group in groups for place in range(len(group))]


def _bottom(group: list[float], gap: float) -> float:
    return sum(group) / len(group) - gap * (len(group) - 1) / 2


def _envelope(steps: NDArray[np.integer], values: NDArray[np.floating]) -> tuple[NDArray, NDArray]:
    """Thin a long series to the lowest and highest value of each of its blocks, so that no spike is hidden."""
    block = -(-2 * len(values) // _RAW_POINTS)
    if block <= 2:
        return steps, values
    kept = [
        start + place
        for start in range(0, len(values), block)
        for place in sorted({int(values[start : start + block].argmin()), int(values[start : start + block].argmax())})
    ]
    return steps[kept], values[kept]
