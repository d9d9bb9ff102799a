import numpy as np
import pytest
from PIL import Image

from framecast.data import fresh_folder, read_recording, write_animation, write_recording

rng = np.random.default_rng(0)


@pytest.mark.parametrize(("dtype", "channels"), [("uint8", 1), ("uint8", 3), ("uint16", 1), ("float32", 1)])
def test_what_is_written_is_read_again(tmp_path, dtype, channels):
    frames = 300 * rng.random((12, channels, 5, 7)) - 20
    write_recording(tmp_path / "new" / "forecast", frames, np.dtype(dtype))
    folder = tmp_path / "new" / "forecast"
    expected = frames if dtype == "float32" else np.round(frames).clip(0, np.iinfo(dtype).max)
    recording = read_recording(folder)
    np.testing.assert_allclose(recording.frames, expected, rtol=1e-6)
    assert recording.dtype == np.dtype(dtype)
    numbers = np.load(folder / "forecast.npy")
    np.testing.assert_allclose(numbers, frames, rtol=1e-6)
    assert numbers.dtype == np.float32
    ending = "tiff" if dtype == "float32" else "png"
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["forecast.npy"] + [f"frame_{index:04d}.{ending}" for index in range(12)]


@pytest.mark.parametrize(("dtype", "ending", "written"), [("uint16", "png", "u2"), ("float64", "tiff", "f4")])
def test_channels_that_make_no_image(tmp_path, dtype, ending, written):
    frames = 100 * rng.random((2, 3, 5, 7))
    write_recording(tmp_path, frames, dtype)
    values = np.asarray(Image.open(tmp_path / f"frame_0001_channel_2.{ending}"))
    np.testing.assert_allclose(values, np.round(frames[1, 2]) if ending == "png" else frames[1, 2], rtol=1e-6)
    assert values.dtype == np.dtype(written)
    assert len(list(tmp_path.iterdir())) == 7


def test_nan_only_where_it_can_be_stored(tmp_path):
    frames = np.full((1, 1, 2, 2), np.nan)
    write_recording(tmp_path / "float", frames)
    assert np.isnan(np.asarray(Image.open(tmp_path / "float" / "frame_0000.tiff"))).all()
    with pytest.raises(ValueError, match="`frames` must be finite to be stored as uint8"):
        write_recording(tmp_path / "integer", frames, "uint8")
    assert not (tmp_path / "integer").exists()


def test_nothing_is_overwritten(tmp_path):
    other = tmp_path / "other.txt"
    other.write_text("keep me")
    frames = np.zeros((2, 1, 4, 4))
    with pytest.raises(ValueError, match="is not empty: choose another folder") as error:
        write_recording(tmp_path, frames)
    assert str(tmp_path) in str(error.value)
    with pytest.raises(ValueError, match=r"other\.txt is a file: choose another"):
        write_recording(other, frames)
    assert [path.name for path in tmp_path.iterdir()] == ["other.txt"]
    with pytest.raises(ValueError, match=r"must have shape \(T, C, H, W\), got \(1, 4, 4\)"):
        write_recording(tmp_path / "new", frames[0])
    assert fresh_folder(tmp_path / "a" / "b").is_dir()
    assert fresh_folder(str(tmp_path / "a" / "b")) == tmp_path / "a" / "b"


def test_animation(tmp_path):
    frames = rng.integers(256, size=(4, 30, 40), dtype=np.uint8)
    write_animation(tmp_path / "gray.gif", frames, frames_per_second=4)
    read = read_recording(tmp_path / "gray.gif").frames
    np.testing.assert_array_equal(read[:, 0], frames.repeat(7, 1).repeat(7, 2))
    with Image.open(tmp_path / "gray.gif") as image:
        assert image.info["duration"] == 250
        assert image.info["loop"] == 0


def test_colour_animation_of_large_frames(tmp_path):
    frames = np.zeros((2, 10, 300, 3), np.uint8)
    frames[0, :5] = frames[1, 5:] = (200, 30, 90)
    write_animation(tmp_path / "colour.gif", frames)
    np.testing.assert_array_equal(read_recording(tmp_path / "colour.gif").frames, np.moveaxis(frames, -1, 1))


def test_animation_bad_arguments(tmp_path):
    good = np.zeros((2, 4, 4), np.uint8)
    for bad in (good.astype(float), good[0], good[:0], np.zeros((2, 4, 4, 2), np.uint8)):
        with pytest.raises(ValueError, match=r"`frames` must be uint8 \(T, H, W\) or \(T, H, W, 3\), got"):
            write_animation(tmp_path / "a.gif", bad)
    with pytest.raises(ValueError, match=r"`frames_per_second` \(=0\) must be above 0 and at most 50"):
        write_animation(tmp_path / "a.gif", good, frames_per_second=0)
    assert list(tmp_path.iterdir()) == []


def test_a_code_for_no_value_in_whole_numbers(tmp_path):
    frames = np.full((1, 1, 2, 2), 3.0, np.float32)
    frames[0, 0, 0, 0] = np.nan
    write_recording(tmp_path / "coded", frames, "uint16", missing=65535)
    assert np.asarray(Image.open(tmp_path / "coded" / "frame_0000.png").copy()).tolist() == [[65535, 3], [3, 3]]
    assert np.isnan(np.load(tmp_path / "coded" / "forecast.npy")).sum() == 1
    write_recording(tmp_path / "real", frames, "float32", missing=65535)
    assert np.isnan(np.asarray(Image.open(tmp_path / "real" / "frame_0000.tiff").copy())).sum() == 1
