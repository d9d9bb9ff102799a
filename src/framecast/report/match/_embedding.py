"""The embedding as a picture: a point for every image, and for some the image itself.

Shape letters: n images.
"""

import io

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from numpy.typing import NDArray
from PIL import Image

from ..shared._palette import EDGE, INK, QUIET
from ._class_colours import ClassColours
from ._plane import Plane, window
from ._run import Embedding

_WIDTH, _HEIGHT = 9.6, 6.6
_LEFT, _BOTTOM, _MARGIN = 0.3, 0.3, 0.06
_THUMBNAIL = 0.3
_MOST_THUMBNAILS = 140
_DPI = 190


def embedding_figure(embedding: Embedding, plane: Plane, palette: ClassColours) -> Figure:
    """Draw the embedding, coloured by class, with thumbnails that do not overlap.

    Args:
        embedding: images and their vectors.
        plane: plane in which the vectors are drawn.
        palette: colours of the classes.
    """
    figure = Figure(figsize=(_WIDTH, _HEIGHT), facecolor="white")
    legend = 0.4 + 0.083 * max(len(short_name(name)) for name in palette.names)
    width, height = _WIDTH - _LEFT - legend, _HEIGHT - _BOTTOM - _MARGIN
    axes = figure.add_axes((_LEFT / _WIDTH, _BOTTOM / _HEIGHT, width / _WIDTH, height / _HEIGHT))
    points = plane(embedding.vectors)
    left, bottom, span = window(points, height / width)
    axes.set(xlim=(left, left + span), ylim=(bottom, bottom + span * height / width), xticks=[], yticks=[])
    axes.spines[:].set(color=EDGE, linewidth=0.8)
    across, up = plane.axis_names
    axes.set_xlabel(across, fontsize=9.5, color=QUIET, labelpad=6)
    axes.set_ylabel(up, fontsize=9.5, color=QUIET, labelpad=6)

    groups = palette.groups(embedding.labels)
    # In random order no class covers all others; points without a colour of their own lie below.
    order = np.random.default_rng(0).permutation(len(points))
    order = order[np.argsort(groups[order] != palette.others, kind="stable")]
    size = float(np.clip(12_000 / len(points), 5, 26))
    colours = [palette.colours[group] for group in groups[order]]
    axes.scatter(points[order, 0], points[order, 1], s=size, c=colours, alpha=0.75, linewidths=0, zorder=2)
    side = _THUMBNAIL / width * span
    for place in apart(points[order], side, _MOST_THUMBNAILS):
        image = order[place]
        _draw_thumbnail(axes, embedding.images[image], points[image], side, palette.colours[groups[image]])
    axes.set(xlim=(left, left + span), ylim=(bottom, bottom + span * height / width))
    _draw_legend(figure, palette, 1 - (legend - 0.1) / _WIDTH)
    return figure


def embedding_picture(figure: Figure) -> Image.Image:
    """Return the figure as a picture for a page."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=_DPI)
    return Image.open(buffer).convert("RGB")


def apart(points: NDArray[np.float64], side: float, most: int) -> list[int]:
    """Choose points whose squares do not overlap: one after another, each that keeps clear of those before.

    Args:
        points: ``(n, 2)``, centres of the squares.
        side: side of a square; a sixth of it stays free between two squares.
        most: largest number of points to choose.

    Example:
        >>> apart(np.array([[0.0, 0.0], [0.9, 0.0], [0.0, 1.5], [5.0, 5.0]]), 1.0, 9)
        [0, 2, 3]
    """
    chosen: list[int] = []
    free = np.ones(len(points), dtype=bool)
    for index, point in enumerate(points):
        if free[index] and len(chosen) < most:
            chosen.append(index)
            free &= np.abs(points - point).max(axis=1) >= 7 / 6 * side
    return chosen


def _draw_thumbnail(
    axes: Axes, image: NDArray[np.uint8], centre: NDArray[np.float64], side: float, colour: str
) -> None:
    """Draw an image in a square about a point, with a frame in the colour of its class."""
    height, width = image.shape[:2]
    across, up = (side * length / max(height, width) for length in (width, height))
    left, bottom = centre[0] - across / 2, centre[1] - up / 2
    # With the corners as `extent`; without it matplotlib would fit the window to the image.
    extent = (left, left + across, bottom, bottom + up)
    axes.imshow(image, cmap="gray", vmin=0, vmax=255, extent=extent, aspect="auto", zorder=3, interpolation="nearest")
    # The white line keeps a dark frame apart from a dark image.
    for line, weight, layer in ((colour, 3.2, 2.9), ("white", 0.7, 4)):
        frame = Rectangle((left, bottom), across, up, fill=False, edgecolor=line, linewidth=weight, zorder=layer)
        axes.add_patch(frame)


def _draw_legend(figure: Figure, palette: ClassColours, left: float) -> None:
    marks = [
        Line2D([], [], linestyle="", marker="o", markersize=8, color=colour, markeredgewidth=0)
        for colour in palette.colours
    ]
    figure.legend(
        marks,
        [short_name(name) for name in palette.names],
        loc="upper left",
        bbox_to_anchor=(left, 1 - _MARGIN / _HEIGHT),
        frameon=False,
        fontsize=9.5,
        labelcolor=INK,
        handlelength=1,
        handletextpad=0.4,
        borderpad=0,
        borderaxespad=0.2,
        labelspacing=0.75,
    )


def short_name(name: str, most: int = 14) -> str:
    """Cut a name to what fits beside the picture.

    Example:
        >>> short_name("Greek"), short_name("Japanese_(katakana)")
        ('Greek', 'Japanese_(kat…')
    """
    return name if len(name) <= most else name[: most - 1] + "…"
