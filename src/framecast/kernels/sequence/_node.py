"""A layer pass over the whole sequence at once, with its own backward.

The input is projected for all steps in one convolution, through autograd. All that follows is one node: per step a
recurrent convolution and a pointwise function that overwrites the gate sums with the gates; the backward takes the
gradient of the recurrent weight in one convolution over all steps. A second derivative recomputes the layer through
the reference.

Shape letters: M frames of all steps, N batch, C input channels, H hidden channels, G gates, S spatial axes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from framecast.functional import LayerSpec, Projection, State, Weights, gated_pass, input_gates

from .._transforms import HALF_TYPES, batched, compute_type, transformed
from ..cpu._lstm import Arguments, takes, tiled_pass
from ._convolution import Bound, channels_last
from ._input import bound_input, input_sums, is_plain
from ._passes import PASSES, GRUPass, Parameters, Pass
from ._plan import Plan, matrix

Tensors = tuple[Tensor, ...]
_WORTH_A_STEP = 2**16  # gate sums of a step that make up for a convolution of its own


def sequence_pass(
    spec: LayerSpec,
    weights: Weights,
    data: Tensor | None,
    batch_sizes: Sequence[int],
    state: State,
    *,
    reverse: bool = False,
    zero_state: bool = False,
    redo: bool = False,
    steps: Any,
) -> tuple[Tensor, State]:
    """Run one layer in one direction, as :func:`framecast.functional.layer_pass` does.

    Args:
        spec: the layer.
        weights: its parameters.
        data: frames ``(M, C, *S)`` or ``(N, C, *S)``, or None.
        batch_sizes: sequences alive at every step.
        state: initial states.
        reverse: run from every sequence's own last step to its first.
        zero_state: whether the states are known to be zero, so that their projection can be left out.
        redo: hold input and states only, and redo the gates in the backward.
        steps: the module with the pointwise functions.

    Returns:
        Outputs ``(M, H, *S')``, channels-last, and the final states.
    """
    types = [s.dtype for s in state]
    axes = spec.input.axes
    spec, weights, data, state = _in_two_axes(spec, *_in_one_type(weights, data, state))
    weights = _one_bias(spec, weights)
    data = None if data is None else channels_last(data)
    dtype = weights.weight_hh.dtype
    state = (state[0].to(dtype), *(s.float() if dtype in HALF_TYPES else s for s in state[1:]))
    recorded = torch.is_grad_enabled() and any(
        t is not None and t.requires_grad for t in (data, *state, *weights.tensors.values())
    )
    keep = ("states" if redo and PASSES[spec.rule].REDOES else "gates") if recorded else "nothing"
    plan = Plan(spec, tuple(batch_sizes), len(state[0]), tuple(state[0].shape[2:]), reverse, zero_state, keep, steps)
    tensors = (*(channels_last(s) for s in state), weights.weight_hh, weights.bias_hh, weights.weight_ch)
    tiled = _tiled(plan, weights, data, tensors) if takes(plan, weights, data, state) else None
    if tiled is not None:
        output, *final = tiled
    elif recorded:
        sums = _gate_sums(spec, weights, data, batch_sizes, state[0])
        output, *final = _SequencePass.apply(plan, sums, *tensors, data, weights.weight_ih, weights.bias_ih)
    else:
        output, *final = _forward(plan, (_sums_for_inference(plan, weights, data, state[0]), *tensors))[0]
    if dtype in HALF_TYPES and all(t == torch.float32 for t in types):
        types = [dtype] * len(types)  # under autocast, states come back in the autocast type
    finals = tuple(s.to(t) for s, t in zip(final, types, strict=True))
    return _out_of_two_axes(output, axes), tuple(_out_of_two_axes(s, axes) for s in finals)


def _tiled(plan: Plan, weights: Weights, data: Tensor | None, tensors: Sequence[Any]) -> Tensors | None:
    """The pass by the matrix unit, which takes it."""
    assert data is not None
    assert weights.weight_ih is not None
    h, c, weight_hh, _, weight_ch = tensors
    return tiled_pass(plan, Arguments(data, h, c, weights.weight_ih, weights.bias_ih, weight_hh, weight_ch))


class _SequencePass(torch.autograd.Function):
    """All steps as one node; the input's projection comes along for second derivatives only."""

    @staticmethod
    def forward(ctx: Any, plan: Plan, *tensors: Any) -> Tensors:
        states = len(plan.spec.rule.states)
        outputs, held = _forward(plan, [None if t is None else t.detach() for t in tensors[:-3]])
        ctx.plan, ctx.spent = plan, False
        ctx.count, ctx.types = len(held), [t.dtype for t in tensors[1 : 1 + states]]
        known = [None] * states if plan.zero_state else tensors[1 : 1 + states]
        ctx.save_for_backward(*held, *known, *tensors[1 + states :])
        ctx.set_materialize_grads(False)
        return outputs

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        plan, states = ctx.plan, len(ctx.plan.spec.rule.states)
        saved = ctx.saved_tensors
        held, rest = saved[: ctx.count], saved[ctx.count :]
        state, parameters, inputs = rest[:states], rest[states:-3], rest[-3:]
        if plan.zero_state:
            shape, like = (plan.batch, plan.spec.hidden_size, *plan.space), parameters[0]
            state = tuple(channels_last(like.new_zeros(shape, dtype=dtype)) for dtype in ctx.types)
        if torch.is_grad_enabled() or transformed() or batched(gradients):
            found = _through_reference(plan, ctx.needs_input_grad, state, parameters, inputs, gradients)
        else:
            # Before the work: what is interrupted has overwritten a part of the gates.
            spent, ctx.spent = ctx.spent, plan.keep == "gates" and PASSES[plan.spec.rule].REDOES
            found = _backward(plan, None if spent else held, state, parameters, inputs, gradients)
        wanted = ctx.needs_input_grad[1 : 1 + len(found)]
        return None, *(g if w else None for g, w in zip(found, wanted, strict=True)), None, None, None


def _forward(plan: Plan, tensors: Sequence[Any]) -> tuple[Tensors, Tensors]:
    """Outputs and final states as frames, and what to hold."""
    sums, states, parameters = tensors[0], tensors[1:-3], tensors[-3:]
    with torch.autocast(states[0].device.type, enabled=False):
        sums = matrix(sums) if isinstance(sums, Tensor) else sums
        result = _pass(plan, parameters).forward(sums, tuple(map(matrix, states)))
    return (result.output, *result.finals), result.held


def _backward(
    plan: Plan,
    held: Tensors | None,
    state: Tensors,
    parameters: Sequence[Any],
    inputs: Sequence[Any],
    gradients: Sequence[Tensor | None],
) -> list[Tensor | None]:
    """Gradients of sums, states and parameters; what an earlier backward has overwritten (None) is made again."""
    with torch.autocast(state[0].device.type, enabled=False):
        run, states, sums = _pass(plan, parameters), tuple(map(matrix, state)), None
        if plan.keep == "states" or held is None:
            data, weight_ih, bias_ih = inputs
            sums = matrix(
                _gate_sums(plan.spec, Weights.of(weight_ih=weight_ih, bias_ih=bias_ih), data, plan.sizes, state[0])
            )
        if held is None:
            assert sums is not None
            held, sums = run.forward(sums, states).held, None
        grad_output, *grad_finals = (None if g is None else matrix(channels_last(g)).resolve_neg() for g in gradients)
        # `data` has a version of its own: autograd need not know that the gates are overwritten.
        found = run.backward(tuple(matrix(h.data) for h in held), sums, states, grad_output, grad_finals)
    shaped = [plan.frames(found.sums), *(None if g is None else plan.frames(g) for g in found.states)]
    typed = [None if g is None else g.to(s.dtype) for g, s in zip(shaped, (found.sums, *state), strict=True)]
    for value, parameter in zip((found.weight_hh, found.bias_hh, found.weight_ch), parameters, strict=True):
        typed.append(None if value is None else value.reshape(parameter.shape).to(parameter.dtype))
    return typed


def _through_reference(
    plan: Plan,
    needed: Sequence[bool],
    state: Tensors,
    parameters: Sequence[Any],
    inputs: Sequence[Any],
    gradients: Sequence[Tensor | None],
) -> list[Tensor | None]:
    """The same gradients, in a form that can be differentiated again."""
    create_graph = torch.is_grad_enabled()
    data, weight_ih, bias_ih = inputs
    with torch.enable_grad(), torch.autocast(state[0].device.type, enabled=False):
        sums = _gate_sums(plan.spec, Weights.of(weight_ih=weight_ih, bias_ih=bias_ih), data, plan.sizes, state[0])
        # New nodes: one input may have been made from another, and that path is not ours to follow.
        given = [None if t is None else t.view_as(t) for t in (sums, *state, *parameters)]
        for tensor, wanted in zip(given, needed[1:], strict=False):
            if tensor is not None and wanted and not tensor.requires_grad:
                tensor.requires_grad_()
        weight_hh, bias_hh, weight_ch = given[-3:]
        weights = Weights.of(weight_hh=weight_hh, bias_hh=bias_hh, weight_ch=weight_ch)
        assert given[0] is not None
        output, final = gated_pass(
            plan.spec,
            weights,
            given[0].split(list(plan.sizes)),
            tuple(s for s in given[1:-3] if s is not None),
            reverse=plan.reverse,
        )
        pairs = [(o, g) for o, g in zip((output, *final), gradients, strict=True) if g is not None]
        asked = [t for t, wanted in zip(given, needed[1:], strict=False) if wanted and t is not None]
        found = torch.autograd.grad(
            [o for o, _ in pairs], asked, [g for _, g in pairs], create_graph=create_graph, allow_unused=True
        )
    values = iter(found)
    return [next(values) if wanted else None for _, wanted in zip(given, needed[1:], strict=False)]


def _pass(plan: Plan, parameters: Sequence[Any]) -> Pass:
    return PASSES[plan.spec.rule](plan, Parameters(*parameters))


def _gate_sums(spec: LayerSpec, weights: Weights, data: Tensor | None, sizes: Sequence[int], h: Tensor) -> Tensor:
    """The input's part of all gate sums ``(M, G*H, *S)``, channels-last, in memory of its own: it is overwritten."""
    if data is not None and len(data) == sum(sizes):
        assert weights.weight_ih is not None
        return input_sums(spec, data, weights.weight_ih, weights.bias_ih)
    return channels_last(torch.cat(list(input_gates(spec, weights, data, sizes, h))))


def _sums_for_inference(plan: Plan, weights: Weights, data: Tensor | None, h: Tensor) -> Tensor | StepwiseSums:
    """Where nothing is held: each step's input projected when its turn comes, if a step is much work."""
    spec = plan.spec
    large = plan.sizes[-1] * plan.positions * spec.rule.gates * spec.hidden_size >= _WORTH_A_STEP
    if data is None or not is_plain(spec) or not large or not plan.space or len(data) != plan.total:
        return _gate_sums(spec, weights, data, plan.sizes, h)
    assert weights.weight_ih is not None
    projection = bound_input(spec, data, weights.weight_ih, weights.bias_ih)
    return StepwiseSums(projection, data.split(list(plan.sizes)))


class StepwiseSums(Sequence[Tensor]):
    """Gate sums made when they are asked for: still in the cache when the recurrent part is added to them."""

    def __init__(self, projection: Bound, frames: Sequence[Tensor]) -> None:
        self.projection, self.frames = projection, frames

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, step: Any) -> Any:
        return matrix(channels_last(self.projection(self.frames[step])))


def _in_one_type(weights: Weights, data: Tensor | None, state: State) -> tuple[Weights, Tensor | None, State]:
    """Under autocast, everything that a convolution reads in the autocast type."""
    dtype = compute_type(weights.weight_hh)
    if dtype == weights.weight_hh.dtype:
        return weights, data, state
    # Peepholes are not a convolution's: they multiply c in its own type.
    cast = {name: value if name == "weight_ch" else value.to(dtype) for name, value in weights.tensors.items()}
    return Weights(cast), None if data is None else data.to(dtype), (state[0].to(dtype), *state[1:])


def _one_bias(spec: LayerSpec, weights: Weights) -> Weights:
    """The second bias added to the first, except where it stands inside a product."""
    if weights.bias_hh is None or PASSES[spec.rule] is GRUPass:
        return weights
    first = weights.bias_hh if weights.bias_ih is None else weights.bias_ih + weights.bias_hh
    return weights.replace(bias_ih=first, bias_hh=None)


def _in_two_axes(
    spec: LayerSpec, weights: Weights, data: Tensor | None, state: State
) -> tuple[LayerSpec, Weights, Tensor | None, State]:
    """A convolution over one axis, or a grouped matrix, as a convolution over two."""
    missing = 2 - spec.input.axes
    if missing <= 0 or (missing == 2 and spec.recurrent.groups == 1):
        return spec, weights, data, state

    def widen(x: Tensor) -> Tensor:
        for _ in range(missing):
            x = x.unsqueeze(2)
        return x

    def projection(narrow: Projection) -> Projection:
        padding = narrow.padding if isinstance(narrow.padding, str) else (0,) * missing + narrow.padding
        ones = (1,) * missing
        return replace(
            narrow,
            axes=2,
            kernel_size=ones + narrow.kernel_size,
            stride=ones + narrow.stride,
            dilation=ones + narrow.dilation,
            padding=padding,
        )

    spec = replace(spec, input=projection(spec.input), recurrent=projection(spec.recurrent))
    kernels = {name: widen(value) for name, value in weights.tensors.items() if name in ("weight_ih", "weight_hh")}
    return spec, weights.replace(**kernels), None if data is None else widen(data), tuple(map(widen, state))


def _out_of_two_axes(x: Tensor, axes: int) -> Tensor:
    """Undo :func:`_in_two_axes` for a result."""
    for _ in range(max(0, x.dim() - 2 - axes)):
        x = x.squeeze(2)
    return x
