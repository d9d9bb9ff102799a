import pytest
import torch

from framecast.metrics import BASELINES

EQUATIONS = {
    "last_frame": lambda sequence: sequence[-1],
    "mean_frame": lambda sequence: sum(sequence) / len(sequence),
    "zero": lambda sequence: torch.zeros_like(sequence[0]),
}


@pytest.mark.parametrize("horizon", [1, 5])
@pytest.mark.parametrize("name", BASELINES)
def test_every_forecast_frame_is_the_baselines(name, horizon):
    torch.manual_seed(0)
    frames = torch.rand(2, 3, 2, 4, 5)
    given = frames.clone()
    forecast = BASELINES[name](frames, horizon)
    assert forecast.shape == (2, horizon, 2, 4, 5)
    for sequence, predicted in zip(frames, forecast, strict=True):
        for frame in predicted:
            torch.testing.assert_close(frame, EQUATIONS[name](sequence))
    forecast += 1  # its own memory
    assert torch.equal(frames, given)


def test_names():
    assert list(BASELINES) == ["last_frame", "mean_frame", "zero"]


@pytest.mark.parametrize("name", BASELINES)
def test_bad_arguments(name):
    with pytest.raises(ValueError, match=r"`frames` must have shape \(N, T, C, H, W\) with T at least 1, got \(2, 0, "):
        BASELINES[name](torch.zeros(2, 0, 1, 4, 4), 2)
    with pytest.raises(ValueError, match=r"`frames` must have shape .* got \(2, 1, 4, 4\)"):
        BASELINES[name](torch.zeros(2, 1, 4, 4), 2)
    with pytest.raises(ValueError, match=r"`horizon` \(=0\) must be positive"):
        BASELINES[name](torch.zeros(2, 3, 1, 4, 4), 0)


def test_missing_pixels_are_passed_over():
    frames = torch.tensor([[10.0, 0.0, 4.0], [0.0, 7.0, 0.0], [0.0, 0.0, 0.0]])
    valid = torch.tensor([[True, False, True], [False, True, False], [False, False, False]])
    shape = (3, 3, 1, 1, 1)
    for name, expected in (("last_frame", [4.0, 7.0, 0.0]), ("mean_frame", [7.0, 7.0, 0.0]), ("zero", [0.0] * 3)):
        forecast = BASELINES[name](frames.reshape(shape), 2, valid.reshape(shape))
        assert forecast[:, 1].flatten().tolist() == expected
