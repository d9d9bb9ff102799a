import os
import pickle
import re
import warnings
from itertools import product

import numpy as np
import pytest
from tests.support.films import moving_pattern, write_film

from framecast.data.reading import FileError, ReadingOptions, open_frames

av = pytest.importorskip("av")
rng = np.random.default_rng(0)


def noise(bits, channels):
    values = rng.integers(2**bits, size=(4, 32, 48, channels))
    return values[..., 0 if channels == 1 else slice(None)].astype(np.uint8 if bits == 8 else np.uint16)


def reference(path):
    """All frames, decoded from beginning to end."""
    with av.open(str(path)) as container:
        return np.stack([np.moveaxis(frame.to_ndarray(format="rgb24"), -1, 0) for frame in container.decode(video=0)])


FILMS = {
    "mpeg4.mp4": {"gop": 6},
    "mpeg4_b.mov": {"gop": 6, "b_frames": 2},
    "mpeg4_b.avi": {"gop": 6, "b_frames": 2},
    "x264.mp4": {"codec": "libx264", "gop": 6, "b_frames": 2, "codec_options": {"sc_threshold": "0"}},
    "x264.avi": {"codec": "libx264", "gop": 6, "b_frames": 2},  # packets whose time stamps are not those of frames
    "x264.mkv": {"codec": "libx264", "gop": 6, "b_frames": 2},
    "mpeg1.mpeg": {"codec": "mpeg1video", "gop": 6},  # time stamps that are others after a seek
    "mpeg2.mpg": {"codec": "mpeg2video", "gop": 6, "b_frames": 2},
    "vp9.webm": {"codec": "libvpx-vp9", "gop": 6},
    "vp8.webm": {"codec": "libvpx", "gop": 6, "codec_options": {"auto-alt-ref": "1", "lag-in-frames": "10"}},
    "ffv1.mkv": {"codec": "ffv1", "gop": 6},
}


@pytest.mark.parametrize("name", FILMS)
def test_any_window_is_what_decoding_from_the_beginning_gives(tmp_path, name):
    path = write_film(tmp_path / name, moving_pattern(20), **FILMS[name])
    expected = reference(path)
    with open_frames(path) as film:
        assert film.count == len(expected) == 20
        assert film.declared in (None, 20)
        assert film.notes == []
        for start in rng.permutation(20):
            np.testing.assert_array_equal(film.read(start, start + 3), expected[start : start + 3])
        np.testing.assert_array_equal(film.read(), expected)
        np.testing.assert_allclose(film.times, np.arange(20) / 25, atol=1e-3)


def test_windows_in_order_decode_every_frame_once(tmp_path, monkeypatch):
    path = write_film(tmp_path / "film.mp4", moving_pattern(30), gop=10)
    starts = []
    with open_frames(path) as film:
        original = film._decoder.frames
        monkeypatch.setattr(film._decoder, "frames", lambda *key: starts.append(key) or original(*key))
        for start in range(0, 10, 2):
            film.read(start, start + 2)
        assert len(starts) == 1
        film.read(25, 27)
        assert [stamp for stamp, *_ in starts[1:]] == [film._index.stamps[20]]
        film.read(12, 14)
        assert [stamp for stamp, *_ in starts[2:]] == [film._index.stamps[10]]


@pytest.mark.parametrize(
    ("bits", "channels", "codec", "stored", "given"),
    [
        (8, 1, "ffv1", "gray", "gray"),
        (10, 1, "ffv1", "gray10le", "gray10le"),
        (12, 1, "ffv1", "gray12le", "gray12le"),
        (16, 1, "ffv1", "gray16le", "gray16le"),
        (16, 1, "png", "gray16be", "gray16le"),
        (8, 3, "ffv1", "bgr0", "rgb24"),
        (8, 3, "qtrle", "rgb24", "rgb24"),
        (8, 3, "utvideo", "gbrp", "rgb24"),
        (8, 3, "rawvideo", "bgr24", "rgb24"),
        (10, 3, "ffv1", "gbrp10le", "gbrp10le"),
        (12, 3, "ffv1", "gbrp12le", "gbrp12le"),
        (14, 3, "ffv1", "gbrp14le", "gbrp14le"),
        (16, 3, "ffv1", "rgb48le", "rgb48le"),
        (16, 3, "png", "rgb48be", "rgb48le"),
    ],
    ids=str,
)
def test_stored_levels_arrive(tmp_path, bits, channels, codec, stored, given):
    frames = noise(bits, channels)
    container = {"png": "mov", "qtrle": "mov", "utvideo": "avi", "rawvideo": "avi"}.get(codec, "mkv")
    path = write_film(tmp_path / f"film.{container}", frames, codec, stored, given)
    film = open_frames(path)
    expected = frames[:, None] if channels == 1 else np.moveaxis(frames, -1, 1)
    assert film.dtype == film.read(0, 1).dtype == expected.dtype
    np.testing.assert_array_equal(film.read(), expected)


def test_ten_bits_of_a_coded_film_stay_ten(tmp_path):
    ramp = np.tile(np.linspace(0, 1023, 48).astype(np.uint16)[:, None], (3, 32, 1, 3))
    path = write_film(tmp_path / "film.mp4", ramp, "libx264", "yuv444p10le", "gbrp10le", codec_options={"qp": "0"})
    read = open_frames(path).read()
    assert read.dtype == np.uint16
    np.testing.assert_allclose(read, np.moveaxis(ramp, -1, 1), atol=3)
    assert len(np.unique(read)) > 40


@pytest.mark.parametrize("space", [1, 5], ids=["BT.709", "BT.601"])
def test_the_colour_matrix_is_honoured(tmp_path, space):
    with av.open(str(tmp_path / "film.mkv"), "w") as container:
        stream = container.add_stream("ffv1", rate=10)
        stream.width = stream.height = 32
        stream.pix_fmt, stream.codec_context.colorspace = "yuv444p", space
        frame = av.VideoFrame(32, 32, "yuv444p")
        for plane, value in zip(frame.planes, (100, 90, 200), strict=True):
            plane.update(bytes([value]) * plane.buffer_size)
        frame.colorspace, frame.pts = space, 0
        container.mux([*stream.encode(frame), *stream.encode()])
    luma, blue, red = 255 / 219 * (100 - 16), (90 - 128) * 255 / 224, (200 - 128) * 255 / 224
    kr, kb = (0.2126, 0.0722) if space == 1 else (0.299, 0.114)
    r, b = luma + 2 * (1 - kr) * red, luma + 2 * (1 - kb) * blue
    expected = [r, (luma - kr * r - kb * b) / (1 - kr - kb), b]
    np.testing.assert_allclose(open_frames(tmp_path / "film.mkv").read()[0, :, 5, 5], expected, atol=2)


CORNERS = np.zeros((2, 32, 48, 3), np.uint8)
CORNERS[:, :16, :16, 0] = CORNERS[:, 16:, :16, 1] = CORNERS[:, :16, 32:, 2] = 255  # red, below it green, blue right


@pytest.mark.parametrize("name", ["film.mp4", "film.mov", "film.mkv"])
@pytest.mark.parametrize(("turn", "flips"), list(product((0, 90, 180, 270), product((False, True), repeat=2))), ids=str)
def test_films_are_turned_as_a_player_turns_them(tmp_path, name, turn, flips):
    film = open_frames(write_film(tmp_path / name, CORNERS, turn=(turn, *flips)))
    mirror, upside_down = flips
    shown = np.rot90(CORNERS, turn // 90, (1, 2))  # turned against the clock first, then mirrored
    shown = shown[:, ::-1] if upside_down else shown
    shown = np.moveaxis(shown[:, :, ::-1] if mirror else shown, -1, 1)
    assert film.size == shown.shape[2:]
    assert film.notes == []
    np.testing.assert_allclose(film.read(), shown, atol=130)
    assert np.abs(film.read().astype(int) - shown).mean() < 10


def test_transparent_pixels_are_laid_on_a_ground(tmp_path):
    frames = np.zeros((3, 32, 48, 4), np.uint8)  # nothing but alpha, as in drawings
    frames[:, 8:16, 8:16, 3], frames[:, 20:, 20:, 3] = 255, 51
    shown = 255 - np.round(frames[..., 3:].repeat(3, -1))
    path = write_film(tmp_path / "film.mov", frames, "qtrle", "argb", "rgba")
    film = open_frames(path)
    np.testing.assert_array_equal(film.read(), np.moveaxis(shown, -1, 1))
    assert film.notes == [f"{path}: transparent pixels are laid on white, see `ground`"]
    black = open_frames(path, ReadingOptions(ground=0.0))
    assert not black.read().any()
    deep = write_film(tmp_path / "deep.mkv", frames.astype(np.uint16) * 4, "ffv1", "gbrap10le", "gbrap10le")
    film = open_frames(deep)
    assert (film.dtype, film.channels, film.read().max()) == (np.uint16, 3, 1023)
    np.testing.assert_allclose(film.read(), 1023 - 4.0 * np.moveaxis(frames[..., 3:].repeat(3, -1), -1, 1), atol=1)


def test_the_alpha_layer_of_vp9_is_decoded(tmp_path):
    frames = np.zeros((4, 32, 48, 4), np.uint8)
    frames[:, :, :24, 3] = 255
    path = write_film(tmp_path / "film.webm", frames, "libvpx-vp9", "yuva420p", "rgba")
    film = open_frames(path)
    whole = film.read()
    np.testing.assert_allclose(whole[:, :, :, :20], 0, atol=8)
    np.testing.assert_allclose(whole[:, :, :, 28:], 255, atol=8)
    np.testing.assert_array_equal(film.read(2, 3), whole[2:3])


def test_another_angle_is_noted(tmp_path):
    film = open_frames(write_film(tmp_path / "film.mp4", CORNERS, turn=(30,)))
    assert film.size == (32, 48)
    assert "shown at an angle of 29 degrees: it is not turned" in film.notes[0]


def test_times_of_a_variable_frame_rate(tmp_path):
    ticks = [0, 1, 2, 3, 13, 23, 24, 25]
    film = open_frames(write_film(tmp_path / "film.mp4", moving_pattern(8), rate=10, times=ticks))
    np.testing.assert_allclose(film.times, np.array(ticks) / 10)


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("film.mkv", FILMS["x264.mkv"], r"it lasts 1\.60 s"),
        ("film.webm", FILMS["vp9.webm"], r"it lasts 1\.60 s"),
        ("film.avi", {"gop": 6}, "it has 40 frames"),
        ("film.mp4", {**FILMS["x264.mp4"], "front": True}, "it has 40 frames"),
    ],
    ids=["mkv", "webm", "avi", "mp4"],
)
@pytest.mark.parametrize("kept", [0.5, 0.8])
def test_a_film_that_is_cut_short_says_so(tmp_path, name, options, says, kept):
    options = dict(options)
    is_moved = options.pop("front", False)
    path = write_film(tmp_path / name, moving_pattern(40, 64, 96), **options)
    if is_moved:
        path = index_first(path)
    whole = reference(path)
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    film = open_frames(path)
    assert 0 < film.count < 40
    (text,) = film.notes
    assert "is cut short or damaged" in text
    assert re.search(says, text)
    np.testing.assert_array_equal(film.read(), whole[: film.count])


def index_first(path):
    """Write a film again, with its index before its frames."""
    other = path.with_name("front.mp4")
    with av.open(str(path)) as source, av.open(str(other), "w", options={"movflags": "faststart"}) as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = stream
                target.mux(packet)
    return other


def test_a_film_without_its_index(tmp_path):
    path = write_film(tmp_path / "film.mp4", moving_pattern(40))
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(FileError, match=r"film\.mp4 is not a readable video"):
        open_frames(path)


def test_frames_that_change_size_are_refused(tmp_path):
    small = write_film(tmp_path / "small.mkv", moving_pattern(4), "ffv1", "bgr0")
    large = write_film(tmp_path / "large.mkv", moving_pattern(4, 48, 64), "ffv1", "bgr0")
    path = tmp_path / "film.avi"
    with av.open(str(path), "w") as target:
        stream = target.add_stream("mjpeg", rate=10)
        stream.width, stream.height, stream.pix_fmt = 48, 32, "yuvj420p"
        place = 0
        for source in (small, large):
            with av.open(str(source)) as container:
                for frame in container.decode(video=0):
                    codec = av.CodecContext.create("mjpeg", "w")
                    codec.width, codec.height, codec.pix_fmt = frame.width, frame.height, "yuvj420p"
                    codec.time_base = stream.codec_context.time_base or 1 / stream.average_rate
                    frame.pts = 0
                    for packet in [*codec.encode(frame.reformat(format="yuvj420p")), *codec.encode()]:
                        packet.pts = packet.dts = place
                        packet.stream = stream
                        target.mux(packet)
                        place += 1
    film = open_frames(path)
    assert film.read(0, 4).shape == (4, 3, 32, 48)
    with pytest.raises(FileError, match=r"frame 0 is 32x48, 8 bits, and frame 4 is 48x64, 8 bits"):
        film.read(3, 6)


def test_travels_to_another_process(tmp_path):
    path = write_film(tmp_path / "film.mp4", moving_pattern(30), gop=10)
    film = open_frames(path)
    expected = film.read()
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(film)).read(17, 20), expected[17:20])
    film.read(3, 5)
    read, write = os.pipe()
    with warnings.catch_warnings():  # of threads that the child does not have
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:  # the child's reading must not move the parent's place in the file
        same = np.array_equal(film.read(25, 28), expected[25:28])
        os.write(write, b"y" if same else b"n")
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(read, 1) == b"y"
    np.testing.assert_array_equal(film.read(5, 20), expected[5:20])


def test_streams_beside_the_first_are_noted(tmp_path):
    path = tmp_path / "film.mkv"
    with av.open(str(path), "w") as container:
        streams = [container.add_stream("ffv1", rate=10) for _ in range(2)]
        for stream in streams:
            stream.width, stream.height, stream.pix_fmt = 48, 32, "bgr0"
        for stream in streams:
            for values in moving_pattern(3):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(values, format="rgb24")))
            container.mux(stream.encode())
    film = open_frames(path)
    assert film.count == 3
    assert film.notes == [f"{path} holds 2 picture streams: the first is read"]
