"""A trained forecaster: what it takes for missing, and where a forecast has no value."""

import numpy as np
import pytest
import torch
from torch import nn

from framecast.models import EncoderForecaster
from framecast.runs import Scale
from framecast.trained import Forecaster

SCALE = Scale(0.0, 50.0)
FRAMES = np.random.default_rng(0).uniform(0, 50, (4, 16, 18)).astype(np.float32)


@pytest.fixture(scope="module")
def forecaster():
    torch.manual_seed(0)
    return Forecaster(EncoderForecaster(1, [4], 3), "mse", SCALE, input_frames=4)


class Recorder(nn.Module):
    """A network that keeps what it sees and forecasts its last frame."""

    def __init__(self, channels=1):
        super().__init__()
        self.channels, self.seen, self.weight = channels, None, nn.Parameter(torch.zeros(()))

    def forward(self, frames, horizon):
        self.seen = frames
        return frames[:, -1:, :1].repeat(1, horizon, 1, 1, 1)


def with_gaps(value, frames=FRAMES):
    """Frames of which the first rows have no value at all, and one pixel has none once."""
    frames = frames.copy()
    frames[:, :3] = frames[1, 5, 6] = value
    return frames


def test_all_forms_of_missing_are_the_same(forecaster):
    expected = forecaster.predict(with_gaps(np.nan), 3)
    assert np.isnan(expected[:, :3]).all()
    assert np.isfinite(expected[:, 3:]).all()
    assert not np.allclose(forecaster.predict(FRAMES, 3)[:, 3:], expected[:, 3:])
    for value, missing in (
        (-9999.0, -9999),
        (-9999.0, [-9999]),
        (-9999.0, [(-1e4, -9000)]),
        (np.inf, np.inf),
        (-np.inf, [[-np.inf, -100]]),
        (np.nan, None),
        (np.nan, ()),
    ):
        np.testing.assert_array_equal(forecaster.predict(with_gaps(value), 3, missing=missing), expected)


def test_masked_arrays_keep_their_mask(forecaster):
    gaps = np.isnan(with_gaps(np.nan))
    expected = forecaster.predict(with_gaps(np.nan), 3)
    forecast = forecaster.predict(np.ma.masked_array(with_gaps(9.969209968386869e36), gaps), 3)
    assert isinstance(forecast, np.ma.MaskedArray)
    np.testing.assert_array_equal(np.ma.getmaskarray(forecast), np.isnan(expected))
    np.testing.assert_array_equal(forecast.filled(np.nan), expected)
    whole = forecaster.predict(np.ma.masked_array(FRAMES), 3)
    assert not np.ma.is_masked(whole)


def test_whole_numbers_and_their_codes(forecaster):
    frames = FRAMES.round().astype(np.uint8)
    expected = forecaster.predict(with_gaps(np.nan, frames.astype(np.float64)), 2)
    np.testing.assert_array_equal(forecaster.predict(with_gaps(255, frames), 2, missing=255), expected)


def test_missing_values_of_training_are_the_default():
    network = Recorder()
    forecaster = Forecaster(network, "mse", SCALE, input_frames=4, missing=[-9999, [60, 70]])
    forecaster.predict(with_gaps(65.0), 1)
    assert (network.seen[0, :, 0, :3] == 0).all()
    forecaster.predict(with_gaps(65.0), 1, missing=())
    assert (network.seen[0, :, 0, :3] == 65 / 50).all()


def test_infinite_values_are_refused(forecaster):
    for value in (np.inf, -np.inf, 1e300):
        with pytest.raises(
            ValueError, match=r"`frames` hold infinite values .*: replace them, or name them in `missing`"
        ):
            forecaster.predict(with_gaps(value, FRAMES.astype(np.float64)), 3)
    early = np.concatenate([np.full((1, 16, 18), np.inf, np.float32), FRAMES])
    np.testing.assert_array_equal(forecaster.predict(early, 2), forecaster.predict(FRAMES, 2))


@pytest.mark.parametrize("frames", [FRAMES * 1j, FRAMES.astype(str), FRAMES.astype(object)])
def test_what_is_no_real_number_is_refused(forecaster, frames):
    with pytest.raises(ValueError, match=r"`frames` must be real numbers, got"):
        forecaster.predict(frames, 3)


def test_what_the_network_sees_is_a_choice():
    network = Recorder(channels=2)
    forecaster = Forecaster(network, "mse", SCALE, input_frames=4, fill=-1.0, mask_channel=True)
    assert forecaster.channels == 1
    forecaster.predict(with_gaps(np.nan), 2)
    frames, mask = network.seen[0].unbind(1)
    gaps = np.isnan(with_gaps(np.nan))
    np.testing.assert_array_equal(mask.numpy(), ~gaps)
    np.testing.assert_allclose(frames.numpy(), np.where(gaps, -1, FRAMES / 50), rtol=1e-6)


def test_a_channel_without_values_leaves_others():
    forecaster = Forecaster(EncoderForecaster(2, [4], 3), "mse", SCALE, input_frames=2)
    frames = np.stack([FRAMES, FRAMES], 1)
    frames[:, 1, 4] = np.nan
    unknown = np.isnan(forecaster.predict(frames, 3))
    assert unknown[:, 1, 4].all()
    assert unknown.sum() == 3 * 18
