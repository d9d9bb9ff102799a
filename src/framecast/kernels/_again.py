"""The reference as a kernel, and the one way to differentiate through plain PyTorch what a kernel has computed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from framecast.functional import Weights, layer_pass

from ._call import Call, PassResult, is_shallow


def run_reference(call: Call) -> PassResult:
    """Run a pass in plain PyTorch, step by step."""
    data, state, weights = call.data, call.state, call.weights
    if not torch.compiler.is_compiling() and is_shallow(call):
        data, state = None if data is None else data.contiguous(), tuple(s.contiguous() for s in state)
        weights = Weights({name: tensor.contiguous() for name, tensor in weights.tensors.items()})
    return layer_pass(
        call.spec,
        weights,
        data,
        call.sizes,
        state,
        reverse=call.reverse,
        training=call.training,
        mask=call.mask,
    )


def gradients_again(
    function: Callable[..., Sequence[Tensor]],
    tensors: Sequence[Tensor | None],
    needed: Sequence[bool],
    gradients: Sequence[Tensor | None],
) -> list[Tensor | None]:
    """Gradients of ``function(*tensors)`` in a form that can be differentiated again.

    Args:
        function: what was computed, in plain PyTorch.
        tensors: its arguments.
        needed: of which of them gradients are wanted.
        gradients: those of its results; None for zero.

    Returns:
        A gradient for each tensor; None where none is wanted, or where it is zero.
    """
    create_graph = torch.is_grad_enabled()
    device = next(t.device.type for t in tensors if t is not None)
    with torch.enable_grad(), torch.autocast(device, enabled=False):
        # New nodes: one tensor may have been made from another, and that path is not ours to follow.
        new = [None if t is None else t.view_as(t) for t in tensors]
        places = [k for k, (t, wanted) in enumerate(zip(new, needed, strict=True)) if wanted and t is not None]
        inputs = [t for t in (new[k] for k in places) if t is not None]
        for tensor in inputs:
            if not tensor.requires_grad:
                tensor.requires_grad_()
        pairs = [(r, g) for r, g in zip(function(*new), gradients, strict=True) if g is not None and r.requires_grad]
        if not pairs:
            return [None] * len(tensors)
        results, outer = zip(*pairs, strict=True)
        values = torch.autograd.grad(results, inputs, outer, create_graph=create_graph, allow_unused=True)
    by_place = dict(zip(places, values, strict=True))
    return [by_place.get(k) for k in range(len(tensors))]
