"""Projections: how one frame, or one state, becomes the values of all gates.

Shape letters: N batch, C input channels, H hidden channels, G gates, g groups, S spatial axes, K kernel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

_CONVOLUTIONS = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
PADDING_MODES = ("zeros", "reflect", "replicate", "circular")
_ROOM = {"reflect": 1, "circular": 0}  # by how much a frame must exceed its padding


@dataclass(frozen=True)
class Projection:
    """A linear map (no spatial axes) or a convolution (1 to 3), the same for every gate.

    ``weight`` is ``(G*H, C/g, *K)`` with the gates stacked. Groups act inside every gate: group j of each gate reads
    group j of the input. An input made of ``parts`` stacked blocks (the two directions of the layer below) is grouped
    inside every block in the same way.

    Args:
        axes: number of spatial axes, 0 to 3.
        kernel_size: kernel size per axis.
        stride: stride per axis.
        dilation: dilation per axis.
        padding: ``"same"`` gives ``ceil(S/stride)`` with the smaller half of the padding first; else the padding on
            both sides per axis.
        padding_mode: one of ``PADDING_MODES``.
        groups: number of groups.
        parts: number of blocks stacked in the input's channels.
    """

    axes: int
    kernel_size: tuple[int, ...] = ()
    stride: tuple[int, ...] = ()
    dilation: tuple[int, ...] = ()
    padding: str | tuple[int, ...] = "same"
    padding_mode: str = "zeros"
    groups: int = 1
    parts: int = 1

    def __call__(self, x: Tensor, weight: Tensor, bias: Tensor | None, gates: int) -> Tensor:
        """Map ``x (N, C, *S)`` to ``(N, gates*H, *S')`` with ``weight (gates*H, C/g, *K)``."""
        if self.groups == 1:
            return self._map(x, weight, bias)
        x = swap_channels(x, 1, self.parts, self.groups)
        weight = swap_channels(weight, 0, gates, self.groups)
        bias = None if bias is None else swap_channels(bias, 0, gates, self.groups)
        return swap_channels(self._map(x, weight, bias), 1, self.groups, gates)

    def output_size(self, size: Sequence[int]) -> tuple[int, ...]:
        """Spatial size of the result for an input of spatial ``size``.

        Raises:
            ValueError: if nothing would be left.
        """
        same = self.padding == "same"
        pads, reach = (0,) * self.axes if isinstance(self.padding, str) else self.padding, self._reach()
        places = [s if same else s + 2 * p - r for s, p, r in zip(size, pads, reach, strict=True)]
        if any(place < 1 for place in places):
            raise ValueError(
                f"frames of {tuple(size)} are too small for `kernel_size` {self.kernel_size}, "
                f"`dilation` {self.dilation} and `padding` {self.padding!r}"
            )
        if same:
            return tuple(-(-s // t) for s, t in zip(size, self.stride, strict=True))
        return tuple((place - 1) // t + 1 for place, t in zip(places, self.stride, strict=True))

    def keeps_size(self) -> bool:
        """Whether every frame size is kept."""
        if any(t != 1 for t in self.stride):
            return False
        if isinstance(self.padding, str):
            return True
        return all(2 * p == r for p, r in zip(self.padding, self._reach(), strict=True))

    def _reach(self) -> list[int]:
        """Distance between the first and the last input that one output sees, per axis."""
        return [d * (k - 1) for d, k in zip(self.dilation, self.kernel_size, strict=True)]

    def _map(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        if self.axes == 0:
            if self.groups == 1:
                return F.linear(x, weight, bias)
            return F.conv1d(x.unsqueeze(-1), weight.unsqueeze(-1), bias, groups=self.groups).squeeze(-1)
        pads = self.pads(x.shape[2:])
        padding: tuple[int, ...] = (0,) * self.axes
        # With a stride the pads follow from the size; a program compiled for any size must not ask which they are.
        unknown = any(t != 1 for t in self.stride) and self.padding == "same" and torch.compiler.is_compiling()
        if self.padding_mode == "zeros" and not unknown and all(before == after for before, after in pads):
            padding = tuple(before for before, _ in pads)
        elif unknown or any(before or after for before, after in pads):
            room = _ROOM.get(self.padding_mode)
            if room is not None and any(max(p) > s - room for p, s in zip(pads, x.shape[2:], strict=True)):
                raise ValueError(
                    f"frames of {tuple(x.shape[2:])} are too small for `padding_mode` {self.padding_mode!r} "
                    f"with padding {tuple(pads)}"
                )
            mode = "constant" if self.padding_mode == "zeros" else self.padding_mode
            x = F.pad(x, [p for pair in reversed(pads) for p in pair], mode=mode)
        return _CONVOLUTIONS[self.axes](x, weight, bias, self.stride, padding, self.dilation, self.groups)

    def pads(self, size: Sequence[int]) -> list[tuple[int, int]]:
        """Padding before and after, per axis."""
        if not isinstance(self.padding, str):
            return [(p, p) for p in self.padding]
        pads = []
        for s, r, t in zip(size, self._reach(), self.stride, strict=True):
            total = r if t == 1 else (-(-s // t) - 1) * t + r + 1 - s
            total = max(total, 0) if t > r + 1 else total  # else it cannot be negative
            pads.append((total // 2, total - total // 2))
        return pads


def swap_channels(x: Tensor, axis: int, outer: int, inner: int) -> Tensor:
    """Reorder channels stacked as (outer, inner, rest) to (inner, outer, rest)."""
    if outer == 1 or inner == 1:
        return x
    return x.unflatten(axis, (outer, inner, -1)).transpose(axis, axis + 1).flatten(axis, axis + 2)
