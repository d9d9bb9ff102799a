"""The chart beside the page: time over the floor, and memory held, by case."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .layers import FLOOR, TEXTBOOK, Entry

INK, GRID = "#1c2330", "#e3e6eb"
# Okabe and Ito's colours, told apart by all readers; ours stand out by the dark edge too.
COLOURS = {
    TEXTBOOK: "#999999",
    "textbook compiled": "#56b4e9",
    "textbook compiled step": "#56b4e9",
    "keras torch": "#cc79a7",
    "keras jax": "#d55e00",
    "flax": "#f0e442",
    "ours reference": "#bfe3d6",
    "ours auto": "#009e73",
    "ours checkpoint=True": "#0072b2",
    "ours checkpoint=5": "#e69f00",
}
TIMED = [name for name in COLOURS if "checkpoint" not in name]
COUNTED = [TEXTBOOK, "ours auto", "ours checkpoint=True", "ours checkpoint=5"]
_FONT = 8


def draw(entries: Sequence[Entry], path: Path) -> None:
    """Draw one panel of times per data type and one of memory, and save them."""
    panels = {
        f"training step, {dtype}: time over that of the convolutions alone": (_over_floor(entries, dtype), TIMED)
        for dtype in dict.fromkeys(e.dtype for e in entries)
    }
    panels["memory held for the backward, share of the textbook loop's"] = (_of_textbook(entries), COUNTED)
    panels = {title: panel for title, panel in panels.items() if panel[0]}
    figure = Figure(figsize=(9.0, 2.7 * max(len(panels), 1)), layout="constrained", dpi=150)
    for k, (title, (values, names)) in enumerate(panels.items()):
        axes = figure.add_subplot(len(panels), 1, k + 1)
        _bars(axes, values, names)
        axes.set_title(title, loc="left", fontsize=_FONT + 1)
        axes.axhline(1, color=INK, linewidth=1, linestyle=(0, (4, 2)))
    figure.savefig(path)


def _over_floor(entries: Sequence[Entry], dtype: str) -> dict[tuple[str, str], float]:
    floors = {e.case: e.training.median for e in entries if e.name == FLOOR and e.dtype == dtype and e.training}
    return {
        (e.case, e.name): e.training.median / floors[e.case]
        for e in entries
        if e.dtype == dtype and e.training and e.case in floors
    }


def _of_textbook(entries: Sequence[Entry]) -> dict[tuple[str, str], float]:
    counted = [e for e in entries if e.memory and e.dtype == "float32"]
    whole = {e.case: e.memory.held for e in counted if e.name == TEXTBOOK and e.memory}
    return {(e.case, e.name): e.memory.held / whole[e.case] for e in counted if e.memory and e.case in whole}


def _bars(axes: Axes, values: dict[tuple[str, str], float], names: Sequence[str]) -> None:
    """One group of bars per case, one bar per name, each with its value above it."""
    cases = list(dict.fromkeys(case for case, _ in values))
    names = [name for name in names if any((case, name) in values for case in cases)]
    width = 0.86 / max(len(names), 1)
    # A contender far above all others would flatten the rest: its bar is cut, and an arrow says so.
    usual = [value for (_, name), value in values.items() if name == TEXTBOOK or name.startswith("ours")]
    highest = 1.5 * max(usual, default=1.0)
    top = 1.12 * max((value for value in values.values() if value <= highest), default=1.0)
    for k, name in enumerate(names):
        for group, case in enumerate(cases):
            if (case, name) not in values:
                continue
            value, x = values[case, name], group + (k - (len(names) - 1) / 2) * width
            edge = INK if name == "ours auto" else "none"
            label = name if group == next(g for g, c in enumerate(cases) if (c, name) in values) else None
            axes.bar(x, min(value, top), 0.92 * width, color=COLOURS[name], edgecolor=edge, linewidth=0.9, label=label)
            shown, cut = f"{value:.2f}" if value < 10 else f"{value:.0f}", value > highest
            axes.text(
                x,
                0.98 * top if cut else value + 0.01 * top,
                f"↑\n{shown}" if cut else shown,
                ha="center",
                va="top" if cut else "bottom",
                fontsize=_FONT - 2,
                color=INK,
            )
    axes.set_ylim(0, top)
    axes.set_xticks(range(len(cases)), cases, fontsize=_FONT)
    axes.tick_params(axis="both", length=0, labelsize=_FONT)
    axes.set_axisbelow(True)
    axes.grid(axis="y", color=GRID)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.legend(fontsize=_FONT - 1, frameon=False, ncols=1, loc="center left", bbox_to_anchor=(1.0, 0.5))
