"""What a network in training sees where the input has no value."""

import pytest
import torch
from torch import nn

from framecast.tasks import Forecast

MASK = torch.rand(2, 3, 1, 4, 5, generator=torch.Generator().manual_seed(0)) > 0.3
FRAMES = torch.rand(2, 3, 1, 4, 5, generator=torch.Generator().manual_seed(1)) * MASK
BATCH = {"input": FRAMES, "input_mask": MASK, "target": torch.rand(2, 2, 1, 4, 5)}


class Recorder(nn.Module):
    """A network that keeps what it sees."""

    def __init__(self, channels):
        super().__init__()
        self.channels, self.out_channels, self.weight = channels, 1, nn.Parameter(torch.zeros(()))

    def forward(self, frames, horizon):
        self.seen = frames
        return frames[:, :1, :1].repeat(1, horizon, 1, 1, 1) * self.weight


def seen(batch=BATCH, **options):
    task = Forecast(Recorder(1 + options.get("mask_channel", False)), loss="mse", **options)
    task.loss_of(batch)
    return task.network.seen


def test_a_number_of_choice_stands_for_no_value():
    assert torch.equal(seen(), FRAMES)
    assert torch.equal(seen(fill=-1.0), FRAMES.where(MASK, -1))
    whole = {"input": FRAMES, "target": BATCH["target"]}
    assert torch.equal(seen(whole, fill=-1.0), FRAMES)


def test_a_mask_channel_says_which_pixels_have_a_value():
    frames, mask = seen(mask_channel=True, fill=0.5).split(1, dim=2)
    assert torch.equal(frames, FRAMES.where(MASK, 0.5))
    assert torch.equal(mask, MASK.float())
    whole = {"input": FRAMES, "target": BATCH["target"]}
    assert torch.equal(seen(whole, mask_channel=True)[:, :, 1:], torch.ones_like(FRAMES))


def test_testing_shows_the_same_as_training():
    task = Forecast(Recorder(2), loss="mse", fill=-1.0, mask_channel=True)
    task(FRAMES, 2, MASK)
    assert torch.equal(task.network.seen, seen(fill=-1.0, mask_channel=True))


@pytest.mark.parametrize("fill", [float("nan"), float("inf")])
def test_a_fill_is_a_number(fill):
    with pytest.raises(ValueError, match=r"`fill` \(=.*\) must be a finite number"):
        Forecast(Recorder(1), fill=fill)
