"""From checked options to the description of a layer.

Shape letters: C input channels, S spatial axes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from framecast.functional import PEEPHOLES, SPACE, LayerSpec, StepRule, choice, probability, projections

Size = int | Sequence[int]
"""An int for all axes, or one for each."""
PerLayer = Size | list[Any]
"""An int for all layers and axes, a tuple for the axes of every layer, a list for the layers."""


def layer_spec(
    rule: StepRule,
    options: Mapping[str, Any],
    *,
    axes: int,
    input_size: int,
    bias: tuple[str, ...],
    zoneout: tuple[float, ...],
    parts: int = 1,
    frame_size: tuple[int, ...] | None = None,
) -> LayerSpec:
    """Describe one layer.

    Args:
        rule: the step rule.
        options: the layer's checked options, spread over the axes.
        axes: number of spatial axes.
        input_size: input channels.
        bias: names of the biases.
        zoneout: probabilities of keeping the old states.
        parts: blocks stacked in the input's channels (2 above a bidirectional layer).
        frame_size: spatial size of this layer's input, where known.

    Raises:
        ValueError: if options contradict each other, naming them with their values.
    """
    hidden_size, groups = options["hidden_size"], options["groups"]
    proj_size, peephole, norm = options.get("proj_size", 0), options.get("peephole"), options["norm"]
    if proj_size >= hidden_size:
        raise ValueError(f"`proj_size` (={proj_size}) must be smaller than `hidden_size` (={hidden_size})")
    forget_bias = options.get("forget_bias")
    if forget_bias is not None and not bias:
        raise ValueError(f"`forget_bias` (={forget_bias}) needs `bias=True`")
    if axes == 0:
        choice("peephole", peephole, (None, *PEEPHOLES[:1]))
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
    kernel = options.get("kernel_size", ())
    to_gates, recurrent = projections(
        axes,
        kernel,
        options.get("recurrent_kernel_size") or kernel,
        {name: options[name] for name in SPACE if name in options},
        parts,
    )
    return LayerSpec(
        rule,
        input_size,
        hidden_size,
        input=to_gates,
        recurrent=recurrent,
        proj_size=proj_size,
        bias=bias,
        peephole=peephole,
        state_size=to_gates.output_size(frame_size) if peephole == "pixel" and frame_size is not None else None,
        norm=norm is not None,
        recurrent_dropout=options.get("recurrent_dropout", 0.0),
        zoneout=zoneout,
    )


def zoneouts(value: Any, states: Sequence[str], owner: str) -> tuple[float, ...]:
    """One probability for every state of a cell.

    Raises:
        ValueError: if ``value`` is a tuple of another length than there are states.
    """
    if not isinstance(value, (tuple, list)):
        return (value,) * len(states)
    if len(states) == 1:
        raise ValueError(f"`zoneout` (={value!r}) must be one probability: {owner} has no cell state c")
    if len(value) != len(states):
        form = "a pair" if len(states) == 2 else f"a tuple of {len(states)}"
        raise ValueError(f"`zoneout` must be a probability or {form} ({', '.join(states)}), got {value!r}")
    return tuple(value)


def zoneout_rule(name: str, value: Any) -> float | tuple[float, ...]:
    """Return probabilities: one, or a tuple of some.

    Raises:
        ValueError: if one is not a probability.
    """
    if isinstance(value, (tuple, list)):
        return tuple(probability(name, part) for part in value)
    return probability(name, value)
