import json

import numpy as np
import pytest
import torch

from framecast.metrics import SCORES, ForecastScores

HORIZON = 3


@pytest.fixture
def batches():
    """Two batches of unequal size; in the first a frame without valid pixels and a perfect one."""
    torch.manual_seed(0)
    made = []
    for size in (3, 2):
        prediction, target = torch.rand(2, size, HORIZON, 2, 8, 9)
        mask = torch.rand(target.shape) < 0.995
        made.append((prediction, target, mask))
    prediction, target, mask = made[0]
    mask[0, 1] = False
    mask[1:, 0] = True
    prediction[2, 0] = target[2, 0]
    return made


def filled(batches):
    scores = ForecastScores(HORIZON)
    for batch in batches:
        scores.update(*batch)
    return scores


@pytest.mark.parametrize("name", SCORES)
def test_averages_over_the_frames_that_have_a_value(batches, name):
    values = np.concatenate([SCORES[name].function(*batch).cpu().numpy() for batch in batches])
    values[~np.isfinite(values)] = np.nan
    assert np.isnan(values[0, 1])
    assert np.isnan(values[2, 0]) == (name == "psnr")
    summary = filled(batches).compute()[name]
    np.testing.assert_allclose(summary["by_lead_time"], np.nanmean(values, axis=0), rtol=1e-12)
    np.testing.assert_allclose(summary["mean"], np.nanmean(values), rtol=1e-12)


def test_parts_merge_into_the_whole_and_reset_forgets(batches):
    whole, first = filled(batches), filled(batches[:1])
    first.merge_state(filled(batches[1:]))
    assert first.compute() == whole.compute()
    whole.reset()
    whole.update(*batches[1])
    assert whole.compute() == filled(batches[1:]).compute()


def test_a_batch_without_mask_counts_everywhere(batches):
    prediction, target, mask = batches[0]
    assert filled([(prediction, target)]).compute() == filled([(prediction, target, torch.ones_like(mask))]).compute()


def test_nothing_counted_is_none(batches):
    prediction, target, mask = batches[0]
    scores = filled([(prediction, torch.full_like(target, torch.nan), torch.zeros_like(mask))]).compute()
    assert list(scores) == list(SCORES)
    for summary in scores.values():
        assert summary == {"mean": None, "by_lead_time": [None] * HORIZON}


@pytest.mark.parametrize("size", [(6, 9), (9, 6)])
def test_frames_smaller_than_a_window_have_every_score_but_ssim(size):
    torch.manual_seed(0)
    scores = filled([torch.rand(2, 2, HORIZON, 1, *size)]).compute()
    assert {name for name, summary in scores.items() if summary["mean"] is None} == {"ssim", "ssim_openstl"}


def test_result_is_strict_json(batches):
    scores = filled(batches).compute()
    assert json.loads(json.dumps(scores, allow_nan=False)) == scores


def test_long_sums_keep_their_precision():
    scores = ForecastScores(1)
    prediction, target = torch.full((1, 1, 1, 1, 1), 0.1, dtype=torch.float64), torch.zeros(1, 1, 1, 1, 1)
    scores.update(1e4 * torch.ones_like(target), target)
    for _ in range(100):
        scores.update(prediction, target)
    assert scores.compute()["mse"]["mean"] == pytest.approx((1e8 + 100 * 0.01) / 101, rel=1e-14)


def test_bad_arguments(batches):
    prediction, target, mask = batches[0]
    scores = ForecastScores(HORIZON)
    with pytest.raises(ValueError, match=r"`horizon` \(=0\) must be positive"):
        ForecastScores(0)
    with pytest.raises(ValueError, match=r"`target` must have `horizon` \(=3\) frames, got shape \(3, 2, 2, 8, 9\)"):
        scores.update(prediction[:, :2], target[:, :2])
    with pytest.raises(ValueError, match=r"`prediction` and `target` must have one shape"):
        scores.update(prediction[:2], target)
    mask[0, 0, 0, 0, :2] = True
    for value in (torch.nan, torch.inf):
        wrong = target.clone()
        wrong[0, 0, 0, 0, :2] = value
        with pytest.raises(ValueError, match=r"`prediction` must be finite wherever `mask` is True, got 2 values"):
            scores.update(wrong, target, mask)
        with pytest.raises(ValueError, match=r"`target` must be finite wherever `mask` is True, got 2 values"):
            scores.update(prediction, wrong)
    assert not scores.count.any()
