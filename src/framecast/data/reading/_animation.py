"""The frames of GIF, PNG and WebP files, counted without decoding them: how many are whole, and when each is shown."""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np


@dataclass
class Animation:
    """What the structure of a file says.

    Attributes:
        count: number of frames whose data are all there.
        declared: number of frames that the file says it holds; None if it does not say.
        delays: seconds that each frame is shown.
        is_cut: whether the file ends before its mark of the end.
        has_preview: whether the first picture is no frame of the animation, but what viewers of stills show.
        bits: bits of a sample.
        is_grey: whether all palettes hold greys alone; False without palettes.
    """

    count: int = 0
    declared: int | None = None
    delays: list[float] = field(default_factory=list)
    is_cut: bool = True
    has_preview: bool = False
    bits: int = 8
    is_grey: bool = False

    def times(self) -> np.ndarray | None:
        """Seconds ``(T,)`` at which each frame comes; None for a still or where no delay is told."""
        delays = self.delays[: self.count]
        if self.count < 2 or len(delays) < self.count or not any(delays[:-1]):
            return None
        return np.concatenate([[0.0], np.cumsum(delays[:-1])])


def read_animation(path: Path, format: str) -> Animation | None:
    """Read the structure of a file of a format; None for formats whose structure is not known here."""
    walk = _WALKS.get(format)
    if walk is None:
        return None
    animation = Animation()
    try:
        walk(path.read_bytes(), animation)
    except (IndexError, struct.error):  # the data end within a block
        animation.is_cut = True
    return animation


def _walk_gif(data: bytes, animation: Animation) -> None:
    flags, place = data[10], 13
    palettes = []
    has_global = bool(flags & 0x80)
    if has_global:
        palettes.append(_palette(data, place, flags))
        place += 3 << ((flags & 7) + 1)
    delay, uses_global = 0.0, False
    while True:
        block = data[place]
        if block == 0x3B:
            animation.is_cut = False
            break
        if block == 0x21:  # an extension
            if data[place + 1] == 0xF9:
                delay = struct.unpack_from("<H", data, place + 4)[0] / 100
            place = _after_sub_blocks(data, place + 2)
        elif block == 0x2C:  # a picture
            flags = data[place + 9]
            place += 10
            if flags & 0x80:
                palettes.append(_palette(data, place, flags))
                place += 3 << ((flags & 7) + 1)
            uses_global |= not flags & 0x80
            place = _after_sub_blocks(data, place + 1)
            animation.count += 1
            animation.delays.append(delay)
        else:
            place += 1  # readers pass over what is between blocks
    used = palettes if uses_global or not has_global else palettes[1:]
    animation.is_grey = bool(used) and all((palette == palette[:, :1]).all() for palette in used)


def _palette(data: bytes, place: int, flags: int) -> np.ndarray:
    colours = data[place : place + (6 << (flags & 7))]
    return np.frombuffer(colours, np.uint8)[: len(colours) // 3 * 3].reshape(-1, 3)


def _after_sub_blocks(data: bytes, place: int) -> int:
    while data[place]:
        place += data[place] + 1
    return place + 1


def _walk_png(data: bytes, animation: Animation) -> None:
    animation.bits = data[24]
    frames, is_first_shown, has_data = 0, False, False
    for kind, start in _png_chunks(data):
        if kind == b"acTL":
            animation.declared = struct.unpack_from(">I", data, start)[0]
        elif kind == b"fcTL":
            frames += 1
            is_first_shown |= not has_data
            top, bottom = struct.unpack_from(">HH", data, start + 20)
            animation.delays.append(top / (bottom or 100))
        elif kind == b"IDAT":
            has_data = True
        elif kind == b"IEND":
            animation.is_cut = False
    animation.count = max(frames - animation.is_cut, 0)  # the last frame of a file that is cut may lack data
    animation.has_preview = animation.declared is not None and not is_first_shown and has_data
    if animation.declared is None:
        animation.count, animation.declared = 1, 1


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, int]]:
    place = 8
    while place + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, place)
        if place + 12 + length > len(data):
            return
        yield kind, place + 8
        place += 12 + length


def _walk_webp(data: bytes, animation: Animation) -> None:
    end = 8 + struct.unpack_from("<I", data, 4)[0]
    place = 12
    while place + 8 <= min(end, len(data)):
        kind, length = struct.unpack_from("<4sI", data, place)
        place += 8
        if place + length > len(data):
            break
        if kind in (b"ANMF", b"VP8 ", b"VP8L"):
            animation.count += 1
            delay = int.from_bytes(data[place + 12 : place + 15], "little") if kind == b"ANMF" else 0
            animation.delays.append(delay / 1000)
        place += length + length % 2
    animation.is_cut = len(data) + 1 < end


_WALKS: dict[str, Callable[[bytes, Animation], None]] = {"GIF": _walk_gif, "PNG": _walk_png, "WEBP": _walk_webp}
