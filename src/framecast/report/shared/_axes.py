"""Axes of charts, with the name of each line at its end, and charts as SVG."""

import io
import re

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter
from numpy.typing import NDArray

from ._palette import GRID, QUIET
from ._pictures import data_uri
from ._words import number, short

FONT = 8.5
"""Size of all text in a chart, in points."""
_SYSTEM_FONTS = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"


def svg_uri(figure: Figure) -> str:
    """Return an address that holds a chart as SVG; its text is set in the reader's own system font."""
    buffer = io.BytesIO()
    with matplotlib.rc_context({"svg.fonttype": "none"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = re.sub(r"'DejaVu Sans'[^;\"]*", _SYSTEM_FONTS, buffer.getvalue().decode())
    return data_uri(text.encode(), "svg+xml")


def plain_axes(width: float, height: float) -> tuple[Figure, Axes]:
    """Return a figure and its axes, with no frame and horizontal grid lines only.

    Args:
        width: width of the figure, in inches.
        height: height of the figure, in inches.
    """
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


def label_ticks(axis: Axis, factor: float = 1.0, unit: str = "") -> None:
    """Write the ticks of an axis as short numbers.

    Args:
        axis: the axis, x or y.
        factor: factor from a value on the axis to the number to write.
        unit: text after each number.
    """
    # Rounding turns a value such as 1e-17, which stands for 0, into 0.
    axis.set_major_formatter(FuncFormatter(lambda value, _: short(round(factor * value, 12)) + unit))


def label_ends(
    axes: Axes,
    lines: dict[str, tuple[NDArray[np.floating], str]],
    *,
    bold: str | None = None,
    beyond: str | None = None,
) -> None:
    """Write the name and the last value of each line at its right end, moved apart where two would touch.

    Args:
        axes: axes that hold the lines.
        lines: values and colour of each line, by name.
        bold: name of the line to emphasise.
        beyond: name of a line that is not drawn because it lies above the chart; it is named at the top.
    """
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
            fontweight="bold" if name == bold else "normal",
        )


def spread(heights: list[float], gap: float) -> list[float]:
    """Move ascending heights apart to at least ``gap``; each group that touches keeps its mean.

    Example:
        >>> spread([0.0, 0.5, 0.5], 0.25)
        [0.0, 0.375, 0.625]
    """
    groups: list[list[float]] = []  # original heights of labels that touch
    for height in heights:
        groups.append([height])
        while len(groups) > 1 and _bottom(groups[-1], gap) < _bottom(groups[-2], gap) + gap * len(groups[-2]):
            groups[-2:] = [groups[-2] + groups[-1]]
    return [_bottom(group, gap) + gap * place for group in groups for place in range(len(group))]


def _bottom(group: list[float], gap: float) -> float:
    return sum(group) / len(group) - gap * (len(group) - 1) / 2
