import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, roc_auc_score
from torchmetrics.functional.classification import binary_roc

from framecast.metrics import best_threshold, roc, verification


@pytest.fixture
def pairs():
    """Distances of 3,000 pairs in which the kinds overlap; every second distance is rounded, so that many are tied."""
    similar = torch.rand(3000) < 0.4
    distances = torch.randn(3000) - 2.0 * similar + 4
    distances[::2] = distances[::2].round(decimals=1)
    return distances, similar


def rates(distances, similar, threshold):
    """False and true accepts at a threshold, counted."""
    accepted = distances <= threshold
    return (accepted & ~similar).sum() / (~similar).sum(), (accepted & similar).sum() / similar.sum()


def test_area_is_that_of_scikit_learn(pairs):
    distances, similar = pairs
    scores = verification(distances, similar)
    assert scores.auc == pytest.approx(roc_auc_score(similar.cpu(), -distances.double().cpu()), abs=1e-12)
    assert (scores.similar_pairs, scores.different_pairs) == (int(similar.sum()), int((~similar).sum()))


def test_area_is_the_share_of_pairs_of_pairs_in_order(pairs):
    distances, similar = (x[:300].cpu().numpy() for x in pairs)
    difference = distances[~similar][:, None] - distances[similar]
    expected = ((difference > 0) + 0.5 * (difference == 0)).mean()
    assert verification(*(x[:300] for x in pairs)).auc == pytest.approx(expected, abs=1e-12)


def test_the_curve_is_counted_and_that_of_torchmetrics(pairs):
    distances, similar = pairs
    curve = roc(distances, similar)
    assert len(curve.threshold) == len(distances.unique()) + 1
    for false_accepts, true_accepts, threshold in list(zip(*curve, strict=True))[::97]:
        expected = rates(distances.double(), similar, threshold)
        assert (false_accepts, true_accepts) == pytest.approx([float(x) for x in expected], abs=1e-6)
    closeness = 1 - (distances - distances.min()) / (distances.max() - distances.min())
    other = binary_roc(closeness.double(), similar.long())
    for ours, theirs in zip(curve[:2], other[:2], strict=True):
        np.testing.assert_allclose(ours, theirs.cpu(), rtol=1e-6)


def test_equal_error_rate_by_hand():
    # Accepting up to 0.3: 2 of 3 similar pairs and 1 of 4 others; up to 0.4: all similar and 1 of 4 others. Between
    # them true accepts go from 2/3 to 1 at false accepts of 1/4: misses are 1/4 there too.
    distances, similar = torch.tensor([0.1, 0.3, 0.4, 0.2, 0.5, 0.6, 0.7]), torch.tensor([1, 1, 1, 0, 0, 0, 0])
    assert verification(distances, similar).eer == pytest.approx(1 / 4)
    # From (0, 1/2) to (1/2, 1) in one step of tied distances: x = 1 - (1/2 + x) at x = 1/4.
    distances, similar = torch.tensor([0.1, 0.2, 0.2, 0.3]), torch.tensor([1, 1, 0, 0])
    assert verification(distances, similar).eer == pytest.approx(1 / 4)


def test_equal_error_rate_of_two_bell_curves(pairs):
    # Half of the distance between two unit normals is 1: the error beyond it is 15.87 %.
    distances, similar = pairs
    assert verification(distances, similar).eer == pytest.approx(0.1587, abs=0.02)
    curve = roc(distances, similar)
    nearest = np.abs(curve.false_accepts + curve.true_accepts - 1).argmin()
    assert verification(distances, similar).eer == pytest.approx(curve.false_accepts[nearest], abs=0.005)


@pytest.mark.parametrize(
    ("name", "share"), [("true_accepts_at_1_percent", 0.01), ("true_accepts_at_01_percent", 0.001)]
)
def test_true_accepts_are_those_of_the_largest_threshold_allowed(pairs, name, share):
    distances, similar = pairs
    allowed = [rates(distances, similar, t) for t in distances.unique()]
    expected = max(float(true) for false, true in allowed if false <= share)
    assert expected > 0
    assert getattr(verification(distances, similar), name) == pytest.approx(expected, abs=1e-6)


def test_exactly_one_percent_is_allowed():
    distances, similar = torch.arange(200.0), torch.ones(200).bool()
    similar[100:] = False
    similar[0], similar[199] = False, True  # the nearest pair is one of 100 dissimilar ones
    scores = verification(distances, similar)
    assert (scores.true_accepts_at_1_percent, scores.true_accepts_at_01_percent) == (0.99, 0.0)


def test_perfect_and_reversed_and_tied_distances():
    similar = torch.tensor([True] * 5 + [False] * 7)
    perfect = verification(torch.arange(12.0), similar, threshold=4.5)
    assert (perfect.auc, perfect.eer, perfect.accuracy) == (1, 0, 1)
    assert (perfect.true_accepts_at_1_percent, perfect.true_accepts_at_01_percent) == (1, 1)
    wrong = verification(-torch.arange(12.0), similar, threshold=-4.5)
    assert (wrong.auc, wrong.eer, wrong.accuracy) == (0, 1, 0)
    tied = verification(torch.ones(12), similar, threshold=1.0)
    assert (tied.auc, tied.eer, tied.true_accepts_at_1_percent) == (0.5, 0.5, 0)
    assert tied.accuracy == pytest.approx(5 / 12)


def test_distances_without_meaning_are_at_chance():
    distances = torch.rand(20_000)
    scores = verification(distances, torch.arange(20_000) % 2)
    assert scores.auc == pytest.approx(0.5, abs=0.02)
    assert scores.eer == pytest.approx(0.5, abs=0.02)
    assert scores.true_accepts_at_1_percent == pytest.approx(0.01, abs=0.005)


def test_scores_at_a_threshold(pairs):
    distances, similar = pairs
    scores = verification(distances, similar, threshold=2.7)  # where distances are tied: those are accepted
    accepted = distances.double() <= 2.7
    assert scores.threshold == 2.7
    assert scores.accuracy == pytest.approx(accuracy_score(similar.cpu(), accepted.cpu()))
    expected = [float(x) for x in rates(distances.double(), similar, 2.7)]
    assert (scores.false_accepts, scores.true_accepts) == pytest.approx(expected, abs=1e-6)
    without = verification(distances, similar)
    assert (without.threshold, without.accuracy, without.true_accepts, without.false_accepts) == (None,) * 4


def test_a_pair_at_the_threshold_is_accepted():
    scores = verification(torch.tensor([0.5, 0.75]), torch.tensor([True, False]), threshold=0.5)
    assert scores.accuracy == 1


def test_no_threshold_is_better_than_the_best(pairs):
    distances, similar = pairs
    best = best_threshold(distances, similar)
    accuracy = verification(distances, similar, best).accuracy
    assert accuracy == max(verification(distances, similar, float(t)).accuracy for t in distances.unique())
    assert best not in distances.tolist()


@pytest.mark.parametrize(
    ("distances", "similar", "expected"),
    [
        ([0.25, 0.5, 0.75, 1.0], [1, 1, 0, 0], 0.625),
        ([0.25, 0.5, 0.75, 1.0, 2.0], [1, 0, 1, 0, 0], 0.375),  # as good as 0.875, and lower
        ([0.25, 0.5, 0.75], [1, 1, 0], 0.625),
        ([0.25, 0.5, 0.75], [0, 1, 1], 0.75),  # all accepted
        ([0.25, 0.5, 0.75], [0, 0, 1], -np.inf),  # none
        ([0.5, 0.5, 0.5], [1, 1, 0], 0.5),
        ([0.5 + 2**-53, 0.5 + 2**-52], [1, 0], 0.5 + 2**-53),  # nothing lies between them
    ],
)
def test_best_threshold_by_hand(distances, similar, expected):
    assert best_threshold(np.array(distances), np.array(similar)) == expected


def test_accuracies_that_differ_by_rounding_alone_are_equal():
    similar = torch.zeros(24)
    similar[[1, 3, 6, 8, 9, 12, 16, 17, 23]] = 1
    accuracy = [verification(torch.arange(24.0), similar, t).accuracy for t in (-np.inf, 9.5)]
    assert accuracy[0] == accuracy[1]
    assert best_threshold(torch.arange(24.0), similar) == -np.inf


def test_arrays_and_tensors_of_any_type_mean_the_same(pairs):
    distances, similar = pairs
    expected = verification(distances, similar, 2.0)
    assert verification(distances.cpu().numpy(), similar.cpu().numpy(), 2.0) == expected
    assert verification(distances.double().requires_grad_(), similar.float(), 2.0) == expected
    assert verification(distances, similar.cpu().numpy().astype(np.uint8), 2.0) == expected


@pytest.mark.parametrize(
    ("distances", "similar", "message"),
    [
        (torch.zeros(3), torch.zeros(2), r"`distances` and `similar` must both have shape \(P,\), got \(3,\) and \(2,"),
        (torch.zeros(3, 1), torch.zeros(3, 1), r"must both have shape \(P,\), got \(3, 1\) and \(3, 1\)"),
        (
            torch.tensor([0, torch.inf, torch.nan]),
            torch.tensor([0, 1, 1]),
            r"must be finite, got 2 values that are not",
        ),
        (torch.zeros(3), torch.tensor([0, 1, -1]), r"`similar` must be 0 or 1, got -1"),
        (
            torch.zeros(3),
            torch.ones(3),
            r"`similar` must hold pairs of both kinds, got 3 similar and 0 dissimilar ones",
        ),
        (torch.zeros(0), torch.zeros(0), r"`similar` must hold pairs of both kinds, got 0 similar and 0 dissimilar"),
    ],
)
@pytest.mark.parametrize("score", [verification, best_threshold, roc])
def test_wrong_pairs(score, distances, similar, message):
    with pytest.raises(ValueError, match=message):
        score(distances, similar)
