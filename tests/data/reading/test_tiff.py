"""TIFF: every type of sample, stack and colour arrives as it is stored, or is refused by name."""

import numpy as np
import pytest
import tifffile
from PIL import Image

from framecast.data import ReadingOptions, open_frames, read_image, read_recording

rng = np.random.default_rng(0)
DTYPES = ["u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f2", "f4", "f8", "?"]


def samples(dtype, shape):
    values = 1000 * rng.normal(size=shape)
    with np.errstate(invalid="ignore"):
        return (values > 0) if dtype == "?" else values.astype(dtype)


def frames_of(path, **options):
    with open_frames(path, ReadingOptions(**options)) as file:
        frames = file.read()
        assert frames.dtype == file.dtype
        assert frames.shape == (file.count, file.channels, *file.size)
        for start in range(file.count):  # any window holds the same
            assert np.array_equal(
                file.read(start, start + 1), frames[start : start + 1], equal_nan=frames.dtype.kind == "f"
            )
        return frames, file.notes


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("shape", [(5, 7), (4, 5, 7)])
def test_every_type_in_either_byte_order(tmp_path, dtype, order, shape):
    values = samples(dtype, shape)
    tifffile.imwrite(tmp_path / "a.tif", values, byteorder=order, photometric="minisblack")
    frames, notes = frames_of(tmp_path / "a.tif")
    assert frames.dtype == values.dtype
    assert np.array_equal(frames, values.reshape(-1, 1, 5, 7))
    assert notes == []


@pytest.mark.parametrize("dtype", ["u1", "u2", "f4"])
@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("compression", [None, "zlib", "lzw"])
def test_stacks_in_colour(tmp_path, dtype, planar, compression):
    values = samples(dtype, (3, 5, 7, 3))
    stored = values if planar == "contig" else np.moveaxis(values, -1, 1)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, stored, photometric="rgb", planarconfig=planar, compression=compression)
    assert np.array_equal(frames_of(path)[0], np.moveaxis(values, -1, 1))


@pytest.mark.parametrize("options", [{"bigtiff": True}, {"tile": (16, 16)}, {"rowsperstrip": 2}, {"predictor": True}])
def test_files_of_other_structures(tmp_path, options):
    values = samples("u2", (4, 40, 50))
    compression = "zlib" if "predictor" in options else None
    tifffile.imwrite(tmp_path / "a.tif", values, compression=compression, photometric="minisblack", **options)
    assert np.array_equal(frames_of(tmp_path / "a.tif")[0][:, 0], values)


@pytest.mark.parametrize("kind", ["imagej", "ome", "shaped", "pages"])
def test_stacks_of_every_program(tmp_path, kind):
    values = samples("u2", (6, 5, 7))
    path = tmp_path / "a.tif"
    options = {"imagej": {"imagej": True}, "ome": {"ome": True}, "shaped": {}, "pages": {"metadata": None}}[kind]
    if kind in ("imagej", "ome"):
        options["metadata"] = {"axes": "TYX"}
    tifffile.imwrite(path, values, **options)
    assert np.array_equal(frames_of(path)[0][:, 0], values)


def test_channels_of_a_hyperstack(tmp_path):
    values = samples("u2", (6, 2, 5, 7))
    tifffile.imwrite(tmp_path / "a.tif", values, imagej=True, metadata={"axes": "TCYX", "finterval": 0.25})
    assert np.array_equal(frames_of(tmp_path / "a.tif")[0], values)
    with open_frames(tmp_path / "a.tif") as file:
        np.testing.assert_allclose(file.times, 0.25 * np.arange(6))
    tifffile.imwrite(tmp_path / "b.tif", samples("u2", (6, 3, 2, 5, 7)), imagej=True, metadata={"axes": "TZCYX"})
    with pytest.raises(ValueError, match=r"b\.tif holds an array of axes T 6, Z 3, C 2, Y 5, X 7, but a recording has"):
        open_frames(tmp_path / "b.tif")


def test_more_channels_than_imagej_shows_are_frames(tmp_path):
    """What programs write that name no axes."""
    values = samples("u2", (12, 5, 7))
    tifffile.imwrite(tmp_path / "a.tif", values, imagej=True)
    frames, notes = frames_of(tmp_path / "a.tif")
    assert np.array_equal(frames[:, 0], values)
    assert "12 channels are taken for frames, see `layout`" in notes[0]
    tifffile.imwrite(tmp_path / "b.tif", values[:2], imagej=True)
    assert np.array_equal(frames_of(tmp_path / "b.tif")[0], values[None, :2])


def test_a_layout_of_choice(tmp_path):
    values = samples("u2", (2, 6, 5, 7))
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="minisblack")
    assert np.array_equal(frames_of(tmp_path / "a.tif")[0], values)
    assert np.array_equal(frames_of(tmp_path / "a.tif", layout="CTHW")[0], values.swapaxes(0, 1))


def imagej_with_one_entry(path, values):
    """Write a stack as ImageJ writes those beyond 4 GB: all frames behind one directory entry."""
    tifffile.imwrite(path, values[0], imagej=True, metadata={"axes": "YX"}, description=None)
    description = f"ImageJ=1.53t\nimages={len(values)}\nframes={len(values)}\nloop=false\n"
    with tifffile.TiffWriter(path, byteorder=">") as writer:
        writer.write(values[0], metadata=None, description=description, software=None)
    with path.open("ab") as file:
        file.write(values[1:].astype(values.dtype.newbyteorder(">")).tobytes())


def test_all_frames_behind_one_entry(tmp_path):
    values = samples("u2", (12, 16, 20))
    imagej_with_one_entry(tmp_path / "a.tif", values)
    assert np.array_equal(frames_of(tmp_path / "a.tif")[0][:, 0], values)
    data = (tmp_path / "a.tif").read_bytes()
    (tmp_path / "a.tif").write_bytes(data[: -5 * 640 - 10])
    frames, notes = frames_of(tmp_path / "a.tif")
    assert np.array_equal(frames[:, 0], values[: len(frames)])
    assert 1 <= len(frames) <= 6
    assert any("is cut short: it says that it has 12 frames" in note for note in notes)


@pytest.mark.parametrize("options", [{}, {"metadata": None}, {"compression": "zlib"}, {"imagej": True}, {"ome": True}])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_stack_that_is_cut_short(tmp_path, options, share):
    values = samples("u2", (12, 16, 20))
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, values, **options)
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    try:
        frames, notes = frames_of(path)
    except ValueError as error:
        frames, notes = values[:0], [str(error)]
    assert np.array_equal(frames[:, 0] if len(frames) else frames, values[: len(frames)])
    said = ("cut short", "damaged", "a.tif is not a readable image")
    assert len(frames) == len(values) or any(word in note for word in said for note in notes)


def test_pages_written_one_by_one_and_cut(tmp_path):
    """Each page has its entry behind its data: what is lost leaves no trace but a broken chain."""
    values = samples("u2", (6, 16, 20))
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as writer:
        for frame in values:
            writer.write(frame, contiguous=False, metadata=None)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    frames, notes = frames_of(path)
    assert np.array_equal(frames[:, 0], values[: len(frames)])
    assert len(frames) < 6
    assert any("damaged" in note or "cut short" in note for note in notes)


def test_frames_of_several_kinds_are_refused(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for frame in (np.zeros((5, 7), np.uint8), np.zeros((4, 7), np.uint8)):
            writer.write(frame, metadata=None)
    with pytest.raises(ValueError, match=r"a\.tif frame 0 is 5x7, 1 channel of uint8 and a\.tif frame 1 is 4x7"):
        open_frames(tmp_path / "a.tif")


def test_overviews_are_no_frames(tmp_path):
    values = samples("u1", (64, 64))
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        writer.write(values, metadata=None)
        writer.write(values[::2, ::2], metadata=None, subfiletype=1)
    assert np.array_equal(frames_of(tmp_path / "a.tif")[0][0, 0], values)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_of_stacks(tmp_path, orientation):
    upright = samples("u2", (3, 4, 6))
    stored = {
        1: upright,
        2: upright[..., ::-1],
        3: upright[:, ::-1, ::-1],
        4: upright[:, ::-1],
        5: upright.swapaxes(1, 2),
        6: np.rot90(upright, 1, (1, 2)),
        7: upright[:, ::-1, ::-1].swapaxes(1, 2),
        8: np.rot90(upright, -1, (1, 2)),
    }[orientation]
    tag = [(274, "H", 1, orientation, False)]
    tifffile.imwrite(tmp_path / "a.tif", np.ascontiguousarray(stored), extratags=tag, photometric="minisblack")
    assert np.array_equal(frames_of(tmp_path / "a.tif")[0][:, 0], upright)


@pytest.mark.parametrize("dtype", ["u1", "u2", "f4"])
@pytest.mark.parametrize("kind", ["unassalpha", "assocalpha"])
def test_transparency(tmp_path, dtype, kind):
    full = 1.0 if dtype == "f4" else np.iinfo(dtype).max
    alpha = np.array([[0.0, 0.5, 1.0]])
    ink = 0.25
    colour = np.full((1, 3, 3), ink) * (alpha[..., None] if kind == "assocalpha" else 1)
    values = (full * np.concatenate([colour, alpha[..., None]], -1)).astype(dtype)
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="rgb", extrasamples=[kind])
    frames, notes = frames_of(tmp_path / "a.tif")
    expected = full * (alpha * ink + 1 - alpha)
    assert np.abs(frames[0, 0].astype(float) - expected).max() <= (1e-6 if dtype == "f4" else 2)
    assert "laid on white" in notes[0]


def test_a_fourth_sample_that_is_not_alpha(tmp_path):
    values = samples("u2", (5, 7, 4))
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="rgb", extrasamples=["unspecified"])
    frames, notes = frames_of(tmp_path / "a.tif")
    assert np.array_equal(frames[0], np.moveaxis(values, -1, 0))
    assert "samples beside red, green and blue are kept as channels" in notes[0]
    tifffile.imwrite(tmp_path / "b.tif", samples("u2", (5, 7, 6)), photometric="minisblack", planarconfig="contig")
    assert frames_of(tmp_path / "b.tif")[0].shape == (1, 6, 5, 7)
    with pytest.raises(ValueError, match=r"b\.tif has 6 channels, but an image has one, or red, green and blue"):
        read_image(tmp_path / "b.tif", 4)


def test_white_is_zero(tmp_path):
    values = samples("u1", (5, 7))
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="miniswhite", metadata=None)
    frames, notes = frames_of(tmp_path / "a.tif")
    assert np.array_equal(frames[0, 0], 255 - values)
    assert "levels are turned round, as 0 is white" in notes[0]


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_fewer_than_eight_bits(tmp_path, bits):
    """They are widened to 8, as those of PNG are."""
    path = tmp_path / "a.tif"
    values = rng.integers(1 << bits, size=(5, 8)).astype(np.uint8)
    tifffile.imwrite(path, values, bitspersample=bits, photometric="minisblack", metadata=None)
    frames, _ = frames_of(path)
    assert np.array_equal(frames[0, 0], values * (255 // ((1 << bits) - 1)))


def test_twelve_bits_arrive_as_they_are(tmp_path):
    values = rng.integers(4096, size=(5, 8)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", values, bitspersample=12, photometric="minisblack", metadata=None)
    assert np.array_equal(frames_of(tmp_path / "a.tif")[0][0, 0], values)


def test_a_palette(tmp_path):
    values = rng.integers(256, size=(5, 7)).astype(np.uint8)
    colours = rng.integers(256, size=(3, 256)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="palette", colormap=colours * 257)
    assert np.array_equal(frames_of(tmp_path / "a.tif")[0][0], colours[:, values])
    tifffile.imwrite(tmp_path / "b.tif", values, photometric="palette", colormap=np.tile(colours[:1] * 257, (3, 1)))
    assert np.array_equal(frames_of(tmp_path / "b.tif")[0][0, 0], colours[0][values])


def test_inks_of_every_depth(tmp_path):
    for dtype in ("u1", "u2"):
        full = np.iinfo(dtype).max
        values = rng.integers(full + 1, size=(5, 7, 4)).astype(dtype)
        tifffile.imwrite(tmp_path / "a.tif", values, photometric="separated")
        frames, notes = frames_of(tmp_path / "a.tif")
        light = 1 - values.astype(float) / full
        np.testing.assert_allclose(
            frames[0] / full, np.moveaxis(light[..., :3] * light[..., 3:], -1, 0), atol=0.6 / full
        )
        assert "CMYK is converted to RGB" in notes[0]


def test_signed_values_of_imagej(tmp_path):
    """ImageJ keeps them as unsigned, and says so in its calibration."""
    values = samples("i2", (5, 7))
    path = tmp_path / "a.tif"
    for first, step, expected in ((-32768, 1, values), (10, 2, values.astype(np.int32) + 32768)):
        description = f"ImageJ=1.53t\nunit=pixel\ncf=0\nc0={first}\nc1={step}\nvunit=Gray Value\n"
        stored = (values.astype(np.int32) + 32768).astype(np.uint16)
        tifffile.imwrite(path, stored, metadata=None, description=description, byteorder=">", software=None)
        frames, notes = frames_of(path)
        assert np.array_equal(frames[0, 0], expected)
        assert ("32768 is taken off" in notes[0]) if step == 1 else ("10 + 2 x of ImageJ is not applied" in notes[0])


@pytest.mark.parametrize("value", ["-9999", "0", "1e37", "nan"])
def test_the_value_for_no_value(tmp_path, value):
    values = np.array([[1, 2], [float(value), 3]], np.float32)
    tag = [(42113, "s", 0, value, False)]
    tifffile.imwrite(tmp_path / "a.tif", values, extratags=tag)
    expected = np.where(values == np.float32(value), np.nan, values)
    assert np.array_equal(read_recording(tmp_path / "a.tif").frames[0, 0], expected, equal_nan=True)


def test_complex_numbers_are_refused(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((5, 7), np.complex64))
    with pytest.raises(ValueError, match=r"a\.tif holds complex64, but frames must be real numbers"):
        open_frames(tmp_path / "a.tif")


def test_the_library_prints_nothing(tmp_path, capfd):
    """What it logs becomes notes of the file."""
    Image.fromarray(np.zeros((9, 9), np.uint8)).save(tmp_path / "a.tif")
    data = (tmp_path / "a.tif").read_bytes()
    (tmp_path / "a.tif").write_bytes(data[:-20])
    with pytest.raises(ValueError, match=r"a\.tif is not a readable image"):
        open_frames(tmp_path / "a.tif")
    assert capfd.readouterr().err == ""
