"""A network of a user's own, and the same one that says its configuration."""

import torch
from torch import nn

from framecast.models import ConfiguredModule


class LastFrames(nn.Module):
    """Forecast each frame from the last ones, with one convolution."""

    def __init__(self, frames=2, kernel_size: int = 3):
        super().__init__()
        self.frames = frames
        self.convolution = nn.Conv2d(frames, 1, kernel_size, padding=kernel_size // 2)

    def forward(self, frames, horizon):
        frames = frames[:, :, 0]
        for _ in range(horizon):
            frames = torch.cat([frames, self.convolution(frames[:, -self.frames :])], 1)
        return frames[:, -horizon:, None]


class ConfiguredLastFrames(LastFrames, ConfiguredModule):
    pass
