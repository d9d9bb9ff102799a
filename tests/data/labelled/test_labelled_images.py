import numpy as np
import pytest
import torch

from framecast.data import LabelledImages, load_digit_images, load_digits
from framecast.data.labelled._labelled_images import in_one_list

rng = np.random.default_rng(0)
IMAGES = rng.integers(256, size=(5, 2, 3, 4), dtype=np.uint8)
LABELS = [0, 2, 1, 1, 0]


def labelled(**options):
    return LabelledImages(IMAGES, LABELS, "abc", **options)


def test_items():
    data = labelled(groups=[0, 1, 1, 1, 0], writers=[5, 6, 7, 8, 9])
    assert len(data) == 5
    for index in range(-5, 5):
        item = data[index]
        assert item.keys() == {"image", "label", "group", "writer"}
        np.testing.assert_allclose(item["image"], IMAGES[index] / 255, atol=1e-7)
        assert item["image"].dtype == torch.float32
        assert [int(item[name]) for name in ("label", "writer")] == [LABELS[index], 5 + index % 5]
        assert item["label"].dtype == torch.int64
    assert labelled()[0].keys() == {"image", "label"}
    for index in (5, -6):
        with pytest.raises(IndexError, match=f"index {index} is out of range for 5 images"):
            data[index]


def test_one_channel():
    data = LabelledImages(IMAGES[:, 0], LABELS, "abc")
    np.testing.assert_allclose(data[3]["image"], IMAGES[3, :1] / 255, atol=1e-7)


def test_a_batch_is_its_items():
    data = labelled(groups=[0, 1, 1, 1, 0], transform=lambda image, key: image + key)
    batch = data.batch(np.array([4, 0, 4]))
    for row, index in enumerate((4, 0, 4)):
        for name, value in data[index].items():
            assert torch.equal(batch[name][row], value)
    np.testing.assert_allclose(batch["image"][0], IMAGES[4] / 255 + 4, atol=1e-6)


def test_subset():
    data = labelled(groups=[0, 1, 1, 1, 0], writers=[5, 6, 7, 8, 9], group_names=("x", "y"))
    part = data.subset(np.array([3, 1]))
    assert [int(part[i][name]) for i in (0, 1) for name in ("label", "group", "writer")] == [1, 1, 8, 2, 1, 6]
    assert torch.equal(part[1]["image"], data[1]["image"])
    assert (part.classes, part.group_names) == (("a", "b", "c"), ("x", "y"))
    assert data.subset(data.labels == 1).writers.tolist() == [7, 8]


def test_parts_in_one_list():
    one = LabelledImages(IMAGES[:2], [1, 0], ("cat", "dog"), [0, 0], group_names=["pets"])
    other = LabelledImages(IMAGES[2:], [0, 1, 1], ("cow", "cat"), [0, 1, 1], group_names=["farm", "pets"])
    parts = in_one_list(one, other)
    assert [[part.classes[label] for label in part.labels] for part in parts] == [["dog", "cat"], ["cow", "cat", "cat"]]
    assert [part.labels.tolist() for part in parts] == [[1, 0], [2, 0, 0]]
    assert [part.groups.tolist() for part in parts] == [[0, 0], [1, 0, 0]]
    assert parts[0].group_names == parts[1].group_names == ("pets", "farm")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LabelledImages(IMAGES / 255, LABELS, "abc"), r"`images` must be uint8 .*, got float64 \(5, 2, 3, 4\)"),
        (lambda: LabelledImages(IMAGES[0, 0], [0], "a"), r"`images` must be uint8 .*, got uint8 \(3, 4\)"),
        (lambda: LabelledImages(IMAGES[:0], [], "abc"), r"`images` must be uint8 .*, got uint8 \(0, 2, 3, 4\)"),
        (lambda: LabelledImages(IMAGES, LABELS[:4], "abc"), r"`labels` \(4,\) must be one for each of the 5 images"),
        (lambda: labelled(groups=[1]), r"`groups` \(1,\) must be one for each of the 5 images"),
        (lambda: labelled(writers=[1] * 6), r"`writers` \(6,\) must be one for each of the 5 images"),
        (lambda: LabelledImages(IMAGES, LABELS, "ab"), r"`labels` \(from 0 to 2\) must be .* `classes` \(=2\)"),
        (lambda: LabelledImages(IMAGES, [-1] * 5, "ab"), r"`labels` \(from -1 to -1\) must be"),
    ],
)
def test_bad_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_builtin_digits():
    data = load_digit_images(split="val", size=16)
    images, labels = load_digits(split="val", size=16)
    np.testing.assert_allclose(data[7]["image"][0], images[7] / 255, atol=1e-7)
    assert data.classes[data[7]["label"]] == str(labels[7])


def test_real_mnist(shared_data):
    parts = [load_digit_images(str(shared_data / "mnist"), split) for split in ("train", "val", "test")]
    assert [len(part) for part in parts] == [55_000, 5_000, 10_000]
    counts = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]  # as published of the test digits
    assert np.bincount(parts[2].labels).tolist() == counts
