"""A small convolutional network, the usual one of few-shot learning.

Shape letters: N batch, C channels, H height, W width, E embedding size.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ._configured import ConfiguredModule
from ._images import check_images, full_precision
from ._sizes import height_and_width, positive


class ConvEncoder(ConfiguredModule):
    """A small convolutional network, the usual one of few-shot learning.

    Every block is a convolution of 3x3, a batch norm, a ReLU and a maximum of 2x2 (which keeps the last row and
    column of an odd size); one linear layer makes the embedding of the last block's features. Vinyals et al. 2016,
    "Matching Networks" (arXiv 1606.04080), use four blocks of 64 channels on Omniglot at 28x28.

    Args:
        channels: channels of the images.
        embedding_size: size E of the embedding.
        widths: channels of each block.
        normalize: whether the embedding is scaled to length 1.
        size: height and width of the images, or a pair, if the features of every position enter the embedding; None
            for their mean over the positions, and images of any size.

    Raises:
        ValueError: naming the argument, its rule and its value.

    Example:
        >>> ConvEncoder(channels=3)(torch.rand(4, 3, 30, 41)).shape
        torch.Size([4, 64])
    """

    def __init__(
        self,
        channels: int = 1,
        embedding_size: int = 64,
        widths: Sequence[int] = (64, 64, 64, 64),
        normalize: bool = False,
        size: int | tuple[int, int] | None = None,
    ) -> None:
        super().__init__()
        self.channels = positive("channels", channels)
        self.embedding_size = positive("embedding_size", embedding_size)
        self.normalize = normalize
        self.size = None if size is None else height_and_width("size", size)
        if not widths:
            raise ValueError("`widths` must list at least one block")
        sizes = [channels, *(positive("widths", width) for width in widths)]
        self.blocks = nn.Sequential(*(_block(*pair) for pair in pairwise(sizes)))
        positions = 1
        for side in self.size or ():
            positions *= -(-side // 2 ** len(widths))
        self.head = nn.Linear(sizes[-1] * positions, embedding_size)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, images: Tensor) -> Tensor:
        """Embed images.

        Args:
            images: ``(N, C, H, W)``.

        Returns:
            ``(N, E)``.

        Raises:
            ValueError: if the images have another number of channels, or another size than ``size`` names.
        """
        check_images(images, self.channels, self.size)
        features = self.blocks(images.contiguous(memory_format=torch.channels_last))
        features = features.mean((2, 3)) if self.size is None else features.flatten(1)
        embedding = full_precision(self.head, features)
        return F.normalize(embedding) if self.normalize else embedding


def _block(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),  # the batch norm has one
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
        nn.MaxPool2d(2, ceil_mode=True),
    )
