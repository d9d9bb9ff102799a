"""The embedding in motion: where some images lie, epoch after epoch.

Shape letters: m images, E embedding size.
"""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageColor, ImageDraw

from ..forecast._animation import font
from ..shared._frames import data_uri, picture_uri
from ..shared._palette import Palette
from ._embedding import shortened
from ._principal_axes import Projection, view
from ._run import Movement

_MOST_BYTES = 1_500_000
_MOST_POINTS = 800
_WIDTH, _HEIGHT, _LEGEND = 840, 560, 180
_HEADER = 54
_FINER = 2  # drawn so much larger, and reduced, for smooth edges
_RADIUS = 4.0
_INK, _ACCENT, _RULE, _EMPTY = "#1c2330", "#0072b2", "#d5d8df", "#e4e6eb"
# Pictures between two epochs and the most epochs shown, tried in turn until the file is small enough.
_TRIES = ((3, 16), (2, 24), (1, 40), (0, 60), (0, 40), (0, 25), (0, 15), (0, 8), (0, 4))


def animate_movement(movement: Movement, projection: Projection, palette: Palette) -> tuple[str, str, int]:
    """Return an animation of the movement, its last picture as a still, and how many epochs it stops at.

    The axes are the same in all pictures. Between two epochs the points move in a straight line.

    Args:
        movement: positions by epoch.
        projection: the plane to see them in.
        palette: the colours of their classes.

    Returns:
        Animation (GIF) and still as addresses that hold them, and a number of epochs.
    """
    chosen = np.unique(np.linspace(0, len(movement.labels) - 1, _MOST_POINTS).round().astype(int))
    points = projection(movement.positions[:, chosen])
    colours = [palette.colours[group] for group in palette.groups(movement.labels[chosen])]
    left, bottom, span = view(points, (_HEIGHT - _HEADER) / (_WIDTH - _LEGEND))
    scale = (_WIDTH - _LEGEND) / span
    pixels = np.stack([(points[..., 0] - left) * scale, _HEIGHT - (points[..., 1] - bottom) * scale], axis=-1)
    for between, most in _TRIES:
        stops = shown_epochs(len(points), most)
        if between and len(stops) < len(points):
            continue  # with so few pictures to each, rather all epochs
        pictures, durations = _pictures(pixels, stops, between, movement.epochs, colours, palette)
        data = _encode(pictures, durations, [*palette.colours, _INK, _ACCENT, _RULE, _EMPTY])
        if len(data) < _MOST_BYTES:
            break
    return data_uri(data, "gif"), picture_uri(pictures[-1]), len(stops)


def shown_epochs(count: int, most: int) -> list[int]:
    """Choose at most `most` of `count` epochs, evenly, the first and the last among them.

    Example:
        >>> shown_epochs(3, 16), shown_epochs(100, 4)
        ([0, 1, 2], [0, 33, 66, 99])
    """
    return [int(epoch) for epoch in np.linspace(0, count - 1, min(count, most)).round()]


def _pictures(
    pixels: NDArray[np.float64],
    stops: list[int],
    between: int,
    epochs: NDArray[np.integer],
    colours: list[str],
    palette: Palette,
) -> tuple[list[Image.Image], list[int]]:
    """Draw the pictures of an animation, and say for how many milliseconds each is shown."""
    pictures, durations = [], []
    for place, stop in enumerate(stops):
        pictures.append(_draw(pixels[stop], place, stops, epochs, colours, palette))
        durations.append(2400 if place == len(stops) - 1 else 220 if between else 330)
        if place + 1 < len(stops):
            for step in range(1, between + 1):
                part = step / (between + 1)
                part = part * part * (3 - 2 * part)  # sets off and arrives gently
                moved = (1 - part) * pixels[stop] + part * pixels[stops[place + 1]]
                pictures.append(_draw(moved, place, stops, epochs, colours, palette))
                durations.append(90)
    return pictures, durations


def _draw(
    pixels: NDArray[np.float64],
    place: int,
    stops: list[int],
    epochs: NDArray[np.integer],
    colours: list[str],
    palette: Palette,
) -> Image.Image:
    """Draw one picture, of points `(m, 2)` at the stop `place`."""
    fine = Image.new("RGB", (_FINER * _WIDTH, _FINER * _HEIGHT), "white")
    draw = ImageDraw.Draw(fine)
    for (x, y), colour in zip(_FINER * pixels, colours, strict=True):
        radius = _FINER * _RADIUS
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour, outline="white")
    _draw_legend(draw, palette)
    canvas = fine.resize((_WIDTH, _HEIGHT), Image.Resampling.BOX)
    draw = ImageDraw.Draw(canvas)
    draw.rectangle((0, _HEADER - 1, _WIDTH - _LEGEND, _HEIGHT - 1), outline=_RULE)
    draw.text((2, 8), f"Epoch {epochs[stops[place]]}", font=font(24, bold=True), fill=_INK)
    # A bar with one cell per stop.
    left, right, top = 170, _WIDTH - _LEGEND, 18
    cell = (right - left) / len(stops)
    gap = 2 if cell > 6 else 0
    for number in range(len(stops)):
        start = left + number * cell
        colour = _ACCENT if number <= place else _EMPTY
        draw.rectangle((round(start), top, max(round(start + cell) - 1 - gap, round(start)), top + 12), fill=colour)
    return canvas


def _draw_legend(draw: ImageDraw.ImageDraw, palette: Palette) -> None:
    left, radius = _FINER * (_WIDTH - _LEGEND + 22), _FINER * 6
    for place, (name, colour) in enumerate(zip(palette.names, palette.colours, strict=True)):
        middle = _FINER * (_HEADER + 12 + 28 * place)
        draw.ellipse((left - radius, middle - radius, left + radius, middle + radius), fill=colour)
        words = shortened(name)
        draw.text((left + _FINER * 14, middle), words, font=font(_FINER * 16), fill=_INK, anchor="lm")


def _encode(pictures: list[Image.Image], durations: list[int], colours: list[str]) -> bytes:
    """Encode pictures as GIF, in white, the colours given and their mixtures with white at the edges of shapes."""
    pure = np.array([ImageColor.getrgb(colour) for colour in colours])
    mixed = np.concatenate([share * pure + (1 - share) * 255 for share in (1, 0.75, 0.5, 0.25)])
    table = Image.new("P", (1, 1))
    table.putpalette([255, 255, 255, *mixed.round().astype(int).ravel().tolist()])
    reduced = [picture.quantize(palette=table, dither=Image.Dither.NONE) for picture in pictures]
    buffer = io.BytesIO()
    reduced[0].save(
        buffer, "GIF", save_all=True, append_images=reduced[1:], duration=durations, loop=0, disposal=1, optimize=False
    )
    return buffer.getvalue()
