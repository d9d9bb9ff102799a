from itertools import permutations

import pytest
import torch

from framecast.metrics import sample_pairs

LABELS = torch.tensor([7, 3, 7, 9, 3, 7, 2])  # the classes 9 and 2 have one image


@pytest.mark.parametrize("count", [2, 1000, 1001])
def test_half_the_pairs_are_of_one_class(count):
    i, j, similar = sample_pairs(LABELS, count, seed=5)
    assert len(i) == len(j) == len(similar) == count
    assert (i.dtype, j.dtype, similar.dtype) == (torch.int64, torch.int64, torch.bool)
    assert similar.sum() == count // 2
    assert torch.equal(LABELS[i] == LABELS[j], similar)
    assert (i != j).all()


def test_every_pair_can_be_drawn_and_as_often_as_it_should():
    i, j, similar = sample_pairs(LABELS, 40_000, seed=1)
    drawn = torch.zeros(7, 7).index_put((i, j), torch.ones(()), accumulate=True) / 20_000
    expected = torch.zeros(7, 7)
    sizes = [int((label == LABELS).sum()) for label in LABELS]
    for a, b in permutations(range(7), 2):
        same = LABELS[a] == LABELS[b]
        expected[a, b] = 1 / 5 / (sizes[a] - 1) if same else 1 / 7 / (7 - sizes[a])
    torch.testing.assert_close(drawn, expected, rtol=0, atol=0.006)
    assert ((drawn > 0) == (expected > 0)).all()
    assert similar[:20_000].all()


def test_the_seed_decides():
    one, again, other = (sample_pairs(LABELS, 50, seed) for seed in (3, 3, 4))
    assert all(torch.equal(a, b) for a, b in zip(one, again, strict=True))
    assert not torch.equal(one[0], other[0])


@pytest.mark.parametrize(
    ("labels", "count", "message"),
    [
        (torch.zeros(3, 2), 4, r"`labels` must have shape \(N,\), got \(3, 2\)"),
        (LABELS, 1, r"`count` \(=1\) must be at least 2: a pair of each kind"),
        (torch.arange(4), 4, r"`labels` must hold two images of one class, got 4 of 4 classes"),
        (torch.empty(0), 4, r"`labels` must hold two images of one class, got 0 of 0 classes"),
        (torch.zeros(4), 4, r"`labels` must hold at least two classes, got one"),
    ],
)
def test_wrong_calls(labels, count, message):
    with pytest.raises(ValueError, match=message):
        sample_pairs(labels, count, seed=0)
