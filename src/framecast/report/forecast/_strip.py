"""Strips: the frames of an example side by side, as one picture for a page or a paper.

Shape letters: T input frames, K lead times.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from PIL import Image

from ..shared._charts import INK, QUIET
from ..shared._frames import ERROR_COLOURS, error_limit, error_picture, frame_picture
from ..shared._words import short
from ._animation import time_label
from ._run import Examples, Scale, read_examples, read_scale


@dataclass(frozen=True)
class Choice:
    """An example and why it is shown."""

    index: int
    title: str
    squared_error: float


def choose(examples: Examples) -> list[Choice]:
    """Choose the examples with the median squared error, the best and the worst; of an even number the lower median."""
    errors = examples.squared_error()
    order = [int(index) for index in np.argsort(errors, kind="stable")]
    ranks = {"Median": (len(order) - 1) // 2, "Best": 0, "Worst": len(order) - 1}
    if len(order) == 2:
        ranks = {"Worst": 1, "Best": 0}
    if len(order) == 1:
        ranks = {"Only": 0}
    return [Choice(order[rank], title, float(errors[order[rank]])) for title, rank in ranks.items()]


def shown_times(count: int, columns: int) -> list[int]:
    """Choose at most `columns` of `count` frames, evenly, the first and the last among them.

    Example:
        >>> shown_times(4, 10), shown_times(21, 5)
        ([0, 1, 2, 3], [0, 5, 10, 15, 20])
    """
    return [int(time) for time in np.linspace(0, count - 1, min(count, columns)).round()]


def strip_pictures(
    examples: Examples, index: int, columns: int, scale: Scale, limit: float, size: int
) -> list[tuple[list[str], dict[str, list[Image.Image]]]]:
    """Return two blocks, input and forecast: the labels of their columns, and rows of pictures by name."""
    past = shown_times(examples.input.shape[1], columns)
    ahead = shown_times(examples.target.shape[1], columns)
    given, truth, forecast = examples.input[index], examples.target[index], examples.forecast[index]
    rows = {
        "Truth": [frame_picture(truth[time], scale, size) for time in ahead],
        "Forecast": [frame_picture(forecast[time], scale, size) for time in ahead],
        "Error": [error_picture(forecast[time], truth[time], limit, size) for time in ahead],
    }
    past_labels = [time_label(time - examples.input.shape[1] + 1) for time in past]
    return [
        (past_labels, {"Input": [frame_picture(given[time], scale, size) for time in past]}),
        ([time_label(time + 1) for time in ahead], rows),
    ]


def strip_figure(
    examples: Examples,
    indices: Sequence[int],
    *,
    scale: Scale | None = None,
    columns: int = 10,
    width: float = 10.0,
) -> Figure:
    """Draw input, truth, forecast and error of examples.

    Args:
        examples: what :func:`read_examples` returned.
        indices: which of them, from the top down.
        scale: the data's own scale, for the colour keys; default: the unit scale.
        columns: frames in a row at most; of a longer sequence an even choice is shown.
        width: of the figure, in inches.

    Returns:
        The figure; `figure.savefig(path)` writes it.

    Raises:
        ValueError: if there is no example of such an index, or fewer than two columns are asked for.
    """
    if columns < 2:
        raise ValueError(f"`columns` (={columns}) must be at least 2")
    if not indices or not all(0 <= index < len(examples) for index in indices):
        raise ValueError(f"`indices` (={list(indices)}) must be among the {len(examples)} examples, from 0")
    scale = scale or Scale()
    limit = error_limit(examples.forecast[list(indices)], examples.target[list(indices)], scale)
    strips = [strip_pictures(examples, index, columns, scale, limit, 256) for index in indices]

    picture = strips[0][0][1]["Input"][0]
    across = max(len(labels) for labels, _ in strips[0])
    margin, gap, label, space, key = 0.92, 0.045, 0.21, 0.32, 0.62
    cell = (width - margin - 0.08) / across - gap
    tall = cell * picture.height / picture.width
    strip = 2 * label + 4 * (tall + gap) + 0.06
    height = len(strips) * strip + (len(strips) - 1) * space + key + 0.06
    figure = Figure(figsize=(width, height), facecolor="white")
    top = height - 0.04
    for blocks in strips:
        for labels, rows in blocks:
            top -= label
            for place, text in enumerate(labels):
                centre = margin + place * (cell + gap) + cell / 2
                figure.text(centre / width, (top + 0.055) / height, text, ha="center", fontsize=8.5, color=QUIET)
            for name, pictures in rows.items():
                top -= tall
                weight = "bold" if name == "Forecast" else "normal"
                middle = (top + tall / 2) / height
                figure.text(
                    (margin - 0.1) / width,
                    middle,
                    name,
                    ha="right",
                    va="center",
                    fontsize=9.5,
                    color=INK,
                    weight=weight,
                )
                for place, image in enumerate(pictures):
                    left = margin + place * (cell + gap)
                    axes = figure.add_axes((left / width, top / height, cell / width, tall / height))
                    axes.imshow(np.asarray(image), aspect="auto", interpolation="antialiased")
                    axes.set(xticks=[], yticks=[])
                    axes.spines[:].set(color="#c9cdd6", linewidth=0.6)
                top -= gap
            top -= 0.03
        top -= space
    _draw_key(figure, limit, scale, margin)
    return figure


def _draw_key(figure: Figure, limit: float, scale: Scale, margin: float) -> None:
    width, height = figure.get_size_inches()
    axes = figure.add_axes((margin / width, 0.36 / height, 2.2 / width, 0.09 / height))
    span = limit * (scale.high - scale.low)
    mappable = ScalarMappable(Normalize(-span, span), matplotlib.colormaps[ERROR_COLOURS])
    bar = figure.colorbar(mappable, cax=axes, orientation="horizontal", ticks=[])
    bar.outline.set(edgecolor="#c9cdd6", linewidth=0.6)
    for place, text in ((0.0, short(-span)), (1.1, "0"), (2.2, f"+{short(span)}")):
        figure.text((margin + place) / width, 0.18 / height, text, fontsize=8, color=QUIET, ha="center")
    figure.text(
        (margin + 2.35) / width,
        0.36 / height,
        f"forecast − truth, {scale.words}",
        fontsize=8.5,
        color=QUIET,
        va="bottom",
    )


def save_strip(
    examples_npz: Path,
    path: Path,
    *,
    indices: Sequence[int] | None = None,
    columns: int = 10,
    width: float = 10.0,
    dpi: int = 150,
) -> Path:
    """Write the strips of stored examples as a picture.

    Args:
        examples_npz: the `examples.npz` of a test; the `metrics.json` beside it, if there is one, gives the scale.
        path: the file to write; its ending says which format (`.png`, `.svg`, `.pdf`).
        indices: which examples; default: the one with the median squared error.
        columns: frames in a row at most.
        width: in inches.
        dpi: dots per inch.

    Returns:
        `path`.

    Raises:
        FileNotFoundError: if there is no `examples_npz`.
        ValueError: if it cannot be read, or as for :func:`strip_figure`.
    """
    examples = read_examples(examples_npz)
    metrics = examples_npz.parent / "metrics.json"
    scale = read_scale(json.loads(metrics.read_text(encoding="utf-8"))["protocol"]) if metrics.is_file() else Scale()
    chosen = [choose(examples)[0].index] if indices is None else list(indices)
    path.parent.mkdir(parents=True, exist_ok=True)
    strip_figure(examples, chosen, scale=scale, columns=columns, width=width).savefig(path, dpi=dpi)
    return path
