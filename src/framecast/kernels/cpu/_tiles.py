"""Convolutions of float32 by the processor's matrix unit, compiled from ``tiles.c`` and ``tiles_gradient.c``.

They are as exact as others and take less than half the time; ``tiles.h`` says how.

Shape letters: N batch, C input channels, O output channels, S spatial axes, K kernel.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence

import torch
from torch import Tensor

from framecast.functional import Projection

from .._layout import LAYOUTS
from . import _library

_AXES = ctypes.c_long * 3
LARGEST_WORKSPACE = 2**28
"""Bytes of the workspace of one thread; frames whose planes need more are left to others."""
MOST_PIXELS = 2**31
"""Frames of at least so many pixels are left to others, too."""


class _Shape(ctypes.Structure):
    """The sizes of a convolution, as ``tiles.h`` has them; axes are planes, rows and pixels."""

    _fields_ = (
        ("batch", ctypes.c_long),
        ("size", _AXES),
        ("kernel", _AXES),
        ("dilation", _AXES),
        ("before", _AXES),
        ("channels", ctypes.c_long),
        ("columns", ctypes.c_long),
    )


class Tiles:
    """A convolution that keeps the frames' size, with its weight packed for frames of one size.

    Frames are channels-last.

    Args:
        projection: the convolution, of two axes or three, without groups.
        weight: its weight ``(O, C, *K)``.
        size: spatial size of the frames.
        turned: the gradient of the input instead: channels swapped, the kernel turned round.
        gates: blocks of output channels of which tiles are taken in turn.
    """

    def __init__(
        self, projection: Projection, weight: Tensor, size: tuple[int, ...], *, turned: bool = False, gates: int = 1
    ) -> None:
        self.shape = shape_of(projection, weight, size, turned)
        first, strides = _order(weight, turned)
        library, shape = _library.library(), ctypes.byref(self.shape)
        self.packed = buffer(library.functions.framecast_tiles_packed(shape, gates))
        library.functions.framecast_tiles_pack(
            shape, first, strides, gates, self.packed.data_ptr(), _library.threads(), library.openmp
        )
        self.workspace = buffer(0)

    @staticmethod
    def take(projection: Projection, weight: Tensor) -> bool:
        """Whether the matrix unit is here and takes this convolution with a weight of this kind."""
        if weight.dtype != torch.float32 or weight.device.type != "cpu" or projection.axes not in (2, 3):
            return False
        library = _library.loaded()
        fits = projection.groups == 1 and weight.shape[2:] == projection.kernel_size
        return fits and not isinstance(library, str) and library.tiles

    def __call__(self, x: Tensor, bias: Tensor | None) -> Tensor | None:
        """Convolve ``x (N, C, *S)``, channels-last, and add ``bias (O,)``; None where a result is not finite."""
        library, layout, columns = _library.library(), LAYOUTS[x.dim() - 2], self.shape.columns
        threads = min(_library.threads(), len(x) * x.shape[2])
        self.shape.batch = len(x)
        needed = library.functions.framecast_tiles_workspace(ctypes.byref(self.shape)) * threads
        if not is_frames(x, self.shape.channels) or needed > LARGEST_WORKSPACE * threads:
            return None
        if bias is not None and bias.shape != (columns,):
            return None
        if len(self.workspace) < needed:
            self.workspace = buffer(needed)
        bias = None if bias is None else bias.contiguous()
        y = torch.empty((len(x), columns, *x.shape[2:]), dtype=x.dtype, device=x.device, memory_format=layout)
        is_odd = library.functions.framecast_tiles_convolve(
            ctypes.byref(self.shape),
            x.data_ptr(),
            self.packed.data_ptr(),
            None if bias is None else bias.data_ptr(),
            y.data_ptr(),
            self.workspace.data_ptr(),
            threads,
            library.openmp,
        )
        return None if is_odd else y


def weight_gradient(projection: Projection, weight: Tensor, x: Tensor, grad: Tensor) -> Tensor | None:
    """Gradient of a weight ``(O, C, *K)`` from frames ``x (N, C, *S)`` and the gradient ``(N, O, *S)`` of the result.

    Both are channels-last. None where a result is not finite.
    """
    library = _library.library()
    shape = shape_of(projection, weight, tuple(x.shape[2:]), turned=False)
    shape.batch = len(x)
    needed = library.functions.framecast_tiles_gradient_workspace(ctypes.byref(shape))
    if not is_frames(x, shape.channels) or not is_frames(grad, shape.columns) or needed > LARGEST_WORKSPACE:
        return None
    gradient, workspace = torch.empty(weight.shape, dtype=weight.dtype, device=weight.device), buffer(needed)
    is_odd = library.functions.framecast_tiles_gradient(
        ctypes.byref(shape),
        x.data_ptr(),
        grad.data_ptr(),
        gradient.data_ptr(),
        workspace.data_ptr(),
        _library.threads(),
        library.openmp,
    )
    return None if is_odd else gradient


def is_frames(x: Tensor, channels: int) -> bool:
    """Whether ``x`` is what compiled functions take: float32 frames of so many channels, channels-last."""
    return (
        x.dtype == torch.float32
        and x.is_cpu
        and not x.is_neg()
        and x.shape[1] == channels
        and x.numel() // channels < MOST_PIXELS
        and x.is_contiguous(memory_format=LAYOUTS[x.dim() - 2])
    )


def shape_of(projection: Projection, weight: Tensor, size: tuple[int, ...], turned: bool) -> _Shape:
    """The sizes of a convolution, of one frame."""
    before = [after if turned else before for before, after in projection.pads(size)]
    columns, channels = weight.shape[1::-1] if turned else weight.shape[:2]
    kernel = weight.shape[2:]
    return _Shape(
        1, _axes(size, 1), _axes(kernel, 1), _axes(projection.dilation, 1), _axes(before, 0), channels, columns
    )


def _axes(values: Sequence[int], fill: int) -> ctypes.Array[ctypes.c_long]:
    """Numbers for planes, rows and pixels; frames with two axes have planes of one row, which gets ``fill``."""
    return _AXES(values[0], fill, values[1]) if len(values) == 2 else _AXES(*values)


def _order(weight: Tensor, turned: bool) -> tuple[int, ctypes.Array[ctypes.c_long]]:
    """Address of a weight's first number, and its strides: column, channel, plane, row, pixel."""
    (column, channel, *taps), first = weight.stride(), weight.data_ptr()
    if turned:
        column, channel = channel, column
        first += weight.element_size() * sum((k - 1) * s for k, s in zip(weight.shape[2:], taps, strict=True))
        taps = [-s for s in taps]
    return first, (ctypes.c_long * 5)(column, channel, *_axes(taps, 0))


def buffer(count: int) -> Tensor:
    """An uninitialised buffer of ``count`` bytes."""
    return torch.empty(count, dtype=torch.uint8, device="cpu")


def pointers(*tensors: Tensor | None) -> ctypes.Array[ctypes.c_void_p]:
    """Addresses of contiguous tensors, which the caller keeps alive; NULL for None."""
    return (ctypes.c_void_p * len(tensors))(*(None if t is None else t.data_ptr() for t in tensors))
