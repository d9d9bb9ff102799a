"""Still images and animations: what a file says about how its pixels are shown or stored is honoured or refused."""

import io
import struct

import imagecodecs
import numpy as np
import pytest
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from framecast.data import FrameData, ReadingOptions, open_frames, read_image, read_recording

rng = np.random.default_rng(0)
GREY = rng.integers(256, size=(5, 7), dtype=np.uint8)
RGB = rng.integers(256, size=(5, 7, 3), dtype=np.uint8)
TURNS = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: np.rot90(a, -1),
}
"""What a camera stores, of an upright picture, by EXIF's orientation."""


def frames_of(path, **options):
    with open_frames(path, ReadingOptions(**options)) as file:
        frames = file.read()
        assert frames.dtype == file.dtype
        assert frames.shape == (file.count, file.channels, *file.size)
        return frames, file.notes


def exif(orientation):
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("ending", ["png", "webp", "tif", "jpg", "avif"])
def test_every_orientation_in_every_format_that_has_one(tmp_path, ending, orientation):
    upright = np.repeat(np.repeat(np.array([[0, 80, 120], [160, 240, 40]], np.uint8), 16, 0), 16, 1)
    stored = np.ascontiguousarray(TURNS[orientation](upright))
    path = tmp_path / f"photograph.{ending}"
    options = {"lossless": True} if ending == "webp" else {"quality": 95}
    Image.fromarray(stored).convert("RGB").save(path, exif=exif(orientation), **options)
    frames, _ = frames_of(path)
    assert frames.shape == (1, 3, 32, 48)
    assert np.abs(frames[0].astype(int) - upright).max() < 12
    image = read_image(path, (32, 48), grayscale=True)[0].astype(int)
    assert np.abs(image - upright).max() < 12
    recording = read_recording(tmp_path, grayscale=True)
    assert np.abs(recording.frames[0, 0] - upright).max() < 12


def test_an_orientation_after_the_pixels(tmp_path):
    """PNG allows the chunk eXIf after IDAT."""
    buffer = io.BytesIO()
    Image.fromarray(GREY).save(buffer, "PNG", exif=exif(6))
    data = buffer.getvalue()
    start = data.index(b"eXIf") - 4
    length = struct.unpack(">I", data[start : start + 4])[0] + 12
    end = data.index(b"IEND") - 4
    chunk = data[start : start + length]
    path = tmp_path / "late.png"
    path.write_bytes(data[:start] + data[start + length : end] + chunk + data[end:])
    assert np.array_equal(frames_of(path)[0][0, 0], np.rot90(GREY, -1))


def glyph(ink, alpha):
    """A letter of one colour on a ground that is not drawn."""
    image = np.zeros((6, 6, 4), np.uint8)
    image[..., :3] = 77  # the colour of pixels that are not seen
    image[1:5, 2:4] = (*ink, alpha)
    image[..., 3][image[..., 3] == 77] = 0
    return image


@pytest.mark.parametrize(
    ("ink", "ground"), [((0, 0, 0), 255), ((255, 255, 255), 0), ((250, 240, 250), 0), ((200, 30, 60), 255)]
)
@pytest.mark.parametrize("ending", ["png", "webp", "tif"])
def test_the_ground_is_one_on_which_the_ink_is_seen(tmp_path, ending, ink, ground):
    path = tmp_path / f"glyph.{ending}"
    Image.fromarray(glyph(ink, 255)).save(path, **({"lossless": True, "exact": True} if ending == "webp" else {}))
    frames, notes = frames_of(path)
    expected = np.full((3, 6, 6), ground)
    expected[:, 1:5, 2:4] = np.reshape(ink, (3, 1, 1))
    assert np.array_equal(frames[0], expected)
    assert any(f"laid on {'white' if ground else 'black'}" in note for note in notes)
    assert np.array_equal(read_image(path, 6), expected)


def test_a_ground_of_choice(tmp_path, capsys):
    Image.fromarray(glyph((0, 0, 0), 128)).save(tmp_path / "a.png")
    frames, _ = frames_of(tmp_path / "a.png", ground=(1.0, 0.0, 0.5))
    assert frames[0, :, 0, 0].tolist() == [255, 0, 128]
    assert frames[0, :, 1, 2].tolist() == [round(255 * 127 / 255), 0, round(127.5 * 127 / 255)]
    assert read_image(tmp_path / "a.png", 6, ground=0.0).max() == 0
    assert "a.png: transparent pixels are laid on black" in capsys.readouterr().err
    with pytest.raises(ValueError, match=r"`ground` \(=\(0\.1, 0\.2\)\) must be one number or one for each of 3"):
        frames_of(tmp_path / "a.png", ground=(0.1, 0.2))


def test_frames_of_a_recording_lie_on_one_ground(tmp_path):
    """The first with transparent pixels chooses; read from any frame, the ground is the same."""
    Image.fromarray(np.full((6, 6, 4), 255, np.uint8)).save(tmp_path / "0.png")
    Image.fromarray(glyph((0, 0, 0), 255)).save(tmp_path / "1.png")
    Image.fromarray(glyph((255, 255, 255), 255)).save(tmp_path / "2.png")
    for start in range(3):
        with open_frames(tmp_path) as file:
            assert file.read(start, 3)[-1].min() == 255
            assert len([note for note in file.notes if "laid on" in note]) == 1
    stack = [Image.fromarray(glyph((value,) * 3, 255)) for value in (0, 255)]
    stack[0].save(tmp_path / "stack.png", save_all=True, append_images=stack[1:])
    with open_frames(tmp_path / "stack.png") as file:
        assert file.read(1, 2).min() == 255


def test_a_palette_with_a_transparent_entry(tmp_path):
    image = Image.fromarray(np.array([[0, 1], [2, 1]], np.uint8), "P")
    image.putpalette([255, 0, 255, 0, 0, 0, 40, 40, 40])
    for name, options in (("a.png", {}), ("a.gif", {})):
        image.save(tmp_path / name, transparency=0, **options)
        frames, notes = frames_of(tmp_path / name)
        assert frames.tolist() == [[[[255, 0], [40, 0]]]]
        assert "laid on white" in notes[0]


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_a_grey_that_stands_for_transparent(tmp_path, bits):
    """PNG's chunk tRNS without alpha, of every depth."""
    path = tmp_path / "key.png"
    path.write_bytes(png(np.array([[1, 0]]), bits, 0, transparent=struct.pack(">H", 1)))
    frames, _ = frames_of(path)
    assert frames.dtype == (np.uint16 if bits == 16 else np.uint8)
    assert frames[0, 0].tolist() == [[65535 if bits == 16 else 255, 0]]


def png(samples, bits, colour, transparent=None, extra=b""):
    """Write a PNG of any depth: samples ``(H, W)`` or ``(H, W, C)``."""
    import zlib

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = []
    for row in samples.reshape(len(samples), -1):
        if bits == 16:
            rows.append(b"\0" + row.astype(">u2").tobytes())
        else:
            digits = ((row[:, None] >> np.arange(bits)[::-1]) & 1).astype(np.uint8).reshape(-1)
            rows.append(b"\0" + np.packbits(digits).tobytes())
    header = struct.pack(">IIBBBBB", samples.shape[1], samples.shape[0], bits, colour, 0, 0, 0)
    parts = [chunk(b"IHDR", header), extra, chunk(b"tRNS", transparent) if transparent else b""]
    parts += [chunk(b"IDAT", zlib.compress(b"".join(rows))), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_png_of_every_depth(tmp_path, bits):
    """Grey of fewer than 8 bits is widened as viewers do; deeper ones arrive as they are."""
    samples = rng.integers(1 << bits, size=(5, 7))
    path = tmp_path / "grey.png"
    path.write_bytes(png(samples, bits, 0))
    frames, _ = frames_of(path)
    expected = samples if bits > 8 else samples * (255 // ((1 << bits) - 1))
    assert np.array_equal(frames[0, 0], expected)
    assert frames.dtype == (np.uint16 if bits > 8 else np.uint8)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", ["u1", "u2"])
def test_png_of_every_number_of_channels(tmp_path, dtype, channels):
    samples = rng.integers(np.iinfo(dtype).max + 1, size=(5, 7, channels)).astype(dtype)
    if channels in (2, 4):
        samples[..., -1] = np.iinfo(dtype).max
    path = tmp_path / "image.png"
    path.write_bytes(imagecodecs.png_encode(samples[..., 0] if channels == 1 else samples))
    frames, _ = frames_of(path)
    assert frames.dtype == dtype
    assert np.array_equal(frames[0], np.moveaxis(samples, -1, 0)[: channels - (channels in (2, 4))])


def test_deep_transparency(tmp_path):
    samples = np.zeros((1, 3, 4), np.uint16)
    samples[0, :, 0] = (1000, 2000, 3000)
    samples[0, :, 3] = (0, 32768, 65535)
    (tmp_path / "deep.png").write_bytes(imagecodecs.png_encode(samples))
    frames, _ = frames_of(tmp_path / "deep.png")
    half = 32768 / 65535
    assert frames[0, 0, 0].tolist() == [65535, round(2000 * half + 65535 * (1 - half)), 3000]


@pytest.mark.parametrize("most", [1, 15, 100, 255, 1023, 4095, 65535])
@pytest.mark.parametrize("kind", [2, 3, 5, 6])
def test_portable_maps_of_every_range(tmp_path, kind, most):
    """Values arrive as they are stored, in the depth of the file; those of fewer than 8 bits are widened."""
    shape = (5, 7, 3) if kind in (3, 6) else (5, 7, 1)
    samples = rng.integers(most + 1, size=shape)
    header = f"P{kind}\n# a comment\n7 5\n{most}\n".encode()
    if kind in (2, 3):
        body = "\n".join(str(value) for value in samples.reshape(-1)).encode()
    else:
        body = samples.astype(">u2" if most > 255 else "u1").tobytes()
    path = tmp_path / ("map.ppm" if kind in (3, 6) else "map.pgm")
    path.write_bytes(header + body)
    frames, notes = frames_of(path)
    expected = np.round(samples * (255 / most)) if most < 255 else samples
    assert np.array_equal(frames[0], np.moveaxis(expected, -1, 0))
    assert frames.dtype == (np.uint16 if most > 255 else np.uint8)
    assert bool(notes) == (most < 255)
    path.write_bytes(header + body[: len(body) // 2])
    with pytest.raises(ValueError, match=r"map\.p.m is not a readable image"):
        frames_of(path)


def test_bitmaps(tmp_path):
    Image.fromarray(GREY > 100).save(tmp_path / "bits.pbm")
    assert np.array_equal(frames_of(tmp_path / "bits.pbm")[0][0, 0], 255 * (GREY > 100))


@pytest.mark.parametrize("mode", ["CMYK", "YCbCr", "LAB"])
def test_other_colour_spaces(tmp_path, mode):
    """They become RGB, and a note says so."""
    smooth = np.full((8, 8, 3), (200, 100, 50), np.uint8)
    image = Image.fromarray(smooth)
    if mode == "LAB":
        profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
        image = ImageCms.profileToProfile(image, *profiles, outputMode="LAB")
    else:
        image = image.convert(mode)
    path = tmp_path / ("a.jpg" if mode == "CMYK" else "a.tif")
    image.save(path, **({"quality": 100} if mode == "CMYK" else {}))
    frames, notes = frames_of(path)
    assert np.abs(frames[0].astype(int) - np.moveaxis(smooth, -1, 0)).max() <= 4
    name = {"LAB": "CIE L*a*b*"}.get(mode, mode)
    assert any(f"a.{path.suffix[1:]}: {name} is converted to RGB" in note for note in notes)


def test_a_colour_profile_is_noted(tmp_path):
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    standard = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for name, profile in (("lab", lab), ("standard", standard)):
        Image.fromarray(RGB).save(tmp_path / f"{name}.png", icc_profile=profile)
    assert "colour profile" in frames_of(tmp_path / "lab.png")[1][0]
    assert frames_of(tmp_path / "standard.png")[1] == []


def test_a_photograph_with_a_preview(tmp_path):
    """Phones write several pictures into one .jpg."""
    first, second = Image.fromarray(RGB), Image.fromarray(RGB[:3, :3])
    first.save(tmp_path / "phone.jpg", "MPO", save_all=True, append_images=[second], quality=95)
    frames, notes = frames_of(tmp_path / "phone.jpg")
    assert frames.shape == (1, 3, 5, 7)
    assert "pictures beside the photograph are passed over, 1" in notes[0]
    assert read_image(tmp_path / "phone.jpg", 4).shape == (3, 4, 4)


@pytest.mark.parametrize("dtype", ["u1", "u2"])
@pytest.mark.parametrize("channels", [1, 3])
def test_jpeg_xl(tmp_path, dtype, channels):
    samples = rng.integers(np.iinfo(dtype).max + 1, size=(16, 24, channels)).astype(dtype)
    (tmp_path / "a.jxl").write_bytes(imagecodecs.jpegxl_encode(samples, lossless=True))
    frames, _ = frames_of(tmp_path / "a.jxl")
    assert frames.dtype == dtype
    assert np.array_equal(frames[0], np.moveaxis(samples, -1, 0))


@pytest.mark.parametrize("dtype", ["u1", "u2"])
def test_jpeg_2000(tmp_path, dtype):
    samples = rng.integers(np.iinfo(dtype).max + 1, size=(16, 24, 3)).astype(dtype)
    (tmp_path / "a.jp2").write_bytes(imagecodecs.jpeg2k_encode(samples, level=0, reversible=True))
    frames, _ = frames_of(tmp_path / "a.jp2")
    assert frames.dtype == dtype
    assert np.array_equal(frames[0], np.moveaxis(samples, -1, 0))


def test_an_image_under_the_name_of_another_format(tmp_path):
    Image.fromarray(GREY).save(tmp_path / "a.tif", "PNG")
    Image.fromarray(GREY.astype(np.int32) - 300).save(tmp_path / "a.png", "TIFF")
    assert np.array_equal(frames_of(tmp_path / "a.tif")[0][0, 0], GREY)
    assert np.array_equal(frames_of(tmp_path / "a.png")[0][0, 0], GREY.astype(int) - 300)


def animation(path, count=4, **options):
    noise = [Image.fromarray(rng.integers(200, size=(40, 40), dtype=np.uint8)) for _ in range(count)]
    noise[0].save(path, save_all=True, append_images=noise[1:], **options)
    return np.stack([np.asarray(image) for image in noise])


@pytest.mark.parametrize("ending", ["gif", "png", "webp"])
def test_times_of_animations(tmp_path, ending):
    path = tmp_path / f"a.{ending}"
    animation(path, duration=[100, 300, 50, 200], **({"lossless": True} if ending == "webp" else {}))
    with open_frames(path) as file:
        np.testing.assert_allclose(file.times, [0, 0.1, 0.4, 0.45])
    Image.fromarray(GREY).save(path)
    with open_frames(path) as file:
        assert file.times is None


@pytest.mark.parametrize("ending", ["gif", "png"])
@pytest.mark.parametrize("share", [0.4, 0.6, 0.9])
def test_an_animation_that_is_cut_short(tmp_path, ending, share):
    """What is whole is read, and a note says what is missing."""
    path = tmp_path / f"a.{ending}"
    frames = animation(path)
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    read, notes = frames_of(path)
    assert 1 <= len(read) < 4
    assert np.array_equal(read[:, 0], frames[: len(read)])
    assert "is cut short" in notes[0]
    path.write_bytes(data[: int(0.1 * len(data))])
    with pytest.raises(ValueError, match="is not a readable image"):
        frames_of(path)


@pytest.mark.parametrize("ending", ["png", "jpg", "webp", "bmp", "tif", "gif", "ppm", "avif", "tga", "jxl", "jp2"])
@pytest.mark.parametrize("share", [0.0, 0.05, 0.3, 0.7, 0.95])
def test_a_still_that_is_cut_short_is_refused(tmp_path, ending, share):
    path = tmp_path / f"a.{ending}"
    noise = rng.integers(256, size=(48, 48, 3), dtype=np.uint8)
    if ending == "jxl":
        path.write_bytes(imagecodecs.jpegxl_encode(noise, lossless=True))
    elif ending == "jp2":
        path.write_bytes(imagecodecs.jpeg2k_encode(noise, level=0, reversible=True))
    else:
        Image.fromarray(noise).save(path)
    frames_of(path)
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(ValueError, match=rf"a\.{ending} is not a readable image"):
        frames_of(path)


def test_a_still_before_an_animation(tmp_path):
    """A PNG may hold a picture that is no frame, for viewers that know no animations."""
    images = [Image.fromarray(np.full((5, 7), value, np.uint8)) for value in (1, 2, 3)]
    images[0].save(tmp_path / "a.png", save_all=True, append_images=images[1:], default_image=True)
    frames, notes = frames_of(tmp_path / "a.png")
    assert frames[:, 0, 0, 0].tolist() == [2, 3]
    assert "the still picture before the animation is passed over" in notes[0]


def test_other_entries_of_a_folder_are_counted(tmp_path):
    Image.fromarray(GREY).save(tmp_path / "0.png")
    for name in ("a.xyz", "b.xyz"):
        (tmp_path / name).touch()
    assert frames_of(tmp_path)[1] == [f"{tmp_path}: beside the images 2 entries are passed over, first a.xyz"]


def test_grey_beside_colour_where_all_become_grey(tmp_path):
    """First the conversion that was asked for, then the comparison."""
    Image.fromarray(RGB).save(tmp_path / "0.png")
    Image.fromarray(GREY).save(tmp_path / "1.png")
    with pytest.raises(ValueError, match="all frames must have one size and type"):
        read_recording(tmp_path)
    recording = read_recording(tmp_path, grayscale=True)
    np.testing.assert_allclose(recording.frames[0, 0], RGB @ [0.299, 0.587, 0.114], rtol=1e-6)
    np.testing.assert_allclose(recording.frames[1, 0], GREY, rtol=1e-6)


def test_damaged_exif_is_noted(tmp_path):
    Image.fromarray(GREY).save(tmp_path / "a.jpg", exif=b"Exif\0\0II*\0\x08\0\0\0\xff\xff")
    frames, _ = frames_of(tmp_path / "a.jpg")
    assert frames.shape == (1, 1, 5, 7)


def test_text_of_a_png_is_no_obstacle(tmp_path):
    info = PngInfo()
    info.add_text("Software", "a program")
    Image.fromarray(GREY).save(tmp_path / "a.png", pnginfo=info)
    assert np.array_equal(frames_of(tmp_path / "a.png")[0][0, 0], GREY)


def test_the_ground_is_an_option_of_data(tmp_path):
    """Its shares of white are what the network sees through transparent pixels, and go with the run."""
    for clip in range(3):
        (tmp_path / str(clip)).mkdir()
        for frame in range(4):
            Image.fromarray(glyph((0, 0, 0), 255)).save(tmp_path / str(clip) / f"{frame}.png")
    for ground in (None, 0.2):
        options = {"input_frames": 2, "horizon": 2, "scale": (0.0, 255.0), "grayscale": True}
        data = FrameData(str(tmp_path), ground=ground, **options)
        data.setup()
        assert abs(data.test_set[0]["input"].max().item() - (1 if ground is None else ground)) < 1e-6
        assert data.describe("train").get("ground") == ground
