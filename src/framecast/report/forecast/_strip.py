"""Strips: the frames of an example side by side, as one picture for a page or a paper.

Shape letters: T input frames, K lead times.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import matplotlib
import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from PIL import Image

from framecast.runs import ResultFolder, Scale

from ..shared._palette import INK, QUIET
from ..shared._pictures import even_indices
from ..shared._words import short
from ._animation import time_label
from ._frames import ERROR_COLOURS, error_limit, error_picture, frame_picture
from ._run import Examples, read_examples, read_scale

_PICTURE = 256
_OUTLINE = "#c9cdd6"
# Lengths in inches: left margin, gap between frames, height of labels, space between strips, height of the key.
_MARGIN, _GAP, _LABEL, _SPACE, _KEY = 0.92, 0.045, 0.21, 0.32, 0.62


@dataclass(frozen=True)
class Choice:
    """An example, and why it is shown."""

    index: int
    title: str
    squared_error: float


class Block(NamedTuple):
    """Rows of pictures that have the times of their columns in common."""

    labels: list[str]
    """Times of the columns."""
    rows: dict[str, list[Image.Image]]
    """Pictures by the name of their row."""


def choose(examples: Examples) -> list[Choice]:
    """Choose the examples of median, lowest and highest squared error; of an even number, the lower median."""
    errors = examples.squared_error()
    order = [int(index) for index in np.argsort(errors, kind="stable")]
    ranks = {"Median": (len(order) - 1) // 2, "Best": 0, "Worst": len(order) - 1}
    if len(order) == 2:
        ranks = {"Worst": 1, "Best": 0}
    if len(order) == 1:
        ranks = {"Only": 0}
    return [Choice(order[rank], title, float(errors[order[rank]])) for title, rank in ranks.items()]


def strip_pictures(
    examples: Examples, index: int, columns: int, scale: Scale, limit: float, size: int
) -> tuple[Block, Block]:
    """Return the pictures of an example in two blocks, its input and its forecast.

    Args:
        examples: examples that a test stored.
        index: index of the example.
        columns: largest number of frames in a row.
        scale: scale of the data.
        limit: error at which the colours of the error saturate, in unit scale.
        size: longer side of a picture, in pixels.
    """
    past = even_indices(examples.input.shape[1], columns)
    ahead = even_indices(examples.target.shape[1], columns)
    frames, truth, forecast = examples.input[index], examples.target[index], examples.forecast[index]
    rows = {
        "Truth": [frame_picture(truth[time], scale, size) for time in ahead],
        "Forecast": [frame_picture(forecast[time], scale, size) for time in ahead],
        "Error": [error_picture(forecast[time], truth[time], limit, size) for time in ahead],
    }
    past_labels = [time_label(time - examples.input.shape[1] + 1) for time in past]
    return (
        Block(past_labels, {"Input": [frame_picture(frames[time], scale, size) for time in past]}),
        Block([time_label(time + 1) for time in ahead], rows),
    )


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
        examples: examples as :func:`read_examples` returns them.
        indices: indices of the examples to draw, from top to bottom.
        scale: scale of the data, for the colours and their key; default: the unit scale.
        columns: largest number of frames in a row; of a longer sequence an even choice is shown.
        width: width of the figure, in inches.

    Returns:
        The figure; ``figure.savefig(path)`` writes it.

    Raises:
        ValueError: if there is no example of such an index, or ``columns`` is less than two.
    """
    if columns < 2:
        raise ValueError(f"`columns` (={columns}) must be at least 2")
    if not indices or not all(0 <= index < len(examples) for index in indices):
        raise ValueError(f"`indices` (={list(indices)}) must be among the {len(examples)} examples, from 0")
    scale = scale or Scale()
    limit = error_limit(examples.forecast[list(indices)], examples.target[list(indices)], scale)
    strips = [strip_pictures(examples, index, columns, scale, limit, _PICTURE) for index in indices]

    picture = strips[0][0].rows["Input"][0]
    cell = (width - _MARGIN - 0.08) / max(len(block.labels) for block in strips[0]) - _GAP
    tall = cell * picture.height / picture.width
    strip = 2 * _LABEL + 4 * (tall + _GAP) + 0.06
    height = len(strips) * strip + (len(strips) - 1) * _SPACE + _KEY + 0.06
    figure = Figure(figsize=(width, height), facecolor="white")
    top = height - 0.04
    for blocks in strips:
        for block in blocks:
            top -= _LABEL
            for column, text in enumerate(block.labels):
                centre = _MARGIN + column * (cell + _GAP) + cell / 2
                figure.text(centre / width, (top + 0.055) / height, text, ha="center", fontsize=8.5, color=QUIET)
            for name, pictures in block.rows.items():
                top -= tall
                _draw_row(figure, name, pictures, top, cell, tall)
                top -= _GAP
            top -= 0.03
        top -= _SPACE
    _draw_key(figure, limit, scale)
    return figure


def _draw_row(figure: Figure, name: str, pictures: list[Image.Image], bottom: float, cell: float, tall: float) -> None:
    """Draw a row of pictures, ``cell`` wide and ``tall`` high, and its name; lengths in inches."""
    width, height = figure.get_size_inches()
    figure.text(
        (_MARGIN - 0.1) / width,
        (bottom + tall / 2) / height,
        name,
        ha="right",
        va="center",
        fontsize=9.5,
        color=INK,
        weight="bold" if name == "Forecast" else "normal",
    )
    for column, picture in enumerate(pictures):
        left = _MARGIN + column * (cell + _GAP)
        axes = figure.add_axes((left / width, bottom / height, cell / width, tall / height))
        axes.imshow(np.asarray(picture), aspect="auto", interpolation="antialiased")
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set(color=_OUTLINE, linewidth=0.6)


def _draw_key(figure: Figure, limit: float, scale: Scale) -> None:
    """Draw the colours of the error, with their values."""
    width, height = figure.get_size_inches()
    axes = figure.add_axes((_MARGIN / width, 0.36 / height, 2.2 / width, 0.09 / height))
    span = limit * (scale.high - scale.low)
    mappable = ScalarMappable(Normalize(-span, span), matplotlib.colormaps[ERROR_COLOURS])
    bar = figure.colorbar(mappable, cax=axes, orientation="horizontal", ticks=[])
    bar.outline.set(edgecolor=_OUTLINE, linewidth=0.6)
    for place, text in ((0.0, short(-span)), (1.1, "0"), (2.2, f"+{short(span)}")):
        figure.text((_MARGIN + place) / width, 0.18 / height, text, fontsize=8, color=QUIET, ha="center")
    figure.text(
        (_MARGIN + 2.35) / width,
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
        examples_npz: ``examples.npz`` in the folder of a test; the scores beside it, if there are any, name the scale.
        path: file to write; its ending selects the format (``.png``, ``.svg``, ``.pdf``).
        indices: indices of the examples to draw; default: the one with the median squared error.
        columns: largest number of frames in a row.
        width: width of the picture, in inches.
        dpi: dots per inch.

    Returns:
        ``path``.

    Raises:
        FileNotFoundError: if there is no ``examples_npz``.
        ValueError: if it cannot be read, or as for :func:`strip_figure`.
    """
    examples = read_examples(examples_npz)
    results = ResultFolder(examples_npz.parent)
    scale = read_scale(results) if results.metrics.is_file() else Scale()
    indices = [choose(examples)[0].index] if indices is None else list(indices)
    path.parent.mkdir(parents=True, exist_ok=True)
    strip_figure(examples, indices, scale=scale, columns=columns, width=width).savefig(path, dpi=dpi)
    return path
