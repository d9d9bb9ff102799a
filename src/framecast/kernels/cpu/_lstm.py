"""A whole pass of a convolutional LSTM by the processor's matrix unit, compiled from ``lstm.c``.

Every thread runs its own sequences from the first step to the last. Input and state are projected in one sum, and the
gates are made of it at once.

Shape letters: T time, N batch, M frames of all steps, C input channels, H hidden channels, S spatial axes.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from framecast.functional import State, Weights, layer_pass

from .._again import gradients_again
from .._call import Call, PassResult, in_order
from .._layout import channels_last, matrix, new_frames
from .._transforms import are_batched, transforms_active
from ..sequence._cells import PASSES
from ..sequence._input import bind_input, can_bind_input
from ..sequence._lstm import LSTMPass, add_peephole_gradient
from ..sequence._node import plan_of, run_sequence
from ..sequence._pass import weight_gradient
from ..sequence._plan import Plan
from ..sequence._refusals import sequence_refuses
from ..sequence._states import Track
from . import _library
from ._steps import compiled_steps
from ._tiles import LARGEST_WORKSPACE, MOST_PIXELS, Tiles, buffer, pointers, shape_of

Tensors = tuple[Tensor, ...]
Gradients = dict[str, Tensor | None]
_GATES = 4
_BALANCE = 0.75  # of the threads' time that must be spent at work


class _Sizes(ctypes.Structure):
    _fields_ = tuple((name, ctypes.c_long) for name in ("steps", "reverse", "hidden"))


class Outcome(NamedTuple):
    """What a pass gives: gates ``(M * positions, 4H)``, where they were asked for, outputs, and c at the end."""

    gates: Tensor | None
    output: Tensor
    c: Tensor


def tiles_refuse(call: Call) -> str | None:
    """Why a pass cannot be run so; None if it can.

    It needs frames for every step of all sequences, and as many sequences as occupy all threads.
    """
    spec, library = call.spec, _library.loaded()
    if PASSES.get(spec.rule) is not LSTMPass or spec.input.axes == 0:
        return "it is for convolutional LSTMs with the default activations"
    if isinstance(library, str) or not library.tiles:
        return "no matrix unit is used" + (f" ({library})" if isinstance(library, str) else "")
    return sequence_refuses(call) or _normal_refuses(call.normal)


def _normal_refuses(call: Call) -> str | None:
    spec, weights, data, sizes, batch = call.spec, call.weights, call.data, call.sizes, call.batch.batch
    if not sizes[0] == sizes[-1] == batch:
        return "the sequences are of unequal lengths"
    if data is None or weights.weight_ih is None or len(data) != sum(sizes):
        return "there is no input, or one frame for all steps"
    if not can_bind_input(spec):
        return "the input's convolution changes the size of frames, or does not pad with zeros"
    if not (Tiles.take(spec.input, weights.weight_ih) and Tiles.take(spec.recurrent, weights.weight_hh)):
        return "the convolutions are not of float32, or have groups"
    if any(t.dtype != torch.float32 for t in (data, *call.state)):
        return "input or states are not of float32"
    if not _is_balanced(batch, _library.threads()):
        return f"{batch} sequences leave some of {_library.threads()} threads idle"
    if sum(sizes) * call.state[0][0, 0].numel() >= MOST_PIXELS or not _has_room(call, weights.weight_ih):
        return "the frames are too large"
    return None


def _has_room(call: Call, weight_ih: Tensor) -> bool:
    """Whether the workspaces of forward and backward are small enough."""
    spec, weight_hh, space = call.spec, call.weights.weight_hh, tuple(call.state[0].shape[2:])
    needed = _library.library().functions.framecast_tiles_lstm_workspace
    sizes = _Sizes(len(call.sizes), call.reverse, spec.hidden_size)
    of_input = shape_of(spec.input, weight_ih, space, False)
    of_state, turned = (shape_of(spec.recurrent, weight_hh, space, way) for way in (False, True))
    for shape in (of_input, of_state, turned):
        shape.batch = call.batch.batch
    forward = needed(ctypes.byref(sizes), ctypes.byref(of_input), ctypes.byref(of_state))
    return max(forward, needed(ctypes.byref(sizes), ctypes.byref(turned), None)) <= LARGEST_WORKSPACE


def _is_balanced(batch: int, threads: int) -> bool:
    return batch / (-(-batch // threads) * threads) >= _BALANCE


def run_tiles(call: Call) -> PassResult:
    """Run a pass in normal form; where a number is not finite, as the sequence pass does."""
    result = tiled_pass(call)
    return run_sequence(call, compiled_steps) if result is None else result


def tiled_pass(call: Call) -> PassResult | None:
    """Outputs and final states of a pass in normal form; None where a number is not finite."""
    plan, weights = plan_of(call, compiled_steps), call.weights
    assert call.data is not None
    detached = Weights({name: tensor.detach() for name, tensor in weights.tensors.items()})
    state = tuple(s.detach() for s in call.state)
    outcome = _forward(plan, call.data.detach(), state, detached, with_gates=plan.keep == "gates")
    if outcome is None:
        return None
    if plan.keep == "nothing":
        output, *final = _results(plan, outcome)
    else:
        names, tensors = tuple(weights.tensors), weights.tensors.values()
        output, *final = _TiledLSTM.apply(plan, names, outcome, call.data, *call.state, *tensors)
    return output, tuple(final)


def _results(plan: Plan, outcome: Outcome) -> Tensors:
    last = plan.order[-1] * plan.batch
    return outcome.output, outcome.output[last : last + plan.batch].clone(), outcome.c


class _TiledLSTM(torch.autograd.Function):
    """The pass as one node; a second derivative goes through the reference."""

    @staticmethod
    def forward(ctx: Any, plan: Plan, names: tuple[str, ...], outcome: Outcome, *tensors: Any) -> Tensors:
        ctx.plan, ctx.names, ctx.spent = plan, ("data", *plan.spec.rule.states, *names), False
        data, h, c, *weights = tensors
        known = [None, None] if plan.zero_state else [h, c]
        ctx.save_for_backward(outcome.gates, data, *known, *weights)
        ctx.set_materialize_grads(False)
        return _results(plan, outcome)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        plan, names, saved = ctx.plan, ctx.names, ctx.saved_tensors  # once: checkpoints allow no more
        gates, data, h, c, *rest = saved
        if plan.zero_state:
            h, c = (new_frames(plan.batch, plan.spec.hidden_size, plan.space, data).zero_() for _ in range(2))
        # Hooks may have given saved tensors back in another order of memory.
        data, h, c = (channels_last(t) for t in (data, h, c))
        weights = Weights({name: in_order(t) for name, t in zip(names[3:], rest, strict=True)})
        wanted, values = ctx.needs_input_grad[3:], None
        needed = {name for name, is_wanted in zip(names, wanted, strict=True) if is_wanted}
        with torch.autocast(data.device.type, enabled=False):
            if not (torch.is_grad_enabled() or transforms_active() or are_batched(gradients)):
                # Before the work: what is interrupted has overwritten a part of the gates.
                spent, ctx.spent = ctx.spent, True
                values = _backward(plan, None if spent else gates, data, (h, c), weights, needed, gradients)
        if values is not None:
            return None, None, None, *(values.get(name) for name in names)
        tensors = (data, h, c, *weights.tensors.values())

        def again(data: Tensor, h: Tensor, c: Tensor, *tensors: Tensor) -> Tensors:
            new = Weights(dict(zip(weights.tensors, tensors, strict=True)))
            output, final = layer_pass(plan.spec, new, data, plan.sizes, (h, c), reverse=plan.reverse)
            return output, *final

        return None, None, None, *gradients_again(again, tensors, wanted, gradients)


def _forward(plan: Plan, data: Tensor, state: State, weights: Weights, *, with_gates: bool) -> Outcome | None:
    spec, size, (h, c_0) = plan.spec, plan.spec.hidden_size, state
    assert weights.weight_ih is not None
    weight_ih = Tiles(spec.input, weights.weight_ih, plan.space, gates=_GATES)
    weight_hh = Tiles(spec.recurrent, weights.weight_hh, plan.space, gates=_GATES)
    weight_ih.shape.batch = weight_hh.shape.batch = plan.batch
    output = new_frames(plan.total, size, plan.space, h)
    c = new_frames(plan.batch, size, plan.space, c_0)
    gates = plan.new(_GATES * size, h) if with_gates else None
    if not plan.zero_state:
        c.copy_(c_0)
    known = [None, None] if plan.zero_state else [h, c]
    library, threads = _library.library(), _library.threads()
    sizes = _Sizes(len(plan.sizes), plan.reverse, size)
    shapes = ctypes.byref(sizes), ctypes.byref(weight_ih.shape), ctypes.byref(weight_hh.shape)
    workspace = buffer(library.functions.framecast_tiles_lstm_workspace(*shapes) * threads)
    is_odd = library.functions.framecast_tiles_lstm(
        *shapes,
        weight_ih.packed.data_ptr(),
        weight_hh.packed.data_ptr(),
        pointers(data, *known, weights.bias_ih, weights.weight_ch),
        pointers(gates, output, c),
        workspace.data_ptr(),
        threads,
        library.openmp,
    )
    return None if is_odd else Outcome(gates, output, c)


def _backward(
    plan: Plan,
    gates: Tensor | None,
    data: Tensor,
    state: State,
    weights: Weights,
    needed: set[str],
    gradients: Sequence[Tensor | None],
) -> Gradients | None:
    """Gradients by name; None where a number is not finite. Gates that are spent (None) are made again."""
    if gates is None:
        outcome = _forward(plan, data, state, weights, with_gates=True)
        gates = None if outcome is None else outcome.gates
    if gates is None:
        return None
    # `data` has a version of its own: autograd need not know that the gates are overwritten.
    gates = gates.data.contiguous()
    output, cells = plan.new(plan.spec.hidden_size, state[0]), plan.new(plan.spec.hidden_size, state[1])
    values = _run_backward(plan, (gates, output, cells), state, weights, needed, gradients)
    if values is None:
        return None
    assert weights.weight_ih is not None
    grad, bound = plan.frames(gates), bind_input(plan.spec, data, weights.weight_ih, None)
    if "data" in needed:
        values["data"] = bound.input_gradient(grad)
    if "weight_ih" in needed:
        values["weight_ih"] = bound.weight_gradient(data, grad)
    if "weight_hh" in needed:
        entering = Track(plan, matrix(state[0]), output).entering()
        projection = plan.bind(weights.weight_hh, _GATES)
        values["weight_hh"] = weight_gradient(plan, projection, entering, gates, weights.weight_hh)
    if "weight_ch" in needed:
        values["weight_ch"] = _peephole_gradient(plan, cells, gates, state[1])
    return values


def _run_backward(
    plan: Plan,
    memory: Tensors,
    state: State,
    weights: Weights,
    needed: set[str],
    gradients: Sequence[Tensor | None],
) -> Gradients | None:
    """Gates become the gradients of their sums, h and c are made again; gives the gradients of states and bias."""
    turned = Tiles(plan.spec.recurrent, weights.weight_hh, plan.space, turned=True)
    turned.shape.batch = plan.batch
    size, (h, c) = plan.spec.hidden_size, state
    grad_output, grad_h, last_c = (None if g is None else matrix(channels_last(g.resolve_neg())) for g in gradients)
    grad_c = new_frames(plan.batch, size, plan.space, c)
    matrix(grad_c).zero_() if last_c is None else matrix(grad_c).copy_(last_c)
    before = new_frames(plan.batch, size, plan.space, h) if "h" in needed else None
    library, threads = _library.library(), min(_library.threads(), plan.batch)
    totals = torch.zeros(threads, _GATES * size, dtype=torch.float64, device=grad_c.device)
    sizes, shape = _Sizes(len(plan.sizes), plan.reverse, size), ctypes.byref(turned.shape)
    workspace = buffer(library.functions.framecast_tiles_lstm_workspace(ctypes.byref(sizes), shape, None) * threads)
    is_odd = library.functions.framecast_tiles_lstm_backward(
        ctypes.byref(sizes),
        shape,
        turned.packed.data_ptr(),
        pointers(None if plan.zero_state else c, weights.weight_ch, grad_output, grad_h),
        pointers(*memory, grad_c, before),
        totals.data_ptr(),
        workspace.data_ptr(),
        threads,
        library.openmp,
    )
    if is_odd:
        return None
    values: Gradients = {"h": before, "c": grad_c, "bias_ih": totals.sum(0).to(grad_c.dtype)}
    return {name: value for name, value in values.items() if name in needed}


def _peephole_gradient(plan: Plan, cells: Tensor, gates: Tensor, c: Tensor) -> Tensor:
    total, track = cells.new_zeros(3, plan.spec.hidden_size), Track(plan, matrix(c), cells)
    for t, rows in enumerate(plan.split(gates)):
        add_peephole_gradient(total, rows, track.before(t), track.after(t))
    return total.flatten()
