"""The LeNet of Caffe's Siamese network.

Shape letters: N batch, C channels, H height, W width, E embedding size.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ._configured import ConfiguredModule
from ._images import check_images, full_precision
from ._sizes import height_and_width, positive


class LeNet(ConfiguredModule):
    """LeNet as in Caffe's Siamese network for MNIST.

    Convolution of 5x5 to 20 channels, maximum of 2x2; convolution of 5x5 to 50 channels, maximum of 2x2; 500 linear
    features, ReLU; 10 linear features; the embedding. There is no activation after the convolutions, as in Caffe's
    ``examples/siamese/mnist_siamese.prototxt``.

    Args:
        channels: channels of the images.
        embedding_size: size E of the embedding.
        size: height and width of the images, or a pair; at least 16.

    Raises:
        ValueError: naming the argument, its rule and its value.

    Example:
        >>> model = LeNet()
        >>> model(torch.rand(4, 1, 28, 28)).shape
        torch.Size([4, 2])
        >>> sum(p.numel() for p in model.parameters())
        431102
    """

    def __init__(self, channels: int = 1, embedding_size: int = 2, size: int | tuple[int, int] = 28) -> None:
        super().__init__()
        self.channels = positive("channels", channels)
        self.embedding_size = positive("embedding_size", embedding_size)
        self.size = height_and_width("size", size)
        if min(self.size) < 16:
            raise ValueError(f"`size` (={size}) must be at least 16: two convolutions of 5x5, each halved")
        rows, columns = (((side - 4) // 2 - 4) // 2 for side in self.size)
        self.features = nn.Sequential(
            nn.Conv2d(channels, 20, 5),
            nn.MaxPool2d(2),
            nn.Conv2d(20, 50, 5),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(50 * rows * columns, 500),
            nn.ReLU(),
            nn.Linear(500, 10),
            nn.Linear(10, embedding_size),
        )
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # faster on a CPU

    def forward(self, images: Tensor) -> Tensor:
        """Embed images.

        Args:
            images: ``(N, C, H, W)``.

        Returns:
            ``(N, E)``.

        Raises:
            ValueError: if the images have another number of channels or another size.
        """
        check_images(images, self.channels, self.size)
        features = self.features[:5](images.contiguous(memory_format=torch.channels_last))
        return full_precision(self.features[5:], features)
