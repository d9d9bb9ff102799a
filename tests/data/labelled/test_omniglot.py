import io
import zipfile

import numpy as np
import pytest
from PIL import Image

from framecast.data import LabelledImages, load_omniglot, with_rotations


def drawing(seed, size=105):
    """Black strokes on white, as in the files."""
    return np.random.default_rng(seed).random((size, size)) > 0.3


def png(values):
    file = io.BytesIO()
    Image.fromarray(values).save(file, "PNG")
    return file.getvalue()


NAMES = [
    f"{alphabet}/character{character:02}/{number:04}_{writer:02}.png"
    for number, (alphabet, character) in enumerate([("Tagalog", 1), ("Greek", 2), ("Greek", 1)], start=7)
    for writer in (1, 2, 12)
]


@pytest.fixture
def archive(tmp_path):
    with zipfile.ZipFile(tmp_path / "images_background.zip", "w") as file:
        file.writestr("images_background/", "")
        for seed, name in enumerate(NAMES):
            file.writestr(f"images_background/{name}", png(drawing(seed)))
        file.writestr("__MACOSX/images_background/Greek/character01/._0009_01.png", b"not an image")
        file.writestr("images_background/README.md", b"")
    return tmp_path / "images_background.zip"


def check(images):
    assert images.classes == ("Greek/character01", "Greek/character02", "Tagalog/character01")
    assert images.group_names == ("Greek", "Tagalog")
    assert images.labels.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert images.groups.tolist() == [0] * 6 + [1] * 3
    assert images.writers.tolist() == [1, 2, 12] * 3
    for row, seed in enumerate((6, 7, 8, 3, 4, 5, 0, 1, 2)):
        share = 1 - drawing(seed).reshape(21, 5, 21, 5).mean((1, 3))
        np.testing.assert_allclose(images[row]["image"][0], share, atol=0.003)


def test_drawings_of_a_zip(archive):
    check(load_omniglot(archive, size=21))


def test_drawings_of_a_folder(archive, tmp_path):
    with zipfile.ZipFile(archive) as file:
        file.extractall(tmp_path)
    check(load_omniglot(str(tmp_path / "images_background"), size=21))
    check(load_omniglot([tmp_path / "images_background", archive], size=21))  # each drawing once


def test_alphabets_left_out(archive):
    images = load_omniglot(archive, exclude=("Greek", "Latin"))
    assert images.classes == ("Tagalog/character01",)
    assert images.groups.tolist() == [0, 0, 0]
    assert images.images.shape == (3, 1, 28, 28)


def test_rotations_are_classes():
    images = LabelledImages(
        np.arange(8, dtype=np.uint8).reshape(2, 2, 2), [1, 0], "AB", [0, 1], [3, 4], group_names="xy"
    )
    turned = with_rotations(images)
    assert turned.classes == tuple(
        name + turn for turn in ("", " turned 90", " turned 180", " turned 270") for name in "AB"
    )
    assert turned.labels.tolist() == [1, 0, 3, 2, 5, 4, 7, 6]
    assert turned.groups.tolist() == [0, 1] * 4
    assert turned.writers.tolist() == [3, 4] * 4
    assert turned.images[::2].reshape(4, 4).tolist() == [[0, 1, 2, 3], [1, 3, 0, 2], [3, 2, 1, 0], [2, 0, 3, 1]]


def test_bad_files(archive, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"absent\.zip does not exist: give Omniglot's zips"):
        load_omniglot(tmp_path / "absent.zip")
    (tmp_path / "text.zip").write_text("text")
    with pytest.raises(ValueError, match=r"text\.zip is not a readable zip"):
        load_omniglot(tmp_path / "text.zip")
    with zipfile.ZipFile(tmp_path / "empty.zip", "w") as file:
        file.writestr("Greek/character01/notes.txt", "")
    with pytest.raises(ValueError, match=r"empty\.zip holds no drawings alphabet/character/0123_01\.png"):
        load_omniglot([archive, tmp_path / "empty.zip"])
    with pytest.raises(ValueError, match="no alphabets but those to leave out, Greek, Tagalog"):
        load_omniglot(archive, exclude=("Tagalog", "Greek"))
    with pytest.raises(ValueError, match=r"`size` \(=0\) must be positive"):
        load_omniglot(archive, size=0)
    with zipfile.ZipFile(tmp_path / "damaged.zip", "w") as file:
        file.writestr("Greek/character01/0001_01.png", png(drawing(0))[:60])
    with pytest.raises(ValueError, match=r"damaged\.zip: Greek/character01/0001_01\.png is not a readable image"):
        load_omniglot(tmp_path / "damaged.zip")
    content = bytearray(archive.read_bytes())
    content[200:260] = bytes(60)
    archive.write_bytes(content)
    with pytest.raises(ValueError, match=r"background\.zip is not a readable zip"):
        load_omniglot(archive)


def test_real_omniglot(shared_data):
    folder = shared_data / "omniglot" / "python"
    one, other = (load_omniglot(folder / f"images_background_small{number}.zip") for number in (1, 2))
    assert [len(one), len(one.classes), len(other), len(other.classes)] == [2720, 136, 3120, 156]
    assert one.group_names == ("Balinese", "Early_Aramaic", "Greek", "Korean", "Latin")
    assert other.group_names == ("Greek", "Japanese_(katakana)", "Latin", "Sanskrit", "Tagalog")
    for images in (one, other):
        assert set(np.bincount(images.labels)) == {20}
        assert set(images.writers) == set(range(1, 21))
        assert 0.02 < images.images.mean() / 255 < 0.15  # ink is 1, and little of the page
    greek = [images.images[images.groups == images.group_names.index("Greek")] for images in (one, other)]
    assert np.array_equal(*greek)
