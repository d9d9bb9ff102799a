"""Passes on a GPU: the sequence pass with steps in Triton, and the same replayed from CUDA graphs."""

from __future__ import annotations

from functools import partial

from torch import Tensor

from .._call import Call, PassResult, run_normal
from ..sequence._node import run_sequence
from ..sequence._refusals import sequence_refuses
from ._graphs import Graphs, Tensors, refusal
from ._steps import triton_steps, why_not

_GRAPHS = Graphs()


def triton_refuses(call: Call) -> str | None:
    """Why steps in Triton cannot run a pass; None if they can."""
    return why_not(call.device) or sequence_refuses(call)


def run_triton(call: Call) -> PassResult:
    """Run a pass with steps in Triton."""
    return run_normal(partial(run_sequence, steps=triton_steps), call)


def graphs_refuse(call: Call) -> str | None:
    """Why a pass cannot be replayed; None if it can."""
    return triton_refuses(call) or refusal((call.data, *call.state), call.parameters)


def run_graphs(call: Call) -> PassResult:
    """Replay a pass from a CUDA graph; the first time that its like comes, run it.

    Parameters are read where they are; inputs and outputs are copied.
    """

    def run(inputs: Tensors, weights: Tensors) -> tuple[Tensor, ...]:
        data, *state = inputs
        parameters = [weight for weight in weights if weight is not None]
        output, final = run_triton(call.with_tensors(data, tuple(s for s in state if s is not None), parameters))
        return output, *final

    kind = (call.spec, tuple(call.sizes), call.reverse, call.zero_state)
    output, *final = _GRAPHS(run, kind, (call.data, *call.state), call.parameters)
    return output, tuple(final)
