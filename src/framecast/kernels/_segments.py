"""A pass that holds the states of every k-th step only, and redoes all between in the backward."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from framecast.functional import Batch, State, narrow_states, recurrent_mask, unroll, widen_states

from ._call import Call, PassResult


def in_segments(call: Call, length: int, run: Callable[[Call], PassResult]) -> PassResult:
    """Run ``length`` steps of a pass at a time by ``run``, each time holding only what goes in."""
    wide = widen_states(call.state, call.dtype)  # c stays wide from segment to segment
    mask = recurrent_mask(call.spec, wide[0]) if call.training else None
    sizes = [call.sizes[k : k + length] for k in range(0, len(call.sizes), length)]
    data: Sequence[Tensor | None] = [call.data] * len(sizes)
    if call.data is not None and len(call.data) == sum(call.sizes):
        data = call.data.split([sum(s) for s in sizes])
    outputs: dict[int, Tensor] = {}
    first = len(sizes) - 1 if call.reverse else 0

    def step(rows: int, k: int, old: State) -> State:
        batch, zero_state = Batch(data[k], sizes[k], rows), call.zero_state and k == first
        segment = replace(call, batch=batch, mask=None if mask is None else mask[:rows], zero_state=zero_state)

        def run_again(data: Tensor | None, *rest: Tensor) -> tuple[Tensor, ...]:
            output, final = run(segment.with_tensors(data, rest[: len(old)], rest[len(old) :]))
            return output, *final

        outputs[k], *new = checkpoint(run_again, data[k], *old, *call.parameters, use_reentrant=False)
        return tuple(new)

    _, final = unroll(step, range(len(sizes)), wide, sizes=[s[0] for s in sizes], reverse=call.reverse)
    return torch.cat([outputs[k] for k in range(len(sizes))]), narrow_states(final, call.state, call.dtype)
