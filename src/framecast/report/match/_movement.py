"""The embedding in motion: where some images lie, epoch after epoch.

Shape letters: m images, E embedding size.
"""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageColor, ImageDraw

from ..shared._palette import BLUE, EDGE, INK
from ..shared._pictures import MOST_BYTES, data_uri, draw_time_bar, even_indices, font, picture_uri
from ._class_colours import ClassColours
from ._embedding import short_name
from ._plane import Plane, window
from ._run import Movement

_MOST_POINTS = 800
_WIDTH, _HEIGHT, _LEGEND = 840, 560, 180
_HEADER = 54
_FINER = 2  # factor by which points are drawn larger and then reduced, for smooth edges
_RADIUS = 4.0
_TO_COME = "#e4e6eb"
# Pictures between two epochs, and the most epochs to show; tried in turn until the file is small enough.
_TRIES = ((3, 16), (2, 24), (1, 40), (0, 60), (0, 40), (0, 25), (0, 15), (0, 8), (0, 4))


def animate_movement(movement: Movement, plane: Plane, palette: ClassColours) -> tuple[str, str, int]:
    """Return an animation of the movement, its last picture as a still, and the number of epochs it stops at.

    The axes are the same in all pictures. Between two epochs the points move in a straight line.

    Args:
        movement: positions of images by epoch.
        plane: plane in which the positions are drawn.
        palette: colours of the images' classes.

    Returns:
        The animation (GIF) and the still as addresses that hold them, and the number of epochs.
    """
    images = even_indices(len(movement.labels), _MOST_POINTS)
    points = plane(movement.positions[:, images])
    colours = [palette.colours[group] for group in palette.groups(movement.labels[images])]
    left, bottom, span = window(points, (_HEIGHT - _HEADER) / (_WIDTH - _LEGEND))
    scale = (_WIDTH - _LEGEND) / span
    pixels = np.stack([(points[..., 0] - left) * scale, _HEIGHT - (points[..., 1] - bottom) * scale], axis=-1)
    for between, most in _TRIES:
        stops = even_indices(len(points), most)
        if between and len(stops) < len(points):
            continue  # pictures between epochs are worth it only if every epoch is shown
        pictures, durations = _pictures(pixels, stops, between, movement.epochs, colours, palette)
        data = _encode(pictures, durations, [*palette.colours, INK, BLUE, EDGE, _TO_COME])
        if len(data) < MOST_BYTES:
            break
    return data_uri(data, "gif"), picture_uri(pictures[-1]), len(stops)


def _pictures(
    pixels: NDArray[np.float64],
    stops: list[int],
    between: int,
    epochs: NDArray[np.integer],
    colours: list[str],
    palette: ClassColours,
) -> tuple[list[Image.Image], list[int]]:
    """Draw the pictures of an animation; return them and the milliseconds that each is shown."""
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
    palette: ClassColours,
) -> Image.Image:
    """Draw one picture: points ``(m, 2)`` in pixels, at the stop number ``place``."""
    fine = Image.new("RGB", (_FINER * _WIDTH, _FINER * _HEIGHT), "white")
    draw = ImageDraw.Draw(fine)
    for (x, y), colour in zip(_FINER * pixels, colours, strict=True):
        radius = _FINER * _RADIUS
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour, outline="white")
    _draw_legend(draw, palette)
    canvas = fine.resize((_WIDTH, _HEIGHT), Image.Resampling.BOX)
    draw = ImageDraw.Draw(canvas)
    draw.rectangle((0, _HEADER - 1, _WIDTH - _LEGEND, _HEIGHT - 1), outline=EDGE)
    draw.text((2, 8), f"Epoch {epochs[stops[place]]}", font=font(24, bold=True), fill=INK)
    cells = [BLUE] * (place + 1) + [_TO_COME] * (len(stops) - place - 1)
    draw_time_bar(draw, cells, left=170, right=_WIDTH - _LEGEND, top=18, height=12)
    return canvas


def _draw_legend(draw: ImageDraw.ImageDraw, palette: ClassColours) -> None:
    left, radius = _FINER * (_WIDTH - _LEGEND + 22), _FINER * 6
    for place, (name, colour) in enumerate(zip(palette.names, palette.colours, strict=True)):
        middle = _FINER * (_HEADER + 12 + 28 * place)
        draw.ellipse((left - radius, middle - radius, left + radius, middle + radius), fill=colour)
        draw.text((left + _FINER * 14, middle), short_name(name), font=font(_FINER * 16), fill=INK, anchor="lm")


def _encode(pictures: list[Image.Image], durations: list[int], colours: list[str]) -> bytes:
    """Encode pictures as GIF in white, the colours, and their mixtures with white at the edges of shapes."""
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
