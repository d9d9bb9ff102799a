import struct
import sys
import zlib

import numpy as np
import pytest
from PIL import Image

from framecast.data import block_mean, read_recording

rng = np.random.default_rng(0)
GRAY = rng.integers(256, size=(3, 5, 7), dtype=np.uint8)
RGB = rng.integers(256, size=(3, 5, 7, 3), dtype=np.uint8)
DEEP = rng.integers(65536, size=(3, 5, 7), dtype=np.uint16)
REAL = rng.normal(size=(3, 5, 7)).astype(np.float32)


def save_stack(path, frames, **options):
    first, *others = [frame if isinstance(frame, Image.Image) else Image.fromarray(frame) for frame in frames]
    first.save(path, save_all=True, append_images=others, **options)
    return path


def save_folder(folder, frames, ending):
    folder.mkdir()
    for index, frame in enumerate(frames):
        (frame if isinstance(frame, Image.Image) else Image.fromarray(frame)).save(folder / f"{index}{ending}")
    return folder


def check(path, expected, dtype, **options):
    recording = read_recording(path, **options)
    np.testing.assert_allclose(recording.frames, expected, rtol=1e-6)
    assert recording.frames.dtype == np.float32
    assert recording.dtype == np.dtype(dtype)
    assert recording.name == str(path)


@pytest.mark.parametrize(
    ("frames", "ending"),
    [
        (GRAY, ".png"),
        (GRAY, ".tif"),
        (GRAY, ".bmp"),
        (GRAY, ".PGM"),
        (DEEP, ".png"),
        (DEEP, ".tiff"),
        (DEEP, ".pgm"),
        (REAL, ".tiff"),
        (RGB, ".png"),
        (RGB, ".ppm"),
        (DEEP.astype(np.int32), ".tif"),
    ],
)
def test_folder_of_images(tmp_path, frames, ending):
    expected = frames[:, None] if frames.ndim == 3 else np.moveaxis(frames, -1, 1)
    check(save_folder(tmp_path / "frames", frames, ending), expected, frames.dtype)


@pytest.mark.parametrize("order", ["<u2", ">u2"])
def test_sixteen_bit_tiff_of_either_byte_order(tmp_path, order):
    frames = [Image.frombytes("I;16" + "B" * (order[0] == ">"), (7, 5), DEEP[0].astype(order).tobytes())]
    check(save_folder(tmp_path / "frames", frames, ".tif"), DEEP[:1, None], "uint16")


def test_jpeg(tmp_path):
    smooth = np.broadcast_to(np.linspace(0, 255, 32).astype(np.uint8), (2, 24, 32))
    recording = read_recording(save_folder(tmp_path / "frames", smooth, ".jpg"))
    assert np.abs(recording.frames[:, 0] - smooth).max() < 5


def test_natural_order_and_other_files(tmp_path):
    for index in (10, 2, 1):
        Image.fromarray(np.full((2, 2), index, np.uint8)).save(tmp_path / f"frame{index}.png")
    (tmp_path / "notes.txt").write_text("about the frames")
    (tmp_path / "._frame1.png").write_text("left by another system")
    assert read_recording(tmp_path).frames[:, 0, 0, 0].tolist() == [1, 2, 10]


@pytest.mark.parametrize(("frames", "ending"), [(GRAY, ".gif"), (GRAY, ".tif"), (DEEP, ".tif"), (REAL, ".tiff")])
def test_stack_of_gray_frames(tmp_path, frames, ending):
    check(save_stack(tmp_path / f"stack{ending}", frames), frames[:, None], frames.dtype)


@pytest.mark.parametrize("ending", [".png", ".apng", ".tif"])
def test_stack_of_colour_frames(tmp_path, ending):
    check(save_stack(tmp_path / f"stack{ending}", RGB), np.moveaxis(RGB, -1, 1), "uint8")


def test_colour_gif(tmp_path):
    colours = np.zeros((3, 5, 7, 3), np.uint8)
    colours[0, 2] = colours[1, :, 3] = (250, 10, 30)  # the last frame is black, but of the same recording
    check(save_stack(tmp_path / "stack.gif", colours), np.moveaxis(colours, -1, 1), "uint8")


def on_white(values, alpha):
    return np.round(values * (alpha / 255.0) + 255 * (1 - alpha / 255.0))


def test_image_modes(tmp_path):
    bits = Image.fromarray(GRAY[0] > 127)
    alpha = Image.fromarray(np.concatenate([RGB[0], GRAY[0][..., None]], -1))
    gray_alpha = Image.fromarray(np.stack([GRAY[0], GRAY[1]], -1))
    palette = Image.fromarray(GRAY[0]).convert("P")
    colours = Image.fromarray(RGB[0]).quantize(256)
    assert [image.mode for image in (bits, alpha, gray_alpha, palette, colours)] == ["1", "RGBA", "LA", "P", "P"]
    red_green_blue = np.moveaxis(RGB[:1], -1, 1)
    check(save_folder(tmp_path / "bits", [bits], ".png"), 255.0 * (GRAY[:1, None] > 127), "uint8")
    check(save_folder(tmp_path / "alpha", [alpha], ".png"), on_white(red_green_blue, GRAY[0]), "uint8")
    check(save_folder(tmp_path / "gray_alpha", [gray_alpha], ".png"), on_white(GRAY[:1, None], GRAY[1]), "uint8")
    check(save_folder(tmp_path / "palette", [palette], ".png"), GRAY[:1, None], "uint8")
    check(save_folder(tmp_path / "colours", [colours], ".png"), red_green_blue, "uint8")
    colours.save(tmp_path / "colours" / "0.png", transparency=bytes(range(256)))
    check(tmp_path / "colours", on_white(red_green_blue, np.asarray(colours)), "uint8")
    Image.fromarray(RGB[0]).convert("CMYK").save(tmp_path / "colours" / "0.tif")
    (tmp_path / "colours" / "0.png").unlink()
    check(tmp_path / "colours", red_green_blue, "uint8")


@pytest.mark.parametrize("dtype", ["u1", "u2", "i4", "f2", "f4", "f8", ">f4", "?"])
def test_npy(tmp_path, dtype):
    frames = (100 * rng.random((4, 5, 6))).astype(dtype)
    np.save(tmp_path / "frames.npy", frames)
    check(tmp_path / "frames.npy", frames[:, None], np.dtype(dtype).newbyteorder("="))


def test_npy_with_channels_and_gaps(tmp_path):
    frames = rng.normal(size=(4, 2, 5, 6))
    frames[1, 0, 2] = np.nan
    np.save(tmp_path / "frames.npy", frames)
    check(tmp_path / "frames.npy", frames, "float64")


def test_grayscale(tmp_path):
    luma = 0.299 * RGB[..., 0] + 0.587 * RGB[..., 1] + 0.114 * RGB[..., 2]
    check(save_folder(tmp_path / "rgb", RGB, ".png"), luma[:, None], "uint8", grayscale=True)
    check(save_stack(tmp_path / "gray.gif", GRAY), GRAY[:, None], "uint8", grayscale=True)
    np.save(tmp_path / "two.npy", np.zeros((3, 2, 4, 4)))
    with pytest.raises(ValueError, match=r"`grayscale` needs frames of 3 channels, but those of .*two\.npy have 2"):
        read_recording(tmp_path / "two.npy", grayscale=True)


def test_reduce(tmp_path):
    frames = rng.normal(size=(2, 5, 7))
    frames[0, :2, :3] = np.nan
    np.save(tmp_path / "frames.npy", frames)
    blocks = block_mean(frames, 2)
    assert blocks.shape == (2, 2, 3)
    assert np.isnan(blocks[0, 0, 0])
    np.testing.assert_allclose(blocks[0, 0, 1], np.nanmean(frames[0, :2, 2:4]), rtol=1e-6)
    np.testing.assert_allclose(blocks[1, 1, 2], frames[1, 2:4, 4:6].mean(), rtol=1e-6)
    check(tmp_path / "frames.npy", blocks[:, None], "float64", reduce=2)
    with pytest.raises(ValueError, match=r"`reduce` \(=6\) must not exceed the frame size 5x7"):
        read_recording(tmp_path / "frames.npy", reduce=6)
    with pytest.raises(ValueError, match=r"`reduce` \(=0\) must be positive"):
        read_recording(tmp_path / "frames.npy", reduce=0)


def video(path):
    av = pytest.importorskip("av")
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=5)
        stream.width, stream.height, stream.bit_rate = 48, 32, 10**7
        for level in (40, 120, 200):
            picture = np.full((32, 48, 3), (level, 100, 60), np.uint8)
            for packet in stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path


def test_video(tmp_path):
    recording = read_recording(video(tmp_path / "clip.mp4"))
    assert recording.frames.shape == (3, 3, 32, 48)
    assert recording.dtype == np.uint8
    means = recording.frames.mean((2, 3))
    np.testing.assert_allclose(means, [[40, 100, 60], [120, 100, 60], [200, 100, 60]], atol=6)


def test_video_without_its_extra(tmp_path, monkeypatch):
    (tmp_path / "clip.mp4").touch()
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(ImportError, match=r"reading video needs `av`.*framecast\[video\]"):
        read_recording(tmp_path / "clip.mp4")


def test_damaged_video(tmp_path):
    path = video(tmp_path / "clip.mp4")
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(ValueError, match=r"clip\.mp4 is not a readable video"):
        read_recording(path)


def test_frames_must_be_alike(tmp_path):
    folder = save_folder(tmp_path / "frames", [GRAY[0], GRAY[1], GRAY[2, :4]], ".png")
    with pytest.raises(ValueError, match=r"0\.png is 5x7, 1 channel of uint8 and 2\.png is 4x7, 1 channel of uint8"):
        read_recording(folder)
    Image.fromarray(RGB[0]).save(folder / "1.png")
    with pytest.raises(ValueError, match=r"0\.png is 5x7, 1 channel of uint8 and 1\.png is 5x7, 3 channels of uint8"):
        read_recording(folder)
    Image.fromarray(DEEP[0]).save(folder / "1.png")
    with pytest.raises(ValueError, match=r"and 1\.png is 5x7, 1 channel of uint16"):
        read_recording(folder)
    with pytest.raises(ValueError, match=r"stack\.tif frame 0 is 5x7, .* and stack\.tif frame 1 is 4x7"):
        read_recording(save_stack(tmp_path / "stack.tif", [GRAY[0], GRAY[2, :4]]))


def test_missing_empty_and_unknown(tmp_path):
    with pytest.raises(FileNotFoundError, match="absent does not exist"):
        read_recording(tmp_path / "absent")
    with pytest.raises(ValueError, match=r"holds no images, known are those that end in \.gif, "):
        read_recording(tmp_path)
    (tmp_path / "notes.txt").touch()
    with pytest.raises(ValueError, match=r"notes\.txt has an unknown ending, known are .*\.npy, .* and folders"):
        read_recording(tmp_path / "notes.txt")


def test_a_stack_among_images(tmp_path):
    save_stack(tmp_path / "stack.tif", GRAY)
    with pytest.raises(ValueError, match=r"stack\.tif holds 3 frames, but in a folder of images each must hold one"):
        read_recording(tmp_path)


@pytest.mark.parametrize("ending", [".png", ".jpg", ".gif", ".bmp"])
@pytest.mark.parametrize("kept", [0.0, 0.6])
def test_truncated_image(tmp_path, ending, kept):
    noise = rng.integers(256, size=(1, 64, 64), dtype=np.uint8)
    folder = save_folder(tmp_path / "frames", noise, ending)
    path = folder / f"0{ending}"
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    with pytest.raises(ValueError, match=f"0{ending} is not a readable image"):
        read_recording(folder)


def save_npy(path, values):
    np.save(path, values, allow_pickle=True)
    return path


def test_unusable_npy(tmp_path):
    path = tmp_path / "frames.npy"
    for values in (np.zeros((4, 4)), np.zeros((2, 4, 4), complex), np.full((2, 4, 4), "a")):
        with pytest.raises(ValueError, match=r"must hold real numbers \(T, H, W\) or \(T, C, H, W\), got"):
            read_recording(save_npy(path, values))
    with pytest.raises(ValueError, match=r"looks like \(T, H, W, C\) \(2, 9, 8, 3\)"):
        read_recording(save_npy(path, np.zeros((2, 9, 8, 3))))
    for shape in ((0, 4, 4), (2, 0, 4)):
        with pytest.raises(ValueError, match="holds no frames"):
            read_recording(save_npy(path, np.zeros(shape)))
    save_npy(path, np.zeros((2, 4, 4)))
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ValueError, match=r"not a readable \.npy file of numbers"):
        read_recording(path)


def test_unusable_values(tmp_path):
    path = tmp_path / "frames.npy"
    with pytest.raises(ValueError, match=r"all values of .*frames\.npy are NaN"):
        read_recording(save_npy(path, np.full((2, 4, 4), np.nan)))
    for value in (np.inf, -np.inf, 1e300):
        with pytest.raises(ValueError, match="holds infinite values"):
            read_recording(save_npy(path, np.full((2, 4, 4), value)))


@pytest.mark.parametrize(
    ("path", "shape"),
    [("video/trackpy_brightfield", (50, 1, 125, 125)), ("radar/mch/20150515", (40, 3, 160, 177))],
)
def test_real_recordings(shared_data, path, shape):
    recording = read_recording(shared_data / path, reduce=4)
    assert recording.frames.shape == shape
    assert recording.dtype == np.uint8


def test_deep_colour(tmp_path):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 2, 1, 16, 2, 0, 0, 0)  # 2x1 pixels, 16 bits, colour
    colours = np.array([[1, 2, 3], [1000, 2000, 65535]], np.uint16)
    pixels = zlib.compress(b"\0" + colours.astype(">u2").tobytes())
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    (tmp_path / "deep.png").write_bytes(data)
    check(tmp_path, colours.T[None, :, None], "uint16")


@pytest.mark.parametrize(("durations", "noted"), [([100, 100, 900, 100], True), ([100, 100, 100, 100], False)])
def test_uneven_steps_in_time_are_noted(tmp_path, capsys, durations, noted):
    first, *rest = [Image.fromarray(np.full((4, 5), 40 * k, np.uint8)) for k in range(4)]
    first.save(tmp_path / "pause.gif", save_all=True, append_images=rest, duration=durations)
    read_recording(tmp_path / "pause.gif")
    assert ("uneven steps" in capsys.readouterr().err) == noted
