"""Frames in memory: channels-last, and the same memory as a matrix of rows.

Shape letters: N batch, C channels, S spatial axes.
"""

from __future__ import annotations

import torch
from torch import Tensor

LAYOUTS = {2: torch.channels_last, 3: torch.channels_last_3d}
"""Memory formats in which the channels lie side by side, by the number of spatial axes."""


def channels_last(x: Tensor) -> Tensor:
    """``x (N, C, *S)`` with the channels side by side in memory."""
    frames = x.contiguous(memory_format=LAYOUTS.get(x.dim() - 2, torch.contiguous_format))
    # One channel has either layout; strides that say so keep PyTorch from copying all that it meets to the other.
    return frames.squeeze(1).unsqueeze(-1).movedim(-1, 1) if x.dim() > 3 and x.shape[1] == 1 else frames


def new_frames(count: int, channels: int, space: tuple[int, ...], like: Tensor) -> Tensor:
    """New channels-last frames ``(count, C, *S)``: a tensor of its own, not a view, so that it can be handed out."""
    layout = LAYOUTS.get(len(space), torch.contiguous_format)
    return torch.empty((count, channels, *space), dtype=like.dtype, device=like.device, memory_format=layout)


def matrix(frames: Tensor) -> Tensor:
    """``(N, C, *S)`` as ``(N * positions, C)``, without a copy if the frames are channels-last."""
    if frames.dim() == 2:
        return frames
    return frames.movedim(1, -1).reshape(-1, frames.shape[1])
