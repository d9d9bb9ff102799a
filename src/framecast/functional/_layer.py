"""One layer in one direction over a whole sequence: the reference that every kernel must equal.

Shape letters: M rows of packed frames (the sum of the batch sizes), N batch, C input channels, H hidden channels,
P output channels, G gates, S spatial axes, K kernel.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod

import torch
import torch.nn.functional as F
from torch import Tensor

from ._loop import unroll
from ._projection import Projection
from ._steps import Shapes, State, StepRule

PEEPHOLES = ("channel", "pixel", "conv")
_NORM_EPSILON = 1e-5
HALF_TYPES = (torch.bfloat16, torch.float16)
"""Types in which h and the gates may be, but no state that is added to step after step."""


@dataclass(frozen=True)
class Weights:
    """The parameters of one layer and direction.

    Args:
        tensors: the parameters by name, in torch's order; :meth:`LayerSpec.shapes` lists the names.
    """

    tensors: Mapping[str, Tensor]

    @classmethod
    def of(cls, **tensors: Tensor | None) -> Weights:
        """Weights from keywords; None stands for a parameter that the layer does not have."""
        return cls({name: tensor for name, tensor in tensors.items() if tensor is not None})

    def get(self, name: str) -> Tensor | None:
        """The parameter called ``name``; None if the layer does not have it."""
        return self.tensors.get(name)

    def replace(self, **changes: Tensor | None) -> Weights:
        """The same weights with some exchanged, or taken out (None)."""
        return Weights.of(**{**self.tensors, **changes})

    @property
    def weight_hh(self) -> Tensor:
        """Weight of the recurrent projection, which every layer has."""
        return self.tensors["weight_hh"]

    @property
    def weight_ih(self) -> Tensor | None:
        """Weight of the input's projection; None for a layer without input."""
        return self.tensors.get("weight_ih")

    @property
    def bias_ih(self) -> Tensor | None:
        """Bias of the input's projection."""
        return self.tensors.get("bias_ih")

    @property
    def bias_hh(self) -> Tensor | None:
        """Bias of the recurrent projection."""
        return self.tensors.get("bias_hh")

    @property
    def weight_ch(self) -> Tensor | None:
        """Peepholes."""
        return self.tensors.get("weight_ch")


@dataclass(frozen=True)
class LayerSpec:
    """All that is fixed about one layer.

    Args:
        rule: the step rule.
        input_size: input channels C; 0 for a layer without input.
        hidden_size: hidden channels H.
        input: projection of the input to the gates.
        recurrent: projection of the state to the gates.
        proj_size: output channels P if the output is projected, else 0.
        bias: names of the biases it has.
        peephole: None or one of ``PEEPHOLES``.
        state_size: spatial size of the states, for per-pixel peepholes.
        norm: whether the gates are group-normalised.
        recurrent_dropout: probability of dropping an element of the h that enters the recurrent projection.
        zoneout: probabilities of keeping the old states, in the order of the rule's names; empty for none.
    """

    rule: StepRule
    input_size: int
    hidden_size: int
    input: Projection
    recurrent: Projection
    proj_size: int = 0
    bias: tuple[str, ...] = ()
    peephole: str | None = None
    state_size: tuple[int, ...] | None = None
    norm: bool = False
    recurrent_dropout: float = 0.0
    zoneout: tuple[float, ...] = ()

    @property
    def output_size(self) -> int:
        """Output channels P."""
        return self.proj_size or self.hidden_size

    @property
    def state_channels(self) -> tuple[int, ...]:
        """Channels of every state, in the order of the rule's names."""
        return self.rule.state_channels(self)

    def shapes(self) -> Shapes:
        """Names and shapes of the parameters, in torch's order."""
        gated, groups = self.rule.gates * self.hidden_size, self.recurrent.groups
        shapes: Shapes = {}
        if self.input_size:
            shapes["weight_ih"] = (gated, self.input_size // groups, *self.input.kernel_size)
        shapes["weight_hh"] = (gated, self.output_size // groups, *self.recurrent.kernel_size)
        shapes.update(dict.fromkeys(self.bias, (gated,)))
        shapes.update(self.rule.weights(self))
        if self.norm:
            shapes["weight_norm"] = shapes["bias_norm"] = (gated,)
        return shapes

    def fan_in(self) -> int:
        """Inputs of one gate value: those from the frame and those from the state."""
        shapes = self.shapes()
        return sum(prod(shapes[name][1:]) for name in ("weight_ih", "weight_hh") if name in shapes)


def layer_pass(
    spec: LayerSpec,
    weights: Weights,
    data: Tensor | None,
    batch_sizes: Sequence[int],
    state: State,
    *,
    reverse: bool = False,
    training: bool = False,
    mask: Tensor | None = None,
) -> tuple[Tensor, State]:
    """Run one layer in one direction over packed sequences.

    Args:
        spec: the layer.
        weights: its parameters.
        data: frames ``(M, C, *S)``, step after step; ``(N, C, *S)`` if every step reads the same frame; None for a
            layer without input.
        batch_sizes: sequences alive at every step, never growing.
        state: initial states ``(N, P, *S')`` and, with a cell state, ``(N, H, *S')``; the longest sequence first.
        reverse: run from every sequence's own last step to its first.
        training: draw dropout and zoneout masks.
        mask: the recurrent dropout's mask ``(N, P, *S')`` if it is drawn already; see :func:`recurrent_mask`.

    Returns:
        Outputs ``(M, P, *S')`` and the final states.
    """
    gates = input_gates(spec, weights, data, batch_sizes, state[0])
    if training and mask is None:
        mask = recurrent_mask(spec, state[0].to(gates[0].dtype))
    return gated_pass(spec, weights, gates, state, reverse=reverse, training=training, mask=mask)


def gated_pass(
    spec: LayerSpec,
    weights: Weights,
    gates: Sequence[Tensor],
    state: State,
    *,
    reverse: bool = False,
    training: bool = False,
    mask: Tensor | None = None,
) -> tuple[Tensor, State]:
    """The part of :func:`layer_pass` that follows the projection of the input.

    Args:
        spec: the layer.
        weights: its parameters; those of the input's projection are not used.
        gates: what the input gives to the gates, ``(rows, G*H, *S')`` per step.
        state: see :func:`layer_pass`, as are the others.
        reverse: see there.
        training: draw zoneout masks.
        mask: the recurrent dropout's mask.

    Returns:
        Outputs ``(M, P, *S')`` and the final states.
    """
    dtype, maps = gates[0].dtype, _BoundMaps(spec, weights, mask)

    def step(rows: int, x: Tensor, old: State) -> State:
        return zoneout(old, spec.rule(x, old, maps.rows(rows)), spec.zoneout, training)

    wide = widen_states(state, dtype)
    outputs, final = unroll(step, gates, wide, sizes=[x.shape[0] for x in gates], reverse=reverse)
    return torch.cat(outputs), narrow_states(final, state, dtype)


def widen_states(state: State, dtype: torch.dtype) -> State:
    """The states in the types that a pass computes in: h in the gates' ``dtype``, others in no half type."""
    return state[0].to(dtype), *(s.float() if dtype in HALF_TYPES else s for s in state[1:])


def narrow_states(final: State, initial: State, dtype: torch.dtype) -> State:
    """The final states of a pass in the types of the ``initial`` ones, or in the half type of gates under autocast."""
    types = [s.dtype for s in initial]
    if dtype in HALF_TYPES and all(t == torch.float32 for t in types):
        types = [dtype] * len(types)
    return tuple(s.to(t) for s, t in zip(final, types, strict=True))


def recurrent_mask(spec: LayerSpec, h: Tensor) -> Tensor | None:
    """A mask of recurrent dropout for the states ``h (N, P, *S)`` of a whole sequence; None without dropout."""
    if spec.recurrent_dropout == 0:
        return None
    return F.dropout(torch.ones_like(h), spec.recurrent_dropout)


def input_gates(
    spec: LayerSpec, weights: Weights, data: Tensor | None, batch_sizes: Sequence[int], h: Tensor
) -> Sequence[Tensor]:
    """What the input gives to the gates at every step, all steps projected at once; see :func:`layer_pass`."""
    if data is not None:
        assert weights.weight_ih is not None
        gates = spec.input(data, weights.weight_ih, weights.bias_ih, spec.rule.gates)
        if data.shape[0] == sum(batch_sizes):
            return gates.split(list(batch_sizes))
        return [gates] * len(batch_sizes)  # one frame for all steps
    width = spec.rule.gates * spec.hidden_size
    bias = h.new_zeros(width) if weights.bias_ih is None else weights.bias_ih
    if torch.is_autocast_enabled(bias.device.type):
        bias = bias.to(torch.get_autocast_dtype(bias.device.type))
    gate = bias.view(1, width, *(1,) * spec.input.axes)
    return [gate.expand(size, width, *h.shape[2:]) for size in batch_sizes]


def zoneout(old: State, new: State, probabilities: tuple[float, ...], training: bool) -> State:
    """Keep elements of the old states at random; in evaluation, take the expectation (Krueger et al. 2017)."""
    if not any(probabilities):
        return new
    state = []
    for before, after, p in zip(old, new, probabilities, strict=False):
        if training:
            state.append(torch.where(torch.rand_like(after) < p, before.to(after.dtype), after))
        else:
            state.append(after + p * (before - after))
    return tuple(state)


@dataclass(frozen=True)
class _BoundMaps:
    """The maps of a layer, bound to its weights and to this call's dropout mask."""

    spec: LayerSpec
    weights: Weights
    mask: Tensor | None = None

    def rows(self, count: int) -> _BoundMaps:
        """The same for the first ``count`` sequences."""
        return self if self.mask is None else replace(self, mask=self.mask[:count])

    def recurrent(self, h: Tensor, first: int, last: int) -> Tensor:
        if self.mask is not None:
            h = h * self.mask
        weight, bias = (self._gates(w, first, last) for w in (self.weights.weight_hh, self.weights.bias_hh))
        assert weight is not None
        return self.spec.recurrent(h, weight, bias, last - first)

    def normalize(self, gates: Tensor, first: int, last: int) -> Tensor:
        if not self.spec.norm:
            return gates
        weight, bias = (self._gates(w, first, last) for w in map(self.weights.get, ("weight_norm", "bias_norm")))
        # Not F.group_norm, which refuses a single value per group in a batch of one and takes it in a larger batch.
        return torch.group_norm(gates, self.spec.recurrent.groups * (last - first), weight, bias, _NORM_EPSILON).to(
            gates.dtype
        )

    def peephole(self, c: Tensor, first: int, last: int) -> Tensor | None:
        weight = self._gates(self.weights.weight_ch, first, last)
        if weight is None:
            return None
        if self.spec.peephole == "conv":
            return self.spec.recurrent(c.to(weight.dtype), weight, None, last - first)
        weight = weight.unflatten(0, (last - first, self.spec.hidden_size))
        weight = weight.view(*weight.shape, *(1,) * (c.dim() - weight.dim()))
        return (weight * c.unsqueeze(1)).flatten(1, 2)

    def output(self, h: Tensor) -> Tensor:
        weight = self.weight("weight_hr")
        if weight is None:
            return h
        return replace(self.spec.recurrent, kernel_size=(1,) * self.spec.input.axes, groups=1)(h, weight, None, 1)

    def weight(self, name: str) -> Tensor | None:
        return self.weights.get(name)

    def _gates(self, weight: Tensor | None, first: int, last: int) -> Tensor | None:
        """The rows of ``weight`` that belong to the gates ``first`` to ``last - 1``."""
        size = self.spec.hidden_size
        if weight is None or (first == 0 and last * size == weight.shape[0]):
            return weight
        return weight[first * size : last * size]
