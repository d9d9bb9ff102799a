"""An encoder of clips.

Shape letters: N batch, T frames, C channels, H height, W width, E embedding size.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from framecast.nn import ConvLSTM2d

from ._configured import ConfiguredModule
from ._patches import to_patches
from ._sizes import positive


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
        patches = to_patches(clips.flatten(0, 1), (self.patch_size, self.patch_size)).unflatten(0, clips.shape[:2])
        _, (h_n, _) = self.layers(patches, lengths=lengths)
        last = h_n[-1].flatten(0, -4)  # (N, H, h, w), or (1, N, H, h, w) where layers differ in size
        embedding: Tensor = self.head(torch.cat([last.mean((2, 3)), last.amax((2, 3))], 1))
        return embedding
