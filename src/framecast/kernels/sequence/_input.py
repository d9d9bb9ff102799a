"""The input's part of all gate sums, through autograd.

Shape letters: M frames of all steps, C input channels, H hidden channels, G gates, S spatial axes.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from framecast.functional import LayerSpec

from .._transforms import batched, transformed
from ..cpu._tiles import Tiles
from ._convolution import Bound, channels_last, projected
from ._plan import matrix


def input_sums(spec: LayerSpec, data: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """The projection ``(M, G*H, *S')`` of frames ``data (M, C, *S)``, channels-last."""
    if is_plain(spec) and Tiles.take(spec.input, weight) and not transformed():
        found: Tensor = _InputSums.apply(spec, data, weight, bias)
        return found
    return channels_last(spec.input(data, weight, bias, spec.rule.gates))


def is_plain(spec: LayerSpec) -> bool:
    """Whether the input's projection is a convolution that keeps the frames' size and pads with zeros."""
    in_one = spec.input.parts == 1 or spec.input.groups == 1
    return spec.input.keeps_size() and spec.input.padding_mode == "zeros" and in_one


def bound_input(spec: LayerSpec, data: Tensor, weight: Tensor, bias: Tensor | None) -> Bound:
    """The input's projection for frames of this size; it is plain."""
    return projected(spec.input, weight, spec.rule.gates, tuple(data.shape[2:]), bias)


class _InputSums(torch.autograd.Function):
    """The projection as a node of its own, whose second derivatives are those of PyTorch's convolution."""

    @staticmethod
    def forward(ctx: Any, spec: LayerSpec, data: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.spec = spec
        ctx.save_for_backward(data, weight, bias)
        return bound_input(spec, data, weight, bias)(data)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        spec, (data, weight, bias), needed = ctx.spec, ctx.saved_tensors, ctx.needs_input_grad[1:]
        if torch.is_grad_enabled() or transformed() or batched([grad]):
            return None, *_differentiable(spec, (data, weight, bias), needed, grad)
        bound = bound_input(spec, data, weight, None)
        return (
            None,
            bound.input_gradient(grad) if needed[0] else None,
            bound.weight_gradient(data, grad) if needed[1] else None,
            matrix(channels_last(grad)).sum(0) if needed[2] else None,
        )


def _differentiable(
    spec: LayerSpec, tensors: tuple[Tensor, Tensor, Tensor | None], needed: tuple[bool, ...], grad: Tensor
) -> tuple[Tensor | None, ...]:
    """The same gradients, in a form that can be differentiated again."""
    create_graph = torch.is_grad_enabled()
    with torch.enable_grad(), torch.autocast(grad.device.type, enabled=False):
        # New nodes: one tensor may have been made from another, and that path is not ours to follow.
        data, weight, bias = (None if t is None else t.view_as(t) for t in tensors)
        assert data is not None
        assert weight is not None
        given = [t for t, wanted in zip((data, weight, bias), needed, strict=True) if wanted and t is not None]
        for tensor in given:
            if not tensor.requires_grad:
                tensor.requires_grad_()
        result = spec.input(data, weight, bias, spec.rule.gates)
        found = iter(torch.autograd.grad(result, given, grad, create_graph=create_graph))
    return tuple(next(found) if wanted else None for wanted in needed)
