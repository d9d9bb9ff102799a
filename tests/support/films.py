"""Films that a test writes: any codec, container and pixel format, at any times."""

from fractions import Fraction

import numpy as np
import pytest


def write_film(
    path,
    frames,
    codec="mpeg4",
    stored="yuv420p",
    given="rgb24",
    *,
    times=None,
    rate=25,
    gop=None,
    b_frames=0,
    **options,
):
    """Write frames (T, H, W) or (T, H, W, C); `times` are in ticks of 1 / rate."""
    av = pytest.importorskip("av")
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, options=options.pop("codec_options", {}))
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = stored
        stream.codec_context.time_base = Fraction(1, rate)
        stream.codec_context.max_b_frames = b_frames
        if stored.startswith("yuv") and codec.startswith("mpeg"):
            stream.bit_rate = 10**7
        if gop:
            stream.codec_context.gop_size = gop
        if "turn" in options:
            stream.set_display_rotation(*options["turn"])
        for index, values in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(values), format=given)
            frame.pts, frame.time_base = index if times is None else times[index], Fraction(1, rate)
            for packet in stream.encode(frame):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path


def moving_pattern(count, height=32, width=48):
    """Frames (T, H, W, 3) that all differ."""
    rows, columns = np.mgrid[:height, :width]
    return np.stack(
        [np.stack([columns * 2 + 5 * k, rows * 3 + 2 * k, rows + columns + k], -1) % 256 for k in range(count)]
    ).astype(np.uint8)
