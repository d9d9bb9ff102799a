"""A forecast in motion: the input frames, then each forecast frame between the true one and the error."""

import io
from typing import Any

from PIL import Image, ImageDraw, features

from framecast.runs import Scale

from ..shared._palette import BLUE, EDGE, INK
from ..shared._pictures import MOST_BYTES, data_uri, draw_time_bar, font, picture_uri
from ._frames import error_picture, frame_picture, is_photograph
from ._run import Examples

_PANEL = 288
_GAP = 20
_HEADER = 46
_FOOTER = 80
_QUIET, _EMPTY = "#636b7a", "#f7f7f7"
_PAST, _FUTURE = "#8d95a5", "#e4e6eb"


def animate(examples: Examples, index: int, scale: Scale, limit: float) -> tuple[str, str]:
    """Return an animation of one example, and its last frame as a still, both as addresses that hold them.

    The animation is a WebP, or an animated PNG where Pillow was built without WebP.

    Args:
        examples: examples that a test stored.
        index: index of the example to animate.
        scale: scale of the data, which selects the colours.
        limit: error at which the colours of the error saturate, in unit scale.
    """
    inputs, horizon = examples.input.shape[1], examples.target.shape[1]
    frames = [_compose(examples, index, time, scale, limit) for time in range(inputs + horizon)]
    pace = 2 / 3 if inputs + horizon > 30 else 1
    durations = [*[round(180 * pace)] * inputs, *[round(330 * pace)] * (horizon - 1), 1600]
    photograph = is_photograph(examples.input, _PANEL)
    still = picture_uri(frames[-1], photograph)
    if not features.check("webp"):
        return data_uri(_encode(frames, "PNG", durations), "apng"), still
    settings: list[dict[str, Any]] = [{"quality": quality} for quality in (82, 60, 40, 20)]
    if not photograph:
        settings.insert(0, {"lossless": True, "quality": 60})
    for setting in settings:
        data = _encode(frames, "WEBP", durations, method=4, **setting)
        if len(data) < MOST_BYTES:
            break
    return data_uri(data, "webp"), still


def _encode(frames: list[Image.Image], kind: str, durations: list[int], **setting: Any) -> bytes:
    buffer = io.BytesIO()
    frames[0].save(buffer, kind, save_all=True, append_images=frames[1:], duration=durations, loop=0, **setting)
    return buffer.getvalue()


def _compose(examples: Examples, index: int, time: int, scale: Scale, limit: float) -> Image.Image:
    """Compose one picture of the animation; ``time`` counts from the first input frame."""
    inputs, horizon = examples.input.shape[1], examples.target.shape[1]
    lead = time - inputs
    if lead < 0:
        frame = frame_picture(examples.input[index, time], scale, _PANEL)
        panels = [frame, frame, None]
    else:
        truth, forecast = examples.target[index, lead], examples.forecast[index, lead]
        panels = [
            frame_picture(truth, scale, _PANEL),
            frame_picture(forecast, scale, _PANEL),
            error_picture(forecast, truth, limit, _PANEL),
        ]
    first = panels[0]
    assert first is not None
    width, height = first.size
    # Narrow frames still need room for their headings.
    column = max(width, 190)
    canvas = Image.new("RGB", (3 * column + 2 * _GAP + 4, height + _HEADER + _FOOTER), "white")
    draw = ImageDraw.Draw(canvas)
    titles = ("Input", "Input", "Error") if lead < 0 else ("Truth", "Forecast", "Error")
    for place, (panel, title) in enumerate(zip(panels, titles, strict=True)):
        left = 2 + place * (column + _GAP) + (column - width) // 2
        colour = _QUIET if lead < 0 else BLUE if place == 1 else INK
        draw.text((left, 4), title, font=font(27, bold=lead >= 0), fill=colour)
        draw.rectangle((left - 1, _HEADER - 1, left + width, _HEADER + height), outline=EDGE, fill=_EMPTY)
        if panel is not None:
            canvas.paste(panel, (left, _HEADER))
        if place == 1 and lead >= 0:
            draw.rectangle((left - 2, _HEADER - 2, left + width + 1, _HEADER + height + 1), outline=BLUE, width=2)
    _draw_clock(draw, canvas.size, time, inputs, horizon)
    return canvas


def _draw_clock(draw: ImageDraw.ImageDraw, size: tuple[int, int], time: int, inputs: int, horizon: int) -> None:
    """Draw the lead time, and a bar with one cell for each frame."""
    width, height = size
    label = time_label(time - inputs + 1)
    draw.text((2, height - _FOOTER + 14), label, font=font(27, bold=True), fill=_QUIET if time < inputs else BLUE)
    left, top = 2 + 112, height - _FOOTER + 22
    colours = [*[_PAST] * inputs, *[BLUE] * horizon][: time + 1] + [_FUTURE] * (inputs + horizon - time - 1)
    cell = draw_time_bar(draw, colours, left=left, right=width - 2, top=top, height=13)
    small = font(21)
    draw.text((left, top + 22), "input", font=small, fill=_QUIET)
    draw.text((left + max(inputs * cell, 80), top + 22), "forecast", font=small, fill=BLUE)


def time_label(lead_time: int) -> str:
    """Name a time by its distance from the last input frame.

    Example:
        >>> time_label(0), time_label(3), time_label(-9)
        ('t', 't+3', 't−9')
    """
    if lead_time == 0:
        return "t"
    return f"t+{lead_time}" if lead_time > 0 else f"t−{-lead_time}"
