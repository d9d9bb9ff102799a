import itertools
from collections import Counter

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset, default_collate

from framecast.data import LabelledImages, MovingDigitClips, Pairs, images_to_pairs, pairs_to_images

LABELS = [0, 2, 2, 0, 1, 1, 2, 1, 1]


def numbered(labels=LABELS, classes=("cat", "dog", "cow")):
    """Images that show their own number."""
    images = np.arange(len(labels), dtype=np.uint8).reshape(-1, 1, 1) * np.ones((1, 2, 3), np.uint8)
    return LabelledImages(images, labels, classes)


def numbers(pair):
    return tuple(int((pair[side][0, 0, 0] * 255).round()) for side in ("first", "second"))


def test_neighbours_are_those_of_the_sequence():
    pairs = Pairs(numbered(), "neighbours")
    assert [numbers(pair) for pair in pairs] == [(0, 1), (2, 3), (4, 5), (6, 7)]
    assert [bool(pair["similar"]) for pair in pairs] == [False, False, True, False]


def test_a_list_gives_its_pairs():
    listed = [(8, 0), (3, 3), (1, 2), (8, 0)]
    pairs = Pairs(numbered(), listed)
    assert [numbers(pair) for pair in pairs] == listed
    for pair, (first, second) in zip(pairs, listed, strict=True):
        assert (int(pair["first_label"]), int(pair["second_label"])) == (LABELS[first], LABELS[second])
        assert bool(pair["similar"]) == (LABELS[first] == LABELS[second])
        assert pair["similar"].dtype == torch.bool


def test_similar_of_a_list_may_be_told():
    pairs = Pairs(numbered(), [(0, 3), (0, 1)], similar=[0, 1])
    assert [bool(pair["similar"]) for pair in pairs] == [False, True]


def test_random_pairs_are_balanced_and_of_two_images():
    pairs = Pairs(numbered(), "random", 20_000, seed=4)
    batch = pairs.batch(np.arange(20_000))
    similar = batch["similar"]
    assert torch.equal(similar, batch["first_label"] == batch["second_label"])
    assert torch.equal(similar[::2], ~similar[1::2])
    assert 4_800 < similar[::2].sum() < 5_200  # not every other one
    first, second = ((batch[side][:, 0, 0, 0] * 255).round().int().tolist() for side in ("first", "second"))
    counts = {True: Counter(), False: Counter()}
    for i, j, same in zip(first, second, similar.tolist(), strict=True):
        counts[same][i, j] += 1
    for same in (True, False):
        possible = {
            (i, j) for i, j in itertools.product(range(9), repeat=2) if i != j and (LABELS[i] == LABELS[j]) == same
        }
        assert set(counts[same]) == possible
        for i, j in possible:  # the first is any image, the second any that fits
            partners = sum(one == i for one, _ in possible)
            expected = 10_000 / 9 / partners
            assert abs(counts[same][i, j] - expected) < 5 * expected**0.5


def test_a_pair_follows_from_seed_and_index():
    source = numbered()
    few, endless = Pairs(source, length=10, seed=2), Pairs(source, length=2**40, seed=2)
    for index in range(10):
        assert numbers(few[index]) == numbers(endless[index]) == numbers(few[index - 10])
    assert [numbers(few[i]) for i in range(10)] != [numbers(Pairs(source, length=10, seed=3)[i]) for i in range(10)]
    together = endless.batch(np.array([7, 2**40 - 1, 3]))
    for row, index in enumerate((7, -1, 3)):
        for name, value in endless[index].items():
            assert torch.equal(together[name][row], value)


def test_as_many_random_pairs_as_neighbours():
    assert len(Pairs(numbered())) == len(Pairs(numbered(), "neighbours")) == 4


def test_each_image_is_transformed_by_its_own_key():
    seen = Pairs(numbered(), "neighbours", transform=lambda image, key: torch.full_like(image, key))
    assert [(float(pair["first"][0, 0, 0]), float(pair["second"][0, 0, 0])) for pair in seen] == [
        (0, 1),
        (2, 3),
        (4, 5),
        (6, 7),
    ]


class Tuples(TensorDataset):
    """As torchvision's data sets: items (image, label), and `targets`."""

    @property
    def targets(self):
        return self.tensors[1].tolist()


@pytest.mark.parametrize("kind", [Tuples, TensorDataset])
def test_pairs_of_other_data_sets(kind):
    source = kind(torch.arange(9.0).reshape(9, 1, 1, 1) / 255, torch.tensor(LABELS))
    for index in range(4):
        expected, pair = Pairs(numbered(), seed=6)[index], Pairs(source, seed=6)[index]
        assert numbers(pair) == numbers(expected)
        assert pair["similar"] == expected["similar"]


def test_pairs_of_clips_have_lengths():
    clips = MovingDigitClips(length=30)
    pair = Pairs(clips, [(3, 8)])[0]
    assert set(pair) == {f"{side}{rest}" for side in ("first", "second") for rest in ("", "_label", "_length")} | {
        "similar"
    }
    for side, index in (("first", 3), ("second", 8)):
        assert torch.equal(pair[side], clips[index]["image"])
        assert pair[f"{side}_length"] == clips[index]["length"]


def test_a_loader_can_read_them():
    batch = next(iter(DataLoader(Pairs(numbered(), "neighbours"), 4)))
    assert batch["first"].shape == (4, 1, 2, 3)
    assert batch["similar"].tolist() == [False, False, True, False]


def test_pairs_as_images_and_back():
    pairs = default_collate([Pairs(MovingDigitClips(length=100), length=3)[i] for i in range(3)])
    images = pairs_to_images(pairs)
    assert {name: len(values) for name, values in images.items()} == {
        "image": 6,
        "label": 6,
        "length": 6,
        "similar": 3,
    }
    for row in range(3):
        assert torch.equal(images["image"][row], pairs["first"][row])
        assert torch.equal(images["image"][3 + row], pairs["second"][row])
        assert images["length"][3 + row] == pairs["second_length"][row]
    back = images_to_pairs(images)
    assert back.keys() == pairs.keys()
    assert all(torch.equal(back[name], pairs[name]) for name in pairs)
    told = images_to_pairs({**images, "similar": ~images["similar"]})
    assert torch.equal(told["similar"], ~pairs["similar"])
    with pytest.raises(ValueError, match="`image` must hold an even number of images, got 5"):
        images_to_pairs({"image": torch.zeros(5, 1, 2, 2)})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Pairs(numbered([0, 0, 1])), "class dog has 1 image, but random pairs need at least 2 of each"),
        (lambda: Pairs(numbered([1, 1])), "random pairs need at least 2 classes, but the data have 1"),
        (lambda: Pairs(numbered(), "nearest"), r"`pairing` \(='nearest'\) must be random, neighbours or a list"),
        (
            lambda: Pairs(numbered(), [(0, 9)]),
            r"names the pair \(0, 9\), but images are numbered from 0 to 8",
        ),
        (lambda: Pairs(numbered(), [(0, 1), (-1, 2)]), r"`pairing` names the pair \(-1, 2\)"),
        (lambda: Pairs(numbered(), []), "`pairing` is an empty list of pairs among 9 images"),
        (lambda: Pairs(numbered([0]), "neighbours"), "`pairing` is an empty list of pairs among 1 images"),
        (lambda: Pairs(numbered(), [(0, 1, 2)]), r"a list of pairs \(i, j\), got int64 \(1, 3\)"),
        (lambda: Pairs(numbered(), [(0.5, 1)]), r"a list of pairs \(i, j\), got float64 \(1, 2\)"),
        (lambda: Pairs(numbered(), length=0), r"`length` \(=0\) must be positive"),
        (lambda: Pairs(numbered(), "neighbours", 3), r"`length` \(=3\) is for random pairs; these are 4"),
        (lambda: Pairs(numbered(), seed=-1), r"`seed` \(=-1\) must be between"),
        (lambda: Pairs(numbered(), similar=[1] * 4), "`similar` is for a list of pairs"),
        (lambda: Pairs(numbered(), [(0, 1)], similar=[1, 0]), r"`similar` \(2,\) must be one for each of the 1 pairs"),
    ],
)
def test_bad_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_indexes_are_those_of_a_list():
    with pytest.raises(IndexError, match="index 4 is out of range for 4 pairs"):
        Pairs(numbered())[4]
