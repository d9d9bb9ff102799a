import numpy as np
import pytest

from framecast.data.frames._rim import note_rim, rim_value

rng = np.random.default_rng(0)
SMOOTH = rng.uniform(0, 50, (6, 1, 16, 18)).astype(np.float32)


def with_side(frames, value, columns=5):
    frames = frames.copy()
    frames[..., :columns] = value
    return frames


def with_corners(frames, value):
    """Frames of a radar: no value beyond a circle."""
    y, x = np.mgrid[:16, :18]
    return np.where(np.hypot(y - 7.5, x - 8.5) > 8, value, frames).astype(np.float32)


@pytest.mark.parametrize("place", [with_side, with_corners])
@pytest.mark.parametrize(
    ("frames", "value", "dtype"),
    [
        (SMOOTH, -9999, "f4"),
        (SMOOTH, -1, "f4"),
        (SMOOTH, -32768, "i2"),
        (SMOOTH.round() * 80, 65535, "u2"),
        (SMOOTH.round() * 5, 255, "u1"),
        (SMOOTH + 200, 0, "f4"),
        (SMOOTH, 9.969209968386869e36, "f4"),
    ],
)
def test_codes_at_the_rim(place, frames, value, dtype):
    assert rim_value(place(frames, value), np.dtype(dtype)) == np.float32(value)


@pytest.mark.parametrize(
    ("frames", "dtype"),
    [
        (with_side(SMOOTH, 0), "f4"),
        (with_side(SMOOTH.round() * 5, 0), "u1"),
        (with_side(np.where(SMOOTH > 25, 255, 0), 0), "u1"),
        (with_side(SMOOTH, 25), "f4"),
        (with_side(SMOOTH, np.nan), "f4"),
        (np.full_like(SMOOTH, -9999), "f4"),
        (np.where(np.arange(18) == 9, -9999, SMOOTH), "f4"),
        (np.concatenate([with_side(SMOOTH[:3], -9999), SMOOTH[3:]]), "f4"),
        (SMOOTH[..., :4, :4], "f4"),
    ],
    ids=["zero", "black", "drawing", "inside", "nan", "blank", "middle", "half", "small"],
)
def test_ordinary_rims(frames, dtype):
    assert rim_value(frames.astype(np.float32), np.dtype(dtype)) is None


def test_the_note_names_the_value_and_the_option(capsys):
    for _ in range(2):
        note_rim(with_side(SMOOTH, -9998), np.dtype("f4"))
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("framecast: note: -9998 fills the rim of most frames")
    assert line.endswith("name it with the option `missing`")
