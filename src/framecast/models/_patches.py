"""Frames cut into patches, whose pixels become channels.

Shape letters: N frames, C channels, H height, W width, p and q height and width of a patch.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def to_patches(frames: Tensor, size: tuple[int, int]) -> Tensor:
    """Cut frames into patches.

    Frames that the patches do not divide are padded at the lower and right edge by their last pixels.

    Args:
        frames: ``(N, C, H, W)``.
        size: (p, q).

    Returns:
        ``(N, C*p*q, ceil(H/p), ceil(W/q))``.

    Example:
        >>> to_patches(torch.arange(6.0).reshape(1, 1, 2, 3), (2, 2))[0, :, 0].tolist()
        [[0.0, 2.0], [1.0, 2.0], [3.0, 5.0], [4.0, 5.0]]
    """
    bottom, right = (-side % patch for side, patch in zip(frames.shape[-2:], size, strict=True))
    if bottom or right:
        frames = F.pad(frames, (0, right, 0, bottom), mode="replicate")
    n, c, h, w = frames.shape
    p, q = size
    patches = frames.reshape(n, c, h // p, p, w // q, q).permute(0, 1, 3, 5, 2, 4)
    return patches.reshape(n, c * p * q, h // p, w // q)
