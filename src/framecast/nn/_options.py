"""Checks of the arguments that shape a layer, and their spreading over layers and spatial axes.

An int stands for all layers and axes, a tuple for the axes of every layer, a list for the layers (a list inside a
list, as YAML writes it, for the axes).
"""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from typing import Any, TypeVar

from framecast.functional import PADDING_MODES, PEEPHOLES, LayerSpec, Projection, StepRule

Size = int | Sequence[int]
PerLayer = Size | list[Any]
T = TypeVar("T")


def whole(name: str, value: object, least: int) -> int:
    """Return ``value`` as an int of at least ``least``.

    Raises:
        ValueError: if it is not a whole number, or too small.
    """
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise ValueError(f"`{name}` must be a whole number, got {value!r}")
    if value < least:
        raise ValueError(f"`{name}` (={value}) must be at least {least}")
    return int(value)


def flag(name: str, value: object) -> bool:
    """Return ``value`` if it is a bool.

    Raises:
        ValueError: if it is anything else.
    """
    if not isinstance(value, bool):
        raise ValueError(f"`{name}` must be True or False, got {value!r}")
    return value


def probability(name: str, value: object) -> float:
    """Return ``value`` as a float from 0 to 1.

    Raises:
        ValueError: if it is not a number, or out of range.
    """
    if isinstance(value, bool) or not isinstance(value, numbers.Real) or not 0 <= float(value) <= 1:
        raise ValueError(f"`{name}` must be a probability from 0 to 1, got {value!r}")
    return float(value)


def choice(name: str, value: T, choices: Sequence[T]) -> T:
    """Return ``value`` if it is among ``choices``.

    Raises:
        ValueError: if it is not.
    """
    if value not in choices:
        raise ValueError(f"`{name}` must be one of {', '.join(map(repr, choices))}, got {value!r}")
    return value


def per_layer(name: str, value: Any, layers: int) -> list[Any]:
    """Spread ``value`` over the layers.

    Raises:
        ValueError: if a list has another length than there are layers.
    """
    if not isinstance(value, list):
        return [value] * layers
    if len(value) != layers:
        raise ValueError(f"`{name}` (={value}) lists {len(value)} layers, but there are {layers}")
    return value


def per_axis(name: str, value: Any, axes: int, least: int) -> tuple[int, ...]:
    """Spread ``value`` over the spatial axes.

    Raises:
        ValueError: if it has another number of axes, or an entry that is not a whole number of at least ``least``.
    """
    if not isinstance(value, (tuple, list)):
        return (whole(name, value, least),) * axes
    if len(value) != axes:
        raise ValueError(f"`{name}` (={value}) gives {len(value)} axes, but the layer has {axes}")
    return tuple(whole(name, v, least) for v in value)


def padding_of(value: Any, axes: int, kernel_size: tuple[int, ...]) -> str | tuple[int, ...]:
    """Padding of the input projection: ``"same"``, or ints per axis; ``"valid"`` is 0.

    Raises:
        ValueError: if it is another string, or not whole numbers.
    """
    if isinstance(value, str):
        return "same" if choice("padding", value, ("same", "valid")) == "same" else (0,) * axes
    return per_axis("padding", value, axes, 0)


def zoneout_of(value: Any) -> tuple[float, float]:
    """Zoneout probabilities of h and c.

    Raises:
        ValueError: if they are not one or two probabilities.
    """
    if isinstance(value, (tuple, list)):
        if len(value) != 2:
            raise ValueError(f"`zoneout` must be a probability or a pair (h, c), got {value!r}")
        return probability("zoneout", value[0]), probability("zoneout", value[1])
    return (probability("zoneout", value),) * 2


def layer_spec(
    rule: StepRule,
    *,
    axes: int,
    input_size: int,
    hidden_size: int,
    bias: tuple[str, ...],
    parts: int = 1,
    proj_size: Any = 0,
    kernel_size: Any = 3,
    recurrent_kernel_size: Any = None,
    stride: Any = 1,
    padding: Any = "same",
    dilation: Any = 1,
    recurrent_dilation: Any = 1,
    groups: int = 1,
    padding_mode: str = "zeros",
    peephole: str | None = None,
    frame_size: tuple[int, ...] | None = None,
    norm: str | None = None,
    recurrent_dropout: float = 0.0,
    zoneout: Any = 0.0,
) -> LayerSpec:
    """Check the options of one layer and describe it. See :class:`framecast.nn.ConvLSTM2d` for their meaning.

    Args:
        rule: the step rule.
        axes: number of spatial axes.
        input_size: input channels.
        hidden_size: hidden channels.
        bias: names of the biases.
        parts: blocks stacked in the input's channels (2 above a bidirectional layer).
        proj_size: output channels, 0 for none of its own.
        kernel_size: kernel of the input projection.
        recurrent_kernel_size: kernel of the recurrent projection; None for the same.
        stride: stride of the input projection.
        padding: padding of the input projection.
        dilation: dilation of the input projection.
        recurrent_dilation: dilation of the recurrent projection.
        groups: groups inside every gate.
        padding_mode: padding mode of both.
        peephole: kind of peephole.
        frame_size: spatial size of this layer's input, where known.
        norm: kind of normalisation.
        recurrent_dropout: dropout of the recurrent h.
        zoneout: zoneout probabilities.

    Raises:
        ValueError: naming the argument, its rule and its value.
    """
    hidden_size = whole("hidden_size", hidden_size, 1)
    proj_size = whole("proj_size", proj_size, 0)
    if proj_size >= hidden_size:
        raise ValueError(f"`proj_size` (={proj_size}) must be smaller than `hidden_size` (={hidden_size})")
    choice("padding_mode", padding_mode, PADDING_MODES)
    choice("peephole", peephole, (None, *(PEEPHOLES if axes else PEEPHOLES[:1])))
    choice("norm", norm, (None, "group"))
    kernel = per_axis("kernel_size", kernel_size, axes, 1) if axes else ()
    recurrent_kernel = kernel
    if axes and recurrent_kernel_size is not None:
        recurrent_kernel = per_axis("recurrent_kernel_size", recurrent_kernel_size, axes, 1)
    project = Projection(
        axes=axes,
        kernel_size=kernel,
        stride=per_axis("stride", stride, axes, 1),
        dilation=per_axis("dilation", dilation, axes, 1),
        padding=padding_of(padding, axes, kernel),
        padding_mode=padding_mode,
        groups=groups,
        parts=parts,
    )
    recurrent = Projection(
        axes=axes,
        kernel_size=recurrent_kernel,
        stride=(1,) * axes,
        dilation=per_axis("recurrent_dilation", recurrent_dilation, axes, 1),
        padding_mode=padding_mode,
        groups=groups,
    )
    for name, size in (("input_size", input_size), ("hidden_size", hidden_size), ("proj_size", proj_size)):
        if size % groups:
            raise ValueError(f"`{name}` (={size}) must be divisible by `groups` (={groups})")
    if norm is not None and axes == 0 and hidden_size == groups:
        raise ValueError(
            f"`norm` {norm!r} needs more than one channel per group without spatial axes: "
            f"`hidden_size` (={hidden_size}) equals `groups` (={groups})"
        )
    if peephole == "pixel" and frame_size is None:
        raise ValueError("`peephole` 'pixel' has a weight per position and needs `spatial_size`, the size of the input")
    if peephole != "pixel":
        frame_size = None
    return LayerSpec(
        rule,
        input_size,
        hidden_size,
        input=project,
        recurrent=recurrent,
        proj_size=proj_size,
        bias=bias,
        peephole=peephole,
        state_size=None if frame_size is None else project.output_size(frame_size),
        norm=norm is not None,
        recurrent_dropout=probability("recurrent_dropout", recurrent_dropout),
        zoneout=zoneout_of(zoneout),
    )
