"""The layer pass that layers call: it chooses a kernel, and trades time for memory where it is asked to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint as torch_checkpoint

from framecast.functional import LayerSpec, State, Weights, recurrent_mask, unroll
from framecast.functional import layer_pass as reference

from ._choice import Call, choose
from ._transforms import HALF_TYPES, transformed


def layer_pass(
    spec: LayerSpec,
    weights: Weights,
    data: Tensor | None,
    batch_sizes: Sequence[int],
    state: State,
    *,
    reverse: bool = False,
    training: bool = False,
    zero_state: bool = False,
    checkpoint: bool | int = False,
) -> tuple[Tensor, State]:
    """Run one layer in one direction over packed sequences, with the kernel that suits it.

    Args:
        spec: the layer; see :func:`framecast.functional.layer_pass`, as for the others.
        weights: its parameters.
        data: frames ``(M, C, *S)``, or ``(N, C, *S)`` for all steps, or None.
        batch_sizes: sequences alive at every step.
        state: initial states.
        reverse: run from every sequence's own last step to its first.
        training: draw dropout and zoneout masks.
        zero_state: whether ``state`` is known to be zero.
        checkpoint: True to hold only input and states for the backward and redo the gates; a number k to hold the
            states of every k-th step and redo all between.

    Returns:
        Outputs ``(M, P, *S')`` and the final states.
    """
    if torch.compiler.is_compiling():  # which neither chooses nor wants another kernel
        return reference(spec, weights, data, batch_sizes, state, reverse=reverse, training=training)
    call = Call(spec, weights, data, batch_sizes, state, reverse, training, None, zero_state)
    if not checkpoint or not torch.is_grad_enabled() or transformed():
        return choose(call).run(call)
    if checkpoint is True:
        call = replace(call, redo=True)
        kernel = choose(call)
        if kernel.name != "reference":
            return kernel.run(call)
    return _in_segments(replace(call, redo=False), int(checkpoint))


def _in_segments(call: Call, length: int) -> tuple[Tensor, State]:
    """Run ``length`` steps at a time, each time holding only what goes in."""
    types = [s.dtype for s in call.state]
    if call.dtype in HALF_TYPES:  # c stays wide from segment to segment
        h, *others = call.state
        call = replace(call, state=(h.to(call.dtype), *(s.float() for s in others)))
    if call.training:
        call = replace(call, mask=recurrent_mask(call.spec, call.state[0].to(call.dtype)))
    sizes = [list(call.batch_sizes[k : k + length]) for k in range(0, len(call.batch_sizes), length)]
    data: Sequence[Tensor | None] = [call.data] * len(sizes)
    if call.data is not None and len(call.data) == sum(call.batch_sizes):
        data = call.data.split([sum(s) for s in sizes])
    kernel = choose(call)  # once: what is asked for may have changed by the time of the backward
    outputs: dict[int, Tensor] = {}
    first = len(sizes) - 1 if call.reverse else 0

    def step(rows: int, k: int, old: State) -> State:
        mask = None if call.mask is None else call.mask[:rows]
        segment = replace(call, batch_sizes=sizes[k], mask=mask, zero_state=call.zero_state and k == first)

        def run(data: Tensor | None, *rest: Tensor) -> tuple[Tensor, ...]:
            weights = Weights(dict(zip(call.weights.tensors, rest[len(old) :], strict=True)))
            part = replace(segment, data=data, state=rest[: len(old)], weights=weights)
            output, final = kernel.run(part)
            return output, *final

        outputs[k], *new = torch_checkpoint(run, data[k], *old, *call.weights.tensors.values(), use_reentrant=False)
        return tuple(new)

    _, final = unroll(step, range(len(sizes)), call.state, sizes=[s[0] for s in sizes], reverse=call.reverse)
    if call.dtype in HALF_TYPES and all(t == torch.float32 for t in types):
        types = [call.dtype] * len(types)  # under autocast, states come back in the autocast type
    finals = tuple(s.to(t) for s, t in zip(final, types, strict=True))
    return torch.cat([outputs[k] for k in range(len(sizes))]), finals
