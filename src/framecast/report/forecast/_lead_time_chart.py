"""Chart of a score by lead time, the model against the baselines."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from framecast.runs import score_title

from ..shared._axes import label_ends, label_ticks, plain_axes
from ..shared._palette import BLUE, GREEN, PURPLE, VERMILION
from ._run import Scores
from ._words import MODEL, baselines, forecast_heading

# Colour and dashes of each forecast's line; the dashes tell the lines apart in print.
_STYLES = {
    MODEL: (BLUE, "-"),
    "last_frame": (VERMILION, (0, (5, 2))),
    "mean_frame": (GREEN, (0, (1, 1.4))),
    "zero": (PURPLE, (0, (5, 1.5, 1, 1.5))),
}
_OTHERS = ("#7a6a00", (0, (3, 1, 1, 1, 1, 1)))


def lead_time_chart(scores: Scores, key: str) -> Figure | None:
    """Draw a score by lead time, the model against the baselines; None if no lead time has a value."""
    lines = {
        name: np.array([np.nan if value is None else value for value in scores[name][key]["by_lead_time"]], dtype=float)
        for name in [MODEL, *baselines(scores)]
        if key in scores.get(name, {})
    }
    lines = {name: values for name, values in lines.items() if np.isfinite(values).any()}
    if not lines:
        return None
    beyond = _off_the_chart(lines) if score_title(key).better == "lower" else None
    figure, axes = plain_axes(4.4, 2.75)
    for name, values in reversed(lines.items()):
        colour, dashes = _STYLES.get(name, _OTHERS)
        lead_times = np.arange(1, len(values) + 1)
        marker = "o" if len(values) <= 20 else None
        weight = 2.2 if name == MODEL else 1.4
        if name != beyond:
            axes.plot(lead_times, values, c=colour, linestyle=dashes, linewidth=weight, marker=marker, markersize=2.6)
    drawn = np.concatenate([values for name, values in lines.items() if name != beyond])
    if 0 <= np.nanmin(drawn) < 0.6 * np.nanmax(drawn):
        axes.set_ylim(0, axes.get_ylim()[1])
    axes.set_xlabel("lead time, frames")
    axes.set_xticks(_lead_time_ticks(max(map(len, lines.values()))))
    axes.yaxis.set_major_locator(MaxNLocator(5))
    label_ticks(axes.yaxis)
    ends = {forecast_heading(name): (values, _STYLES.get(name, _OTHERS)[0]) for name, values in lines.items()}
    label_ends(axes, ends, bold=forecast_heading(MODEL), beyond=beyond and forecast_heading(beyond))
    return figure


def _lead_time_ticks(horizon: int) -> list[int]:
    step = next(step for step in (1, 5, 10, 20, 50, 100, horizon) if horizon / step <= 12)
    return [1, *(tick for tick in range(step, horizon + 1, step) if tick > 1)]


def _off_the_chart(lines: dict[str, NDArray[np.floating]]) -> str | None:
    """Name a baseline so far above all other lines that it would flatten them; the chart only names it at the top."""
    if len(lines) < 3:
        return None
    name = max(lines, key=lambda name: np.nanmin(lines[name]))
    others = max(np.nanmax(values) for other, values in lines.items() if other != name)
    return name if name != MODEL and others > 0 and np.nanmin(lines[name]) > 1.7 * others else None
