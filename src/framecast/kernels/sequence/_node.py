"""A layer pass over the whole sequence at once, with its own backward.

The input is projected for all steps in one convolution, through autograd. All that follows is one node: per step a
recurrent convolution and a pointwise function that overwrites the gate sums with the gates; the backward takes the
gradient of the recurrent weight in one convolution over all steps. A second derivative recomputes the layer through
the reference.

Shape letters: M frames of all steps, N batch, C input channels, H hidden channels, G gates, S spatial axes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from framecast.functional import Weights, gated_pass

from .._again import gradients_again
from .._call import Call, PassResult, in_order
from .._layout import channels_last, matrix
from .._transforms import are_batched, transforms_active
from ._cells import PASSES
from ._input import gate_sums, gate_sums_for_inference
from ._pass import Pass, Sums
from ._plan import Keep, Plan
from ._step import Steps

Tensors = tuple[Tensor, ...]
OF_INPUT = ("weight_ih", "bias_ih")
"""The parameters of the input's projection; a pass works on all others."""


def plan_of(call: Call, steps: Steps) -> Plan:
    """The course of a pass in normal form."""
    h = call.state[0]
    recorded = torch.is_grad_enabled() and any(t.requires_grad for t in call.tensors())
    redo = call.checkpoint is True and PASSES[call.spec.rule].redoes_gates
    keep: Keep = ("states" if redo else "gates") if recorded else "nothing"
    return Plan(
        call.spec, tuple(call.sizes), len(h), tuple(h.shape[2:]), call.reverse, call.zero_state, keep, steps
    )  # fmt: skip


def run_sequence(call: Call, steps: Steps) -> PassResult:
    """Run a pass in normal form.

    Args:
        call: the pass.
        steps: what runs the pointwise steps.

    Returns:
        Outputs ``(M, H, *S')``, channels-last, and the final states.
    """
    plan, weights = plan_of(call, steps), call.weights
    recurrent = {name: tensor for name, tensor in weights.tensors.items() if name not in OF_INPUT}
    if plan.keep == "nothing":
        output, *final = _forward(plan, gate_sums_for_inference(call), call.state, Weights(recurrent))[0]
        return output, tuple(final)
    sums = gate_sums(plan.spec, weights, call.data, call.sizes, call.state[0])
    of_input = call.data, weights.weight_ih, weights.bias_ih
    output, *final = _SequencePass.apply(plan, tuple(recurrent), sums, *call.state, *recurrent.values(), *of_input)
    return output, tuple(final)


class _SequencePass(torch.autograd.Function):
    """All steps as one node; the input's projection comes along for second derivatives only."""

    @staticmethod
    def forward(ctx: Any, plan: Plan, names: tuple[str, ...], sums: Tensor, *tensors: Any) -> Tensors:
        states, recurrent = _split(plan, names, [None if t is None else t.detach() for t in tensors])[:2]
        outputs, held = _forward(plan, sums.detach(), states, recurrent)
        ctx.plan, ctx.names, ctx.spent = plan, names, False
        ctx.count, ctx.types = len(held), [t.dtype for t in states]
        known = [None] * len(states) if plan.zero_state else tensors[: len(states)]
        ctx.save_for_backward(*held, *known, *tensors[len(states) :])
        ctx.set_materialize_grads(False)
        return outputs

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        plan, saved = ctx.plan, ctx.saved_tensors
        held, rest = saved[: ctx.count], saved[ctx.count :]
        states, recurrent, (data, *of_input) = _split(plan, ctx.names, rest)
        weights = Weights.of(**recurrent.tensors, **dict(zip(OF_INPUT, of_input, strict=True)))
        if plan.zero_state:
            shape, like = (plan.batch, plan.spec.hidden_size, *plan.space), weights.weight_hh
            states = tuple(channels_last(like.new_zeros(shape, dtype=dtype)) for dtype in ctx.types)
        needed = ctx.needs_input_grad[2:-3]
        if torch.is_grad_enabled() or transforms_active() or are_batched(gradients):
            values = _backward_again(plan, ctx.names, states, weights, data, needed, gradients)
        else:
            # Before the work: what is interrupted has overwritten a part of the gates.
            spent, ctx.spent = ctx.spent, plan.keep == "gates" and PASSES[plan.spec.rule].redoes_gates
            values = _backward(plan, ctx.names, None if spent else held, states, weights, data, gradients)
        return None, None, *(g if wanted else None for g, wanted in zip(values, needed, strict=True)), None, None, None


def _split(plan: Plan, names: Sequence[str], tensors: Sequence[Any]) -> tuple[Tensors, Weights, Sequence[Any]]:
    """States, the recurrent weights of these names, and what follows them."""
    count = len(plan.spec.rule.states)
    weights = zip(names, tensors[count:], strict=False)
    # Hooks may give saved tensors back in another order of memory.
    in_their_order = {name: in_order(tensor) for name, tensor in weights}
    return tuple(tensors[:count]), Weights(in_their_order), tensors[count + len(names) :]


def _forward(plan: Plan, sums: Sums, states: Tensors, weights: Weights) -> tuple[Tensors, Tensors]:
    """Outputs and final states as frames, and what to hold."""
    with torch.autocast(states[0].device.type, enabled=False):
        sums = matrix(sums) if isinstance(sums, Tensor) else sums
        result = _pass(plan, weights).forward(sums, tuple(map(matrix, states)))
    return (result.output, *result.finals), result.held


def _backward(
    plan: Plan,
    names: Sequence[str],
    held: Tensors | None,
    states: Tensors,
    weights: Weights,
    data: Tensor | None,
    gradients: Sequence[Tensor | None],
) -> list[Tensor | None]:
    """Gradients of sums, states and weights; what an earlier backward has overwritten (None) is made again."""
    with torch.autocast(states[0].device.type, enabled=False):
        run, rows, sums = _pass(plan, weights), tuple(map(matrix, states)), None
        if plan.keep == "states" or held is None:
            sums = matrix(gate_sums(plan.spec, weights, data, plan.sizes, states[0]))
        if held is None:
            assert sums is not None
            held, sums = run.forward(sums, rows).held, None
        grad_output, *grad_finals = (None if g is None else matrix(channels_last(g.resolve_neg())) for g in gradients)
        # `data` has a version of its own: autograd need not know that the gates are overwritten.
        result = run.backward(tuple(matrix(h.data) for h in held), sums, rows, grad_output, grad_finals)
    values: list[Tensor | None] = [plan.frames(result.sums)]
    for gradient, state in zip(result.states, states, strict=True):
        values.append(None if gradient is None else plan.frames(gradient).to(state.dtype))
    for name in names:
        gradient, weight = result.weights[name], weights.tensors[name]
        values.append(gradient.reshape(weight.shape).to(weight.dtype))
    return values


def _backward_again(
    plan: Plan,
    names: Sequence[str],
    states: Tensors,
    weights: Weights,
    data: Tensor | None,
    needed: Sequence[bool],
    gradients: Sequence[Tensor | None],
) -> list[Tensor | None]:
    """The same gradients, in a form that can be differentiated again."""

    def run(sums: Tensor, *tensors: Tensor) -> Tensors:
        count = len(states)
        recurrent = Weights(dict(zip(names, tensors[count:], strict=True)))
        steps = sums.split(list(plan.sizes))
        output, final = gated_pass(plan.spec, recurrent, steps, tensors[:count], reverse=plan.reverse)
        return output, *final

    with torch.enable_grad(), torch.autocast(states[0].device.type, enabled=False):
        sums = gate_sums(plan.spec, weights, data, plan.sizes, states[0])
    recurrent = [weights.tensors[name] for name in names]
    return gradients_again(run, (sums, *states, *recurrent), needed, gradients)


def _pass(plan: Plan, weights: Weights) -> Pass:
    return PASSES[plan.spec.rule](plan, weights)
