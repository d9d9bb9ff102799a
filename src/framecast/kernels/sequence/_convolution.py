"""The recurrent projection of one layer, prepared for a whole sequence: forward, and both of its gradients.

Frames are channels-last. What is prepared once (packed weights, padding) serves every step.

Shape letters: N batch, M rows of all steps, H channels of the state, G gates, g groups, S spatial axes, K kernel.
"""

from __future__ import annotations

from functools import cached_property
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from framecast.functional import Projection, swap_channels

from .._layout import channels_last
from ..cpu._tiles import Tiles, weight_gradient

_INPUT, _WEIGHT = (True, False, False), (False, True, False)
_WORTH_TILES = 16  # channels of the input; a tile of fewer is mostly empty


class Bound(Protocol):
    """A projection that keeps the frames' size, bound to its weight ``(G*H, H/g, *K)``."""

    def __call__(self, h: Tensor) -> Tensor:
        """Project ``h (N, H, *S)`` to ``(N, G*H, *S)``."""

    def add(self, sums: Tensor, h: Tensor) -> Tensor | None:
        """Add the projection of ``h`` to ``sums`` in place; or, where that is no faster, return it."""

    def input_gradient(self, grad: Tensor) -> Tensor:
        """Gradient of ``h`` from that of the result."""

    def weight_gradient(self, h: Tensor, grad: Tensor) -> Tensor:
        """Gradient of the weight, summed over all ``M`` rows of ``h (M, H, *S)`` and ``grad (M, G*H, *S)``."""


def bind(
    projection: Projection, weight: Tensor, gates: int, size: tuple[int, ...], bias: Tensor | None = None
) -> Bound:
    """Bind a projection to its weight, in the fastest form for frames of spatial ``size``, which it keeps."""
    if projection.axes == 0:
        return _Dense(weight, bias)
    if projection.groups > 1:
        return _Grouped(projection, weight, gates, size, bias)
    if Tiles.take(projection, weight):
        return _TiledConvolution(projection, weight, size, bias)
    if _PackedConvolution.takes(projection, weight, size):
        return _PackedConvolution(projection, weight, size, bias)
    return _Convolution(projection, weight, size, bias)


class _Dense:
    """A matrix."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        self.weight, self.bias = weight, bias

    def __call__(self, h: Tensor) -> Tensor:
        return F.linear(h, self.weight, self.bias)

    def add(self, sums: Tensor, h: Tensor) -> Tensor | None:
        sums.addmm_(h, self.weight.t())
        return None

    def input_gradient(self, grad: Tensor) -> Tensor:
        return grad @ self.weight

    def weight_gradient(self, h: Tensor, grad: Tensor) -> Tensor:
        return grad.t() @ h


class _Convolution:
    """A convolution that keeps the frames' size."""

    def __init__(self, projection: Projection, weight: Tensor, size: tuple[int, ...], bias: Tensor | None) -> None:
        self.weight, self.bias, self.groups, self.size = weight, bias, projection.groups, size
        pads = projection.pads(size)
        self.even = all(before == after for before, after in pads)
        self.pads = [p for pair in reversed(pads) for p in pair]
        self.padding = [before for before, _ in pads] if self.even else [0] * projection.axes
        self.dilation = list(projection.dilation)
        self.ones, self.zeros = [1] * projection.axes, [0] * projection.axes

    def __call__(self, h: Tensor) -> Tensor:
        return torch.convolution(
            self._padded(h), self.weight, self.bias, self.ones, self.padding, self.dilation, False, self.zeros,
            self.groups,
        )  # fmt: skip

    def add(self, sums: Tensor, h: Tensor) -> Tensor | None:
        return channels_last(self(h))

    def input_gradient(self, grad: Tensor) -> Tensor:
        channels = self.weight.shape[1] * self.groups
        shape = torch.empty((len(grad), channels, *self.size), dtype=grad.dtype, device=grad.device)
        gradient = self._backward(grad, self._padded(channels_last(shape)), _INPUT)[0]
        if not self.even:
            gradient = F.pad(gradient, [-p for p in self.pads])
        return channels_last(gradient)

    def weight_gradient(self, h: Tensor, grad: Tensor) -> Tensor:
        return self._backward(grad, self._padded(h), _WEIGHT)[1]

    def _padded(self, h: Tensor) -> Tensor:
        return h if self.even else F.pad(h, self.pads)

    def _backward(self, grad: Tensor, h: Tensor, wanted: tuple[bool, bool, bool]) -> tuple[Tensor, ...]:
        gradients: tuple[Tensor, ...] = torch.ops.aten.convolution_backward(
            grad, h, self.weight, None, self.ones, self.padding, self.dilation, False, self.zeros, self.groups, wanted
        )
        return gradients


class _PackedConvolution(_Convolution):
    """A convolution by oneDNN, with its weights packed once.

    The sum with what is already there comes at no cost; the gradient of the input is a convolution with the kernel
    turned round, which is faster than the one that oneDNN has for gradients.
    """

    def __init__(self, projection: Projection, weight: Tensor, size: tuple[int, ...], bias: Tensor | None) -> None:
        # oneDNN's operator reads the bias by its address, whatever its strides.
        super().__init__(projection, weight, size, None if bias is None else bias.contiguous())
        self.packed = self._pack(weight)
        self.turned: Tensor | None = None

    @staticmethod
    def takes(projection: Projection, weight: Tensor, size: tuple[int, ...]) -> bool:
        """Whether oneDNN has this convolution."""
        if weight.device.type != "cpu" or projection.axes != 2 or not torch.backends.mkldnn.is_available():
            return False
        if not torch.backends.mkldnn.enabled or any(before != after for before, after in projection.pads(size)):
            return False
        if weight.dtype == torch.bfloat16:
            return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
        return weight.dtype == torch.float32

    def __call__(self, h: Tensor) -> Tensor:
        return self._convolve(h, self.packed, self.bias)

    def add(self, sums: Tensor, h: Tensor) -> Tensor | None:
        torch.ops.mkldnn._convolution_pointwise_(
            sums, h, self.packed, self.bias, self.padding, self.ones, self.dilation, 1, "add", None, None, [], None
        )
        return None

    def input_gradient(self, grad: Tensor) -> Tensor:
        if self.turned is None:
            self.turned = self._pack(self.weight.transpose(0, 1).flip(2, 3).contiguous())
        return self._convolve(grad, self.turned, None)

    def _pack(self, weight: Tensor) -> Tensor:
        return torch._C._nn.mkldnn_reorder_conv2d_weight(  # type: ignore[call-arg]
            weight.to_mkldnn(), self.padding, self.ones, self.dilation, 1, [1, weight.shape[1], *self.size]
        )

    def _convolve(self, x: Tensor, packed: Tensor, bias: Tensor | None) -> Tensor:
        y: Tensor = torch.ops.mkldnn._convolution_pointwise(
            x, packed, bias, self.padding, self.ones, self.dilation, 1, "none", [], ""
        )
        return y


class _TiledConvolution(_Convolution):
    """A convolution by the processor's matrix unit; what is not finite goes to PyTorch's."""

    def __init__(self, projection: Projection, weight: Tensor, size: tuple[int, ...], bias: Tensor | None) -> None:
        super().__init__(projection, weight, size, bias)
        self.projection = projection

    @cached_property
    def tiles(self) -> Tiles:
        """The convolution."""
        return Tiles(self.projection, self.weight, self.size)

    @cached_property
    def turned(self) -> Tiles:
        """The gradient of its input."""
        return Tiles(self.projection, self.weight, self.size, turned=True)

    def __call__(self, h: Tensor) -> Tensor:
        y = self.tiles(channels_last(h), self.bias)
        return super().__call__(h) if y is None else y

    def input_gradient(self, grad: Tensor) -> Tensor:
        gradient = self.turned(channels_last(grad), None)
        return super().input_gradient(grad) if gradient is None else gradient

    def weight_gradient(self, h: Tensor, grad: Tensor) -> Tensor:
        gradient = None
        if self.weight.shape[1] >= _WORTH_TILES:
            gradient = weight_gradient(self.projection, self.weight, channels_last(h), channels_last(grad))
        return super().weight_gradient(h, grad) if gradient is None else gradient


class _Grouped:
    """A convolution whose groups act inside every gate: channels are reordered around it."""

    def __init__(
        self, projection: Projection, weight: Tensor, gates: int, size: tuple[int, ...], bias: Tensor | None
    ) -> None:
        self.gates, self.groups = gates, projection.groups
        bias = None if bias is None else swap_channels(bias, 0, gates, self.groups)
        self.inner = _Convolution(projection, swap_channels(weight, 0, gates, self.groups), size, bias)

    def __call__(self, h: Tensor) -> Tensor:
        return channels_last(swap_channels(self.inner(h), 1, self.groups, self.gates))

    def add(self, sums: Tensor, h: Tensor) -> Tensor | None:
        return self(h)

    def input_gradient(self, grad: Tensor) -> Tensor:
        return self.inner.input_gradient(channels_last(swap_channels(grad, 1, self.gates, self.groups)))

    def weight_gradient(self, h: Tensor, grad: Tensor) -> Tensor:
        grad = channels_last(swap_channels(grad, 1, self.gates, self.groups))
        return swap_channels(self.inner.weight_gradient(h, grad), 0, self.groups, self.gates)
