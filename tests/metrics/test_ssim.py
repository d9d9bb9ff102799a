import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity

from framecast.metrics import ssim, ssim_openstl


def similarity_map(p, t, data_range):
    """scikit-image's value at the centre of every window that lies wholly in the frame."""
    return structural_similarity(t, p, data_range=data_range, full=True)[1][3:-3, 3:-3]


@pytest.fixture
def make_frames():
    def make(channels, height, width):
        torch.manual_seed(height)
        target = torch.rand(2, 3, channels, height, width, dtype=torch.float64)
        return (target + 0.3 * torch.randn_like(target)).clamp(0, 1), target

    return make


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(7, 7), (8, 13), (15, 9), (21, 32)])
@pytest.mark.parametrize("data_range", [1, 2])
def test_equals_scikit_image(make_frames, channels, size, data_range):
    prediction, target = make_frames(channels, *size)
    p, t = prediction.cpu().numpy(), target.cpu().numpy()
    expected = [
        [structural_similarity(t[n, k], p[n, k], data_range=data_range, channel_axis=0) for k in range(3)]
        for n in range(2)
    ]
    np.testing.assert_allclose(ssim(prediction, target, data_range=data_range).cpu(), expected, rtol=1e-11)


def test_the_compatible_one_has_a_range_of_2(make_frames):
    prediction, target = make_frames(1, 11, 9)
    p, t = prediction[0, 0, 0].cpu().numpy(), target[0, 0, 0].cpu().numpy()
    expected = structural_similarity(t, p, data_range=2)
    np.testing.assert_allclose(ssim_openstl(prediction, target)[0, 0].cpu(), expected, rtol=1e-11)


def test_frames_are_clipped(make_frames):
    prediction, target = make_frames(1, 11, 9)
    beyond, above = 2 * prediction - 0.5, 2 * target - 0.5
    assert torch.equal(ssim(beyond, above), ssim(beyond.clamp(0, 1), above.clamp(0, 1)))


def test_nearly_constant_frames_keep_their_precision():
    target = 1 - 1e-6 * torch.rand(1, 1, 1, 12, 10, dtype=torch.float64)
    prediction = target.flip(-1)
    p, t = prediction[0, 0, 0].cpu().numpy(), target[0, 0, 0].cpu().numpy()
    np.testing.assert_allclose(
        1 - ssim(prediction, target).item(), 1 - structural_similarity(t, p, data_range=1), rtol=0.01
    )


def test_only_whole_windows_count(make_frames):
    prediction, target = make_frames(2, 11, 14)
    mask = torch.ones_like(target, dtype=torch.bool)
    mask[0, 0, 0, 2, 11] = False  # this frame's first channel loses the windows that hold the pixel
    mask[0, 1, 1, 5, ::7] = False  # the second channel has no window left: the first one stands alone
    mask[0, 2, :, 5, ::7] = False  # no window left
    value = ssim(prediction, target, mask).cpu().numpy()
    p, t = prediction.cpu().numpy(), target.cpu().numpy()

    maps = [similarity_map(p[0, 0, c], t[0, 0, c], data_range=1) for c in range(2)]
    rows, columns = np.indices(maps[0].shape)
    hit = (rows <= 2) & (rows + 6 >= 2) & (columns <= 11) & (columns + 6 >= 11)
    np.testing.assert_allclose(value[0, 0], (maps[0][~hit].mean() + maps[1].mean()) / 2, rtol=1e-11)
    np.testing.assert_allclose(value[0, 1], similarity_map(p[0, 1, 0], t[0, 1, 0], data_range=1).mean(), rtol=1e-11)
    assert np.isnan(value[0, 2])
    np.testing.assert_allclose(value[1], ssim(prediction, target)[1].cpu(), rtol=1e-11)


@pytest.mark.parametrize("score", [ssim, ssim_openstl])
@pytest.mark.parametrize("size", [(6, 9), (9, 6)])
def test_frames_smaller_than_a_window(make_frames, score, size):
    with pytest.raises(ValueError, match=r"`target` must be 7x7 pixels or larger for SSIM, got \(2, 3, 1, "):
        score(*make_frames(1, *size))
