import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio

from framecast.metrics import SCORES, cross_entropy, mae, mse, psnr

SHAPE = (2, 3, 2, 9, 8)


def cross_entropy_equation(p, t):
    p, t = np.clip(p, 0, 1), np.clip(t, 0, 1)
    with np.errstate(divide="ignore"):
        return -t * np.maximum(np.log(p), -100) - (1 - t) * np.maximum(np.log(1 - p), -100)


EQUATIONS = {
    mse: lambda p, t: (p - t) ** 2,
    mae: lambda p, t: np.abs(p - t),
    cross_entropy: cross_entropy_equation,
}


@pytest.fixture
def frames():
    """Prediction and target, both beyond [0, 1] here and there, and a mask; one frame has no valid pixel."""
    torch.manual_seed(0)
    prediction, target = torch.rand(2, *SHAPE, dtype=torch.float64) * 1.4 - 0.2
    mask = torch.rand(SHAPE) < 0.7
    mask[1, 0] = False
    return prediction, target, mask


@pytest.mark.parametrize("score", EQUATIONS)
def test_sums_follow_the_equation(frames, score):
    prediction, target, mask = frames
    values = EQUATIONS[score](prediction.cpu().numpy(), target.cpu().numpy())
    np.testing.assert_allclose(score(prediction, target).cpu(), values.sum((2, 3, 4)), rtol=1e-12)
    expected = (values * mask.cpu().numpy()).sum((2, 3, 4))
    expected[1, 0] = np.nan
    np.testing.assert_allclose(score(prediction, target, mask).cpu(), expected, rtol=1e-12)


def test_psnr_is_that_of_scikit_image_on_clipped_frames(frames):
    prediction, target, mask = frames
    p, t = prediction.clamp(0, 1).cpu().numpy(), target.clamp(0, 1).cpu().numpy()
    expected = [[peak_signal_noise_ratio(t[n, k], p[n, k], data_range=1) for k in range(3)] for n in range(2)]
    np.testing.assert_allclose(psnr(prediction, target).cpu(), expected, rtol=1e-12)
    valid = [[mask[n, k].cpu().numpy() for k in range(3)] for n in range(2)]
    masked = psnr(prediction, target, mask).cpu().numpy()
    for n, k in np.ndindex(2, 3):
        if valid[n][k].any():
            pixels = t[n, k][valid[n][k]], p[n, k][valid[n][k]]
            np.testing.assert_allclose(masked[n, k], peak_signal_noise_ratio(*pixels, data_range=1), rtol=1e-12)
    assert np.isnan(masked[1, 0])


def test_psnr_of_a_perfect_frame_is_infinite(frames):
    target = frames[1]
    assert torch.equal(psnr(target, target), torch.full_like(target[:, :, 0, 0, 0], torch.inf))


@pytest.mark.parametrize("name", SCORES)
def test_what_is_masked_has_no_effect(frames, name):
    prediction, target, mask = frames
    mask[:, :, :, :7, :7] = True  # at least one window for SSIM
    value = SCORES[name].function(prediction, target, mask)
    missing = SCORES[name].function(prediction.where(mask, torch.inf), target.where(mask, torch.nan), mask)
    assert value.isfinite().all()
    assert torch.equal(value, missing)
    assert not torch.equal(value, SCORES[name].function(prediction, target))


@pytest.mark.parametrize("name", SCORES)
def test_values_are_float64_whatever_the_frames(frames, name):
    prediction, target, _ = frames
    value = SCORES[name].function(prediction.bfloat16(), target.float())
    assert value.dtype == torch.float64
    assert torch.equal(value, SCORES[name].function(prediction.bfloat16().double(), target.float().double()))


@pytest.mark.parametrize("name", SCORES)
def test_a_prediction_of_nan_is_not_passed_over(frames, name):
    prediction, target, _ = frames
    prediction[0, 1, 0, 4, 4] = torch.nan
    value = SCORES[name].function(prediction, target)
    assert value.isnan().nonzero().tolist() == [[0, 1]]


@pytest.mark.parametrize("name", SCORES)
def test_bad_arguments(frames, name):
    prediction, target, mask = frames
    score = SCORES[name].function
    with pytest.raises(ValueError, match=r"`target` must have shape \(N, T, C, H, W\), got \(3, 2, 9, 8\)"):
        score(prediction[0], target[0])
    with pytest.raises(ValueError, match=r"`prediction` and `target` must have one shape, got \(1, 3, 2, 9, 8\) and "):
        score(prediction[:1], target)
    with pytest.raises(ValueError, match=r"`mask` must be bool with the shape .* of `target`, got torch.float32"):
        score(prediction, target, mask.float())
    with pytest.raises(ValueError, match=r"`mask` must be bool .* got torch.bool \(2, 3, 1, 9, 8\)"):
        score(prediction, target, mask[:, :, :1])
