import shutil

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from framecast.data import ImageFolder, read_image, read_image_folder, read_images, split_image_folder

rng = np.random.default_rng(0)


def save(path, values, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path, **options)
    return path


def grey(value, height=6, width=8):
    return np.full((height, width), value, np.uint8)


def test_an_image_keeps_its_proportions_and_its_middle(tmp_path):
    """Twelve columns of which the middle eight remain, halved."""
    values = rng.integers(256, size=(8, 12, 3), dtype=np.uint8)
    image = read_image(save(tmp_path / "a.png", values), 4)
    assert image.shape == (3, 4, 4)
    assert image.dtype == np.uint8
    flat = np.repeat(np.repeat(rng.integers(256, size=(2, 3, 3), dtype=np.uint8), 40, 0), 40, 1)
    image = read_image(save(tmp_path / "b.png", flat), (8, 12))
    assert np.array_equal(np.moveaxis(image, 0, -1)[1::4, 1::4], flat[10::40, 10::40])
    bars = np.repeat(np.array([[10, 10, 50, 50, 90, 90, 130, 130, 170, 170, 210, 210]], np.uint8), 8, 0)
    image = read_image(save(tmp_path / "c.png", bars), 8, grayscale=True)
    assert image[0].tolist() == [[50, 50, 90, 90, 130, 130, 170, 170]] * 8


@pytest.mark.parametrize("ending", ["png", "gif", "tif", "bmp", "pgm"])
def test_grey_images(tmp_path, ending):
    values = rng.integers(256, size=(6, 8), dtype=np.uint8)
    path = save(tmp_path / f"image.{ending}", values)
    assert np.array_equal(read_image(path, (6, 8), grayscale=True), values[None])
    assert np.array_equal(read_image(path, (6, 8)), np.broadcast_to(values, (3, 6, 8)))


def test_colour_images(tmp_path):
    colour = np.broadcast_to(np.array([200, 100, 50], np.uint8), (16, 16, 3))
    luma = 0.299 * 200 + 0.587 * 100 + 0.114 * 50
    for name, tolerance in (("a.png", 0), ("b.jpg", 3)):
        path = save(tmp_path / name, colour)
        assert np.abs(read_image(path, 4)[:, 2, 2] - [200.0, 100.0, 50.0]).max() <= tolerance
        assert abs(read_image(path, 4, grayscale=True)[0, 2, 2] - luma) <= tolerance + 0.5


def test_deep_and_two_valued_images(tmp_path):
    deep = save(tmp_path / "deep.png", np.array([[0, 257 * 7], [65535, 257 * 200]], np.uint16))
    assert read_image(deep, 2, grayscale=True)[0].tolist() == [[0, 7], [255, 200]]
    bits = save(tmp_path / "bits.png", np.array([[False, True]]))
    assert read_image(bits, (1, 2), grayscale=True)[0].tolist() == [[0, 255]]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_photographs_stand_upright(tmp_path, orientation):
    """What a camera writes that was held otherwise, after the standard's table."""
    upright = np.repeat(np.repeat(np.array([[0, 80], [160, 240]], np.uint8), 16, 0), 16, 1)
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.T,
        6: np.rot90(upright),  # shown turned by 90 degrees clockwise
        7: upright[::-1, ::-1].T,
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = save(tmp_path / "photograph.jpg", np.ascontiguousarray(stored), exif=exif, quality=95)
    image = read_image(path, 32, grayscale=True)[0].astype(int)
    assert np.abs(image - upright).max() < 10


def test_images_that_cannot_be_read(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"absent\.png does not exist"):
        read_image(tmp_path / "absent.png", 4)
    (tmp_path / "notes.txt").touch()
    with pytest.raises(ValueError, match=r"notes\.txt has an unknown ending, known are \.gif"):
        read_image(tmp_path / "notes.txt", 4)
    (tmp_path / "damaged.png").write_bytes(b"text")
    with pytest.raises(ValueError, match=r"damaged\.png is not a readable image"):
        read_image(tmp_path / "damaged.png", 4)
    real = save(tmp_path / "real.tif", np.ones((4, 4), np.float32))
    with pytest.raises(ValueError, match=r"real\.tif holds float32, but an image must hold whole numbers"):
        read_image(real, 4)
    stack = save(tmp_path / "stack.gif", grey(1), save_all=True, append_images=[Image.fromarray(grey(2))])
    with pytest.raises(ValueError, match=r"stack\.gif holds 2 images, but each file must hold one"):
        read_image(stack, 4)
    with pytest.raises(ValueError, match=r"`size` \(=0\) must be positive"):
        read_image(stack, 0)
    with pytest.raises(ValueError, match="`paths` must name at least one image"):
        read_images([], 4)


@pytest.fixture
def folder(tmp_path):
    """Three classes of 6, 10 and 20 images, each image of its own grey value."""
    value = 0
    for name, count in (("class10", 10), ("class9", 6), ("other", 20)):
        for index in range(count):
            save(tmp_path / name / f"{index}.png", grey(value := value + 1))
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").touch()
    (tmp_path / "class9" / "notes.txt").touch()
    return tmp_path


def test_a_folder_for_each_class(folder):
    images = read_image_folder(folder, 4, grayscale=True)
    assert images.classes == ("class9", "class10", "other")
    assert images.labels.tolist() == [0] * 6 + [1] * 10 + [2] * 20
    assert images.images[:, 0, 0, 0].tolist() == [*range(11, 17), *range(1, 11), *range(17, 37)]
    assert read_image_folder(folder, (4, 5)).images.shape == (36, 3, 4, 5)


def test_folders_without_classes(tmp_path):
    with pytest.raises(FileNotFoundError, match="absent is not a folder"):
        read_image_folder(tmp_path / "absent")
    save(tmp_path / "loose.png", grey(0))
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="holds no folders of images, one for each class; known images end in"):
        read_image_folder(tmp_path)


def test_each_class_is_split(folder):
    parts, classes = split_image_folder(folder, (0.5, 0.2, 0.3))
    assert classes == ["class9", "class10", "other"]
    counts = {split: np.bincount([label for _, label in part]).tolist() for split, part in parts.items()}
    assert counts == {"train": [2, 5, 10], "val": [2, 2, 4], "test": [2, 3, 6]}
    paths = [path for part in parts.values() for path, _ in part]
    assert len(set(paths)) == len(paths) == 36
    assert all(path.parent.name == classes[label] for part in parts.values() for path, label in part)
    assert parts == split_image_folder(folder, (0.5, 0.2, 0.3))[0]
    assert parts != split_image_folder(folder, (0.5, 0.2, 0.3), seed=1)[0]


def test_named_subfolders_are_taken_as_they_are(tmp_path):
    for name in ("train/a/1.png", "train/b/1.png", "train/b/2.png", "val/b/1.png", "test/c/1.png"):
        save(tmp_path / name, grey(0))
        if name.startswith("val"):
            with pytest.raises(FileNotFoundError, match=r"holds train, val but not test/: all three are needed"):
                split_image_folder(tmp_path)
    parts, classes = split_image_folder(tmp_path)
    assert classes == ["a", "b", "c"]
    assert {split: [label for _, label in part] for split, part in parts.items()} == {
        "train": [0, 1, 1],
        "val": [1],
        "test": [2],
    }


def test_classes_that_are_too_small(folder):
    (folder / "class9" / "3.png").unlink()
    with pytest.raises(ValueError, match="class class9 has 5 images, but training, validation and test need two each"):
        split_image_folder(folder)
    with pytest.raises(ValueError, match=r"`fractions` \(=\(0\.5, 0\.5, 0\.5\)\) must be positive and have a sum of 1"):
        split_image_folder(folder, (0.5, 0.5, 0.5))


def deep(folder, most, count=8):
    """Two classes of images of 16 bits that fill the bits of a largest value, each image a part of them."""
    for name in "ab":
        for index in range(count):
            values = rng.integers(most * (index + 1) // count + 1, size=(16, 16)).astype(np.uint16)
            values[0, 0] = most * (index + 1) // count
            save(folder / name / f"{index}.png", values)


def test_deep_images_share_the_range_that_they_fill(tmp_path, capsys):
    """12 bits in files of 16 keep 256 levels, and images keep their brightness among each other."""
    deep(tmp_path, 4095)
    images = read_image_folder(tmp_path, 16, grayscale=True).images
    highest = images.reshape(16, -1).max(1)
    assert highest.tolist() == [round(255 * (4095 * (index + 1) // 8) / 4095) for index in range(8)] * 2
    assert len(np.unique(images)) > 250
    note = "0.png: values of 0 to 4095 become 0 to 255, see `value_range` (and so in 15 more)"
    assert note in capsys.readouterr().err
    path = tmp_path / "a" / "7.png"
    assert np.array_equal(read_image(path, 16, True, value_range=(0, 4095)), images[7])
    assert read_image(path, 16, True, value_range=(4094, 4095)).max() == 255
    with pytest.raises(ValueError, match=r"`value_range` \(=\(1, 1\)\) must be \(low, high\) with low < high"):
        read_image(path, 16, value_range=(1, 1))


def test_validation_and_matching_take_the_range_and_the_ground_of_training(tmp_path):
    deep(tmp_path, 1023)
    source = ImageFolder(str(tmp_path), 16, True)
    assert source.reading() == {}
    parts = source.load(0)
    assert source.reading() == {"value_range": (0.0, 1023.0)}
    for part in ("train", "val", "test"):
        paths = source._paths[part]
        expected = [np.asarray(Image.open(path)) for path in paths]
        for values, image in zip(expected, getattr(parts, part).images, strict=True):
            assert np.array_equal(image[0], np.round(values * (255 / 1023)))
    source = ImageFolder(str(tmp_path), 16, True, ground=0.5, value_range=(0, 65535))
    dark = source.load(0).train.images
    assert dark.max() <= 4
    assert source.reading() == {"ground": 0.5, "value_range": (0, 65535)}


def test_real_and_negative_values_need_a_range(tmp_path, capsys):
    real = save(tmp_path / "real.tif", np.array([[-1, 0], [1, 3]], np.float32))
    assert read_image(real, 2, True, value_range=(-1, 1))[0].tolist() == [[0, 128], [255, 255]]
    signed = save(tmp_path / "signed.tif", np.array([[-10, 0], [10, 30]], np.int32))
    with pytest.raises(ValueError, match=r"signed\.tif holds negative values, .*: give `value_range`"):
        read_image(signed, 2)
    assert read_image(signed, 2, True, value_range=(-10, 10))[0].tolist() == [[0, 128], [255, 255]]
    holes = save(tmp_path / "holes.tif", np.array([[np.nan, 0], [1, 3]], np.float32))
    assert read_image(holes, 2, True, value_range=(-1, 1))[0].tolist() == [[0, 128], [255, 255]]
    assert "holes.tif: pixels without a value become black" in capsys.readouterr().err


def test_deep_colour(tmp_path):
    values = rng.integers(4096, size=(8, 8, 3)).astype(np.uint16)
    values[0, 0] = 4095
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(values))
    expected = np.moveaxis(np.round(values * (255 / 4095)), -1, 0)
    assert np.array_equal(read_image(tmp_path / "a.png", 8), expected)
    luma = np.round(values @ [0.299, 0.587, 0.114] * (255 / 4095))
    assert np.abs(read_image(tmp_path / "a.png", 8, grayscale=True)[0] - luma).max() <= 1


def test_notes_of_many_images_are_one(tmp_path, capsys):
    glyph = np.zeros((4, 4, 4), np.uint8)
    glyph[1:3, 1:3, 3] = 255
    paths = [save(tmp_path / f"{index}.png", glyph) for index in range(5)]
    images = read_images(paths, 4)
    assert images.max() == 255
    assert images.min() == 0
    err = capsys.readouterr().err
    assert err.count("framecast: note:") == 1
    assert "0.png: transparent pixels are laid on white, see `ground` (and 4 more alike)" in err


def test_classes_can_be_the_unit_of_the_split(tmp_path):
    for number in range(10):
        for index in range(3):
            save(tmp_path / f"face{number}" / f"{index}.png", grey(number))
    parts, classes = split_image_folder(tmp_path, (0.6, 0.2, 0.2), split_by="classes")
    assert classes == [f"face{number}" for number in range(10)]
    labels = {part: {label for _, label in files} for part, files in parts.items()}
    assert [len(labels[part]) for part in ("train", "val", "test")] == [6, 2, 2]
    assert not labels["train"] & labels["val"]
    assert not (labels["train"] | labels["val"]) & labels["test"]
    assert sum(len(files) for files in parts.values()) == 30
    assert parts != split_image_folder(tmp_path, (0.6, 0.2, 0.2), seed=1, split_by="classes")[0]
    for number in range(5, 10):
        shutil.rmtree(tmp_path / f"face{number}")
    with pytest.raises(ValueError, match=r"has 5 classes, but to split by classes, .* need two each"):
        split_image_folder(tmp_path, split_by="classes")
    with pytest.raises(ValueError, match=r"`split_by` \(='faces'\) must be images or classes"):
        split_image_folder(tmp_path, split_by="faces")


def test_images_at_any_depth_are_of_the_class_at_the_top(tmp_path, capsys):
    for name in ("cat", "dog"):
        for index in range(6):
            save(tmp_path / name / f"session{index}" / "a.png", grey(index))
    save(tmp_path / "loose.png", grey(0))
    for index in range(3):
        (tmp_path / "cat" / f"{index}.heic").touch()
    parts, classes = split_image_folder(tmp_path)
    assert classes == ["cat", "dog"]
    assert all(path.relative_to(tmp_path).parts[0] == classes[label] for part in parts.values() for path, label in part)
    said = capsys.readouterr().err
    assert "3 files with unknown endings passed over (3 .heic)" in said
    assert "1 image in no folder of a class passed over, first loose.png" in said
