"""Networks that map an image or a clip to a short vector, for :class:`framecast.models.Siamese`.

Shape letters: N batch, T frames, C channels, H height, W width, E embedding size.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from framecast.nn import ConvLSTM2d

from ._configured import ConfiguredModule
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
        _check_images(images, self.channels, self.size)
        features = self.features[:5](images.contiguous(memory_format=torch.channels_last))
        return _in_full(self.features[5:], features)


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
        _check_images(images, self.channels, self.size)
        features = self.blocks(images.contiguous(memory_format=torch.channels_last))
        features = features.mean((2, 3)) if self.size is None else features.flatten(1)
        embedding = _in_full(self.head, features)
        return F.normalize(embedding) if self.normalize else embedding


class ClipEncoder(ConfiguredModule):
    """Convolutional LSTM layers over the frames of a clip; the embedding is computed from the last hidden state.

    Frames are cut into patches of p x p pixels, which become channels. Of the last layer's hidden state after a
    clip's own last frame, the mean and the maximum over all positions enter one linear layer: where the thing is seen
    at the end does not matter.

    Args:
        channels: channels of the frames.
        embedding_size: size E of the embedding.
        hidden_size: channels of each layer.
        kernel_size: kernel of the convolutions.
        patch_size: height and width p of a patch. Frames that the patches do not divide are padded at the lower and
            right edge by their last pixels.

    Raises:
        ValueError: naming the argument, its rule and its value.

    Example:
        >>> model = ClipEncoder(hidden_size=[8, 16])
        >>> model(torch.rand(2, 12, 1, 64, 64), lengths=torch.tensor([12, 7])).shape
        torch.Size([2, 32])
    """

    def __init__(
        self,
        channels: int = 1,
        embedding_size: int = 32,
        hidden_size: list[int] = [32],  # noqa: B006  (never changed)
        kernel_size: int = 3,
        patch_size: int = 4,
    ) -> None:
        super().__init__()
        self.channels = positive("channels", channels)
        self.embedding_size = positive("embedding_size", embedding_size)
        self.patch_size = positive("patch_size", patch_size)
        self.layers = ConvLSTM2d(
            channels * patch_size**2,
            list(hidden_size),
            batch_first=True,
            kernel_size=positive("kernel_size", kernel_size),
        )
        self.head = nn.Linear(2 * hidden_size[-1], embedding_size)

    def forward(self, clips: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Embed clips.

        Args:
            clips: ``(N, T, C, H, W)``.
            lengths: number of frames ``(N,)`` of each clip, those after them being padding without influence; None
                if all clips have T frames.

        Returns:
            ``(N, E)``.

        Raises:
            ValueError: if the clips have another number of channels, or the lengths do not fit them.
        """
        if clips.dim() != 5 or clips.shape[2] != self.channels:
            raise ValueError(f"`clips` must be (N, T, {self.channels}, H, W), got shape {tuple(clips.shape)}")
        _, (h_n, _) = self.layers(self._to_patches(clips), lengths=lengths)
        last = h_n[-1].flatten(0, -4)  # (N, H, h, w), or (1, N, H, h, w) where layers differ in size
        embedding: Tensor = self.head(torch.cat([last.mean((2, 3)), last.amax((2, 3))], 1))
        return embedding

    def _to_patches(self, clips: Tensor) -> Tensor:
        """``(N, T, C, H, W)`` to ``(N, T, C*p*p, H/p, W/p)``, padded where the patches do not divide H and W."""
        height, width = clips.shape[-2:]
        frames = clips.flatten(0, 1)
        bottom, right = -height % self.patch_size, -width % self.patch_size
        if bottom or right:
            frames = F.pad(frames, (0, right, 0, bottom), mode="replicate")
        return F.pixel_unshuffle(frames, self.patch_size).unflatten(0, clips.shape[:2])


ENCODERS: dict[str, type[ConfiguredModule]] = {"LeNet": LeNet, "ConvEncoder": ConvEncoder, "ClipEncoder": ClipEncoder}
"""The encoders by the names that checkpoints use."""


def _block(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),  # the batch norm has one
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
        nn.MaxPool2d(2, ceil_mode=True),
    )


def _in_full(head: nn.Module, features: Tensor) -> Tensor:
    """Apply the last layers in the type of their weights, under autocast too: distances need all digits."""
    dtype = next(head.parameters()).dtype
    with torch.autocast(features.device.type, enabled=False):
        embedding: Tensor = head(features.to(dtype))
    return embedding


def _check_images(images: Tensor, channels: int, size: tuple[int, int] | None) -> None:
    height, width = size or ("H", "W")
    fits = images.dim() == 4 and images.shape[1] == channels and size in (None, tuple(images.shape[2:]))
    if not fits:
        raise ValueError(f"`images` must be (N, {channels}, {height}, {width}), got shape {tuple(images.shape)}")
