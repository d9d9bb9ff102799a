"""The input's part of all gate sums, through autograd.

Shape letters: M frames of all steps, C input channels, H hidden channels, G gates, S spatial axes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from framecast.functional import LayerSpec, Weights, input_gates

from .._again import gradients_again
from .._call import Call
from .._layout import channels_last, matrix
from .._transforms import are_batched, transforms_active
from ..cpu._tiles import Tiles
from ._convolution import Bound, bind

_WORTH_A_STEP = 2**16  # gate sums of a step that make up for a convolution of its own


def gate_sums(spec: LayerSpec, weights: Weights, data: Tensor | None, sizes: Sequence[int], h: Tensor) -> Tensor:
    """The input's part of all gate sums ``(M, G*H, *S)``, channels-last, in memory of its own: it is overwritten."""
    weight = weights.weight_ih
    if data is None or weight is None or len(data) != sum(sizes):
        return channels_last(torch.cat(list(input_gates(spec, weights, data, sizes, h))))
    if can_bind_input(spec) and Tiles.take(spec.input, weight) and not transforms_active():
        sums: Tensor = _InputSums.apply(spec, data, weight, weights.bias_ih)
        return sums
    return channels_last(spec.input(data, weight, weights.bias_ih, spec.rule.gates))


def gate_sums_for_inference(call: Call) -> Tensor | StepwiseSums:
    """Where nothing is held: each step's input projected when its turn comes, if a step is much work."""
    spec, data, h, weights = call.spec, call.data, call.state[0], call.weights
    large = call.sizes[-1] * h[0, 0].numel() * spec.rule.gates * spec.hidden_size >= _WORTH_A_STEP
    of_each_step = data is not None and len(data) == sum(call.sizes) and h.dim() > 2
    if data is None or weights.weight_ih is None or not (large and of_each_step and can_bind_input(spec)):
        return gate_sums(spec, weights, data, call.sizes, h)
    return StepwiseSums(bind_input(spec, data, weights.weight_ih, weights.bias_ih), data.split(call.sizes))


class StepwiseSums(Sequence[Tensor]):
    """Gate sums made when they are asked for: still in the cache when the recurrent part is added to them."""

    def __init__(self, projection: Bound, frames: Sequence[Tensor]) -> None:
        self.projection, self.frames = projection, frames

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, step: Any) -> Any:
        return matrix(channels_last(self.projection(self.frames[step])))


def can_bind_input(spec: LayerSpec) -> bool:
    """Whether the input's projection is a convolution that keeps the frames' size and pads with zeros."""
    in_one = spec.input.parts == 1 or spec.input.groups == 1
    return spec.input.keeps_size() and spec.input.padding_mode == "zeros" and in_one


def bind_input(spec: LayerSpec, data: Tensor, weight: Tensor, bias: Tensor | None) -> Bound:
    """Bind the input's projection to its weight, for frames of this size; call where :func:`can_bind_input`."""
    return bind(spec.input, weight, spec.rule.gates, tuple(data.shape[2:]), bias)


class _InputSums(torch.autograd.Function):
    """The projection as a node of its own, whose second derivatives are those of PyTorch's convolution."""

    @staticmethod
    def forward(ctx: Any, spec: LayerSpec, data: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.spec = spec
        ctx.save_for_backward(data, weight, bias)
        return bind_input(spec, data, weight, bias)(data)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        spec, (data, weight, bias), needed = ctx.spec, ctx.saved_tensors, ctx.needs_input_grad[1:]
        if torch.is_grad_enabled() or transforms_active() or are_batched([grad]):

            def project(data: Tensor, weight: Tensor, bias: Tensor | None) -> tuple[Tensor]:
                return (spec.input(data, weight, bias, spec.rule.gates),)

            return None, *gradients_again(project, (data, weight, bias), needed, [grad])
        bound = bind_input(spec, data, weight, None)
        return (
            None,
            bound.input_gradient(grad) if needed[0] else None,
            bound.weight_gradient(data, grad) if needed[1] else None,
            matrix(channels_last(grad)).sum(0) if needed[2] else None,
        )
