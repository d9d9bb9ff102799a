"""What a network sees of frames with gaps.

Shape letters: N batch, T input frames, C channels, H height, W width.
"""

from __future__ import annotations

import torch
from torch import Tensor


def fill_gaps(frames: Tensor, mask: Tensor | None, fill: float = 0.0, mask_channel: bool = False) -> Tensor:
    """Fill pixels that have no value by a number, and say on request which they were.

    Args:
        frames: frames ``(N, T, C, H, W)`` in unit scale; what they hold where there is no value has no effect.
        mask: bool ``(N, T, C, H, W)``, True where there is a value; None: everywhere.
        fill: the number, in unit scale.
        mask_channel: whether to append as many channels again, 1 where there is a value and 0 where there is none.

    Returns:
        ``(N, T, C, H, W)``, or with mask channels ``(N, T, 2 C, H, W)``.

    Example:
        >>> frames = torch.tensor([0.5, torch.nan]).reshape(1, 1, 1, 1, 2)
        >>> fill_gaps(frames, ~frames.isnan(), fill=-1.0, mask_channel=True).flatten().tolist()
        [0.5, -1.0, 1.0, 0.0]
    """
    filled = frames if mask is None else frames.where(mask, fill)
    if not mask_channel:
        return filled
    valid = torch.ones_like(filled) if mask is None else mask.to(filled.dtype)
    return torch.cat([filled, valid], dim=2)
