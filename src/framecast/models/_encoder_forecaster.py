"""Encoder–forecaster networks.

Shape letters: N batch, T input frames, K forecast frames, C channels, H height, W width, p and q sides of a patch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from framecast.nn import ConvGRU2d, ConvLSTM2d

from ._configured import ConfiguredModule
from ._patches import to_patches
from ._sizes import height_and_width, positive

# Name: layer class, and whether it is dense: one patch is the whole frame, and a 1x1 convolution of it a linear map.
_CELLS: dict[str, tuple[type[ConvLSTM2d] | type[ConvGRU2d], bool]] = {
    "lstm": (ConvLSTM2d, False),
    "gru": (ConvGRU2d, False),
    "fc_lstm": (ConvLSTM2d, True),
    "fc_gru": (ConvGRU2d, True),
}


class EncoderForecaster(ConfiguredModule):
    r"""The encoder–forecaster of Shi et al. 2015 (arXiv 1506.04214).

    Frames are cut into patches of p x p pixels, which become channels. The layers of the encoder read the input
    frames; the layers of the forecaster, in the same order, start from the encoder's states. The forecaster's first
    layer has no input. A 1x1 convolution over the hidden states of all forecaster layers gives the patches of the
    forecast.

    It returns logits: with a cross-entropy loss the forecast is their sigmoid, with a squared error the logits
    themselves.

    Args:
        channels: channels of the input frames.
        hidden_size: channels of each layer.
        kernel_size: kernel of the convolutions of the input, one for all layers or one per layer.
        recurrent_kernel_size: kernel of the convolutions of the state; None for the same.
        patch_size: height and width of a patch, or a pair. Frames that the patches do not divide are padded at the
            lower and right edge by their last pixels, and the forecast is cropped back.
        cell: ``"lstm"`` or ``"gru"``; ``"fc_lstm"`` and ``"fc_gru"`` are dense layers over flattened frames: the
            patch is the whole frame, kernels are 1, and the head reads the last layer only, as in the paper's FC-LSTM.
        peephole: kind of the LSTM's peepholes, see :class:`framecast.nn.ConvLSTM2d`. A GRU has none.
        out_channels: channels of the forecast; None for those of the input.

    Raises:
        ValueError: naming the argument, its rule and its value.

    Example:
        >>> model = EncoderForecaster(hidden_size=[16, 8], kernel_size=3)
        >>> model(torch.rand(2, 10, 1, 64, 64), horizon=5).shape
        torch.Size([2, 5, 1, 64, 64])
    """

    def __init__(
        self,
        channels: int = 1,
        hidden_size: list[int] = [128, 64, 64],  # noqa: B006  (never changed)
        kernel_size: int | list[int] = 5,
        *,
        recurrent_kernel_size: int | list[int] | None = None,
        patch_size: int | tuple[int, int] = 4,
        cell: str = "lstm",
        peephole: str | None = "channel",
        out_channels: int | None = None,
    ) -> None:
        super().__init__()
        if cell not in _CELLS:
            raise ValueError(f"`cell` must be one of {', '.join(map(repr, _CELLS))}, got {cell!r}")
        layer, self.dense = _CELLS[cell]
        self.patch_size = height_and_width("patch_size", patch_size)
        self.channels = positive("channels", channels)
        self.out_channels = channels if out_channels is None else positive("out_channels", out_channels)
        sizes = list(hidden_size) if isinstance(hidden_size, Sequence) else [hidden_size]
        if not sizes:
            raise ValueError("`hidden_size` must list at least one layer")
        pixels = self.patch_size[0] * self.patch_size[1]
        options: dict[str, Any] = {"peephole": peephole} if layer is ConvLSTM2d else {}
        kernels = _per_layer("kernel_size", 1 if self.dense else kernel_size, sizes)
        recurrent = kernels
        if recurrent_kernel_size is not None and not self.dense:
            recurrent = _per_layer("recurrent_kernel_size", recurrent_kernel_size, sizes)

        def layers(inputs: Sequence[int]) -> nn.ModuleList:
            return nn.ModuleList(
                layer(*size, kernel_size=k, recurrent_kernel_size=r, **options)
                for size, k, r in zip(zip(inputs, sizes, strict=True), kernels, recurrent, strict=True)
            )

        self.encoder = layers([channels * pixels, *sizes[:-1]])
        self.forecaster = layers([0, *sizes[:-1]])
        self.head = nn.Conv2d(sizes[-1] if self.dense else sum(sizes), self.out_channels * pixels, 1)

    def forward(self, frames: Tensor, horizon: int) -> Tensor:
        """Forecast the frames that follow.

        Args:
            frames: input frames ``(N, T, C, H, W)``.
            horizon: number K of frames to forecast.

        Returns:
            Logits ``(N, K, C_out, H, W)``.

        Raises:
            ValueError: if the frames do not fit the model, or the horizon is not positive.
        """
        if frames.dim() != 5 or frames.shape[2] != self.channels:
            raise ValueError(f"`frames` must be (N, T, {self.channels}, H, W), got shape {tuple(frames.shape)}")
        positive("horizon", horizon)
        height, width = frames.shape[-2:]
        if self.dense and (height, width) != self.patch_size:
            raise ValueError(
                f"`frames` are {height}x{width}, but dense layers are made for frames of `patch_size` "
                f"{self.patch_size[0]}x{self.patch_size[1]}"
            )
        x = to_patches(frames.transpose(0, 1).flatten(0, 1), self.patch_size).unflatten(0, frames.shape[1::-1])
        states = []
        for layer in self.encoder:
            x, state = layer(x)
            states.append(state)
        hidden = [self.forecaster[0](None, states[0], steps=horizon)[0]]
        for layer, state in zip(self.forecaster[1:], states[1:], strict=True):
            hidden.append(layer(hidden[-1], state)[0])
        seen = hidden[-1] if self.dense else torch.cat(hidden, 2)
        return self._to_frames(self.head(seen.flatten(0, 1)).unflatten(0, seen.shape[:2]), height, width)

    def _to_frames(self, patches: Tensor, height: int, width: int) -> Tensor:
        """Put patches ``(K, N, C*p*q, H/p, W/q)`` together, and crop them to frames ``(N, K, C, H, W)``."""
        k, n, _, h, w = patches.shape
        p, q = self.patch_size
        x = patches.reshape(k, n, self.out_channels, p, q, h, w).permute(1, 0, 2, 5, 3, 6, 4)
        return x.reshape(n, k, self.out_channels, h * p, w * q)[..., :height, :width]


def _per_layer(name: str, value: int | list[int], sizes: Sequence[int]) -> list[int]:
    values = list(value) if isinstance(value, Sequence) else [value] * len(sizes)
    if len(values) != len(sizes):
        raise ValueError(f"`{name}` (={value}) lists {len(values)} layers, but `hidden_size` has {len(sizes)}")
    return values
