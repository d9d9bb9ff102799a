"""The forecast in motion: input, then forecast beside truth and error."""

import io
from pathlib import Path
from typing import Any

import matplotlib
from PIL import Image, ImageDraw, ImageFont, features

from ..shared._frames import data_uri, error_picture, frame_picture, is_photograph, picture_uri
from ._run import Examples, Scale

_MOST_BYTES = 1_500_000
_PANEL = 288
_GAP = 20
_HEADER = 46
_FOOTER = 80
_INK, _QUIET, _ACCENT, _RULE, _EMPTY = "#1c2330", "#636b7a", "#0072b2", "#d5d8df", "#f7f7f7"


def animate(examples: Examples, index: int, scale: Scale, limit: float) -> tuple[str, str]:
    """Return an animation of one example and its last frame as a still, both as addresses that hold them.

    WebP, or an animated PNG where Pillow was built without WebP.
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
        if len(data) < _MOST_BYTES:
            break
    return data_uri(data, "webp"), still


def _encode(frames: list[Image.Image], kind: str, durations: list[int], **setting: Any) -> bytes:
    buffer = io.BytesIO()
    frames[0].save(buffer, kind, save_all=True, append_images=frames[1:], duration=durations, loop=0, **setting)
    return buffer.getvalue()


def _compose(examples: Examples, index: int, time: int, scale: Scale, limit: float) -> Image.Image:
    """One picture of the animation, `time` counted from the first input frame."""
    inputs, horizon = examples.input.shape[1], examples.target.shape[1]
    lead = time - inputs
    if lead < 0:
        frame = examples.input[index, time]
        seen = frame_picture(frame, scale, _PANEL)
        panels = [seen, seen, None]
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
        colour = _QUIET if lead < 0 else _ACCENT if place == 1 else _INK
        draw.text((left, 4), title, font=font(27, bold=lead >= 0), fill=colour)
        draw.rectangle((left - 1, _HEADER - 1, left + width, _HEADER + height), outline=_RULE, fill=_EMPTY)
        if panel is not None:
            canvas.paste(panel, (left, _HEADER))
        if place == 1 and lead >= 0:
            draw.rectangle((left - 2, _HEADER - 2, left + width + 1, _HEADER + height + 1), outline=_ACCENT, width=2)
    _draw_clock(draw, canvas.size, time, inputs, horizon)
    return canvas


def _draw_clock(draw: ImageDraw.ImageDraw, size: tuple[int, int], time: int, inputs: int, horizon: int) -> None:
    """Draw the lead time and a bar with one cell per frame."""
    width, height = size
    label = time_label(time - inputs + 1)
    draw.text((2, height - _FOOTER + 14), label, font=font(27, bold=True), fill=_QUIET if time < inputs else _ACCENT)
    left, top, count = 2 + 112, height - _FOOTER + 22, inputs + horizon
    cell = (width - 2 - left) / count
    gap = 3 if cell > 8 else 1
    for place in range(count):
        colour = ("#8d95a5" if place < inputs else _ACCENT) if place <= time else "#e4e6eb"
        start = left + place * cell
        draw.rectangle((round(start), top, max(round(start + cell) - gap, round(start) + 1), top + 13), fill=colour)
    small = font(21)
    draw.text((left, top + 22), "input", font=small, fill=_QUIET)
    draw.text((left + max(inputs * cell, 80), top + 22), "forecast", font=small, fill=_ACCENT)


def time_label(lead_time: int) -> str:
    """Name a time by its distance from the last input frame.

    Example:
        >>> time_label(0), time_label(3), time_label(-9)
        ('t', 't+3', 't−9')
    """
    if lead_time == 0:
        return "t"
    return f"t+{lead_time}" if lead_time > 0 else f"t−{-lead_time}"


def font(size: int, bold: bool = False) -> ImageFont.FreeTypeFont:
    """Return the typeface that comes with matplotlib, `size` pixels high."""
    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    return ImageFont.truetype(str(folder / ("DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf")), size)
