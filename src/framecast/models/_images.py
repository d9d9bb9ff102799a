"""What encoders of images share.

Shape letters: N batch, C channels, H height, W width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


def check_images(images: Tensor, channels: int, size: tuple[int, int] | None) -> None:
    """Refuse images of another number of channels or of another size.

    Args:
        images: ``(N, C, H, W)``.
        channels: number C of channels.
        size: (H, W); None for any.

    Raises:
        ValueError: naming the shape that they must have.
    """
    height, width = size or ("H", "W")
    fits = images.dim() == 4 and images.shape[1] == channels and size in (None, tuple(images.shape[2:]))
    if not fits:
        raise ValueError(f"`images` must be (N, {channels}, {height}, {width}), got shape {tuple(images.shape)}")


def full_precision(head: nn.Module, features: Tensor) -> Tensor:
    """Apply the last layers in the type of their weights, under autocast too: distances need all digits."""
    dtype = next(head.parameters()).dtype
    with torch.autocast(features.device.type, enabled=False):
        embedding: Tensor = head(features.to(dtype))
    return embedding
