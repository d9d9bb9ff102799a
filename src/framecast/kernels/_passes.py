"""A stack of layers as passes of one layer in one direction.

Shape letters: N batch, L layers, D directions, S spatial axes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from framecast.functional import Batch, LayerSpec, State

from ._call import Call, Layers, PassResult, StackResult


def in_passes(call: Call, run: Callable[[Call], PassResult]) -> StackResult:
    """Run layer after layer of a stack, and its directions, each by ``run``."""
    rows, finals = rows_of_passes(call, run)
    return call.batch.to_output(rows), finals


def rows_of_passes(call: Call, run: Callable[[Call], PassResult]) -> tuple[Tensor, list[State]]:
    """The same with the output packed ``(M, D*P, *S)``."""
    count, directions = len(call.layers.specs), call.layers.directions
    states, output = _by_pass(call), call.data
    finals: list[State] = []
    for k in range(count):
        results = [run(_pass(call, k, d, output, states)) for d in range(directions)]
        finals += [final for _, final in results]
        output = torch.cat([result for result, _ in results], 1) if directions > 1 else results[0][0]
        if call.dropout and k + 1 < count:
            output = F.dropout(output, call.dropout, call.training)
    assert output is not None
    return output, list(zip(*finals, strict=True))


def first_pass(call: Call) -> Call:
    """The first pass of a stack."""
    return _pass(call, 0, 0, call.data, _by_pass(call))


def _pass(call: Call, layer: int, direction: int, data: Tensor | None, states: Sequence[State] | None) -> Call:
    """The pass of one layer in one direction over ``data``."""
    specs, directions, names = call.layers.specs, call.layers.directions, call.layers.names
    spec, place = specs[layer], layer * directions + direction
    first = directions * sum(map(len, names[:layer])) + direction * len(names[layer])
    state = _zeros(spec, call, data) if states is None else states[place]
    return replace(
        call,
        layers=Layers((spec,)),
        parameters=call.parameters[first : first + len(names[layer])],
        batch=Batch(data, call.batch.batch_sizes, call.batch.batch),
        states=[(s,) for s in state],
        reverse=direction == 1,
        zero_state=states is None,
    )


def _by_pass(call: Call) -> list[State] | None:
    """The initial states of one pass after another; None for zero."""
    if call.states is None:
        return None
    return list(zip(*(c.unbind(0) if isinstance(c, Tensor) else c for c in call.states), strict=True))


def _zeros(spec: LayerSpec, call: Call, data: Tensor | None) -> State:
    """Zero states of a layer that reads ``data``, of the type of the stack's own frames."""
    assert data is not None
    assert call.data is not None
    size, new_zeros = spec.input.output_size(data.shape[2:]), call.data.new_zeros
    return tuple(new_zeros(call.batch.batch, channels, *size) for channels in spec.state_channels)
