"""A whole pass of a convolutional LSTM by the processor's matrix unit, compiled from ``lstm.c``.

Every thread runs its own sequences from the first step to the last. Input and state are projected in one sum, and the
gates are made of it at once.

Shape letters: T time, N batch, M frames of all steps, C input channels, H hidden channels, S spatial axes.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from framecast.functional import State, Weights, layer_pass

from .._transforms import batched, transformed
from ..sequence._convolution import channels_last
from ..sequence._input import bound_input, is_plain
from ..sequence._passes import PASSES, LSTMPass, add_peephole_gradient, weight_gradient
from ..sequence._plan import Plan, Track, matrix
from . import _library as _compiled
from ._tiles import MOST_PIXELS, MOST_ROOM, Tiles, of_library, pointers, room, shape_of

Tensors = tuple[Tensor, ...]
Gradients = dict[str, Tensor | None]
_GATES = 4
_BALANCE = 0.75  # of the threads' time that must be spent at work


class _Sizes(ctypes.Structure):
    _fields_ = tuple((name, ctypes.c_long) for name in ("steps", "reverse", "hidden"))


class Arguments(NamedTuple):
    """What a pass is differentiable in."""

    data: Tensor
    h: Tensor
    c: Tensor
    weight_ih: Tensor
    bias: Tensor | None
    weight_hh: Tensor
    weight_ch: Tensor | None


class Made(NamedTuple):
    """What a pass gives: gates ``(M * positions, 4H)``, where they were asked for, outputs, and c at the end."""

    gates: Tensor | None
    output: Tensor
    c: Tensor


def takes(plan: Plan, weights: Weights, data: Tensor | None, state: State) -> bool:
    """Whether the pass can be run so: frames for every step of all sequences, which occupy all threads."""
    spec = plan.spec
    if PASSES[spec.rule] is not LSTMPass or not plan.constant or data is None or len(data) != plan.total:
        return False
    assert weights.weight_ih is not None
    suits = (
        is_plain(spec) and Tiles.take(spec.input, weights.weight_ih) and Tiles.take(spec.recurrent, weights.weight_hh)
    )
    if not suits or any(t.dtype != torch.float32 for t in (data, *state)):
        return False
    small = plan.total * plan.positions < MOST_PIXELS
    return (
        small
        and _is_balanced(plan.batch, _compiled.threads())
        and _has_room(plan, weights.weight_ih, weights.weight_hh)
    )


def _has_room(plan: Plan, weight_ih: Tensor, weight_hh: Tensor) -> bool:
    """Whether the workspaces of forward and backward are small enough."""
    spec, needed = plan.spec, of_library().functions.framecast_tiles_lstm_workspace
    sizes = _Sizes(len(plan.sizes), plan.reverse, spec.hidden_size)
    of_input = shape_of(spec.input, weight_ih, plan.space, False)
    of_state, turned = (shape_of(spec.recurrent, weight_hh, plan.space, way) for way in (False, True))
    for shape in (of_input, of_state, turned):
        shape.batch = plan.batch
    forward = needed(ctypes.byref(sizes), ctypes.byref(of_input), ctypes.byref(of_state))
    return max(forward, needed(ctypes.byref(sizes), ctypes.byref(turned), None)) <= MOST_ROOM


def _is_balanced(batch: int, threads: int) -> bool:
    return batch / (-(-batch // threads) * threads) >= _BALANCE


def tiled_pass(plan: Plan, given: Arguments) -> Tensors | None:
    """Outputs and final states as frames; None where a number is not finite."""
    made = _forward(plan, _in_order(_each(given, Tensor.detach)), with_gates=plan.keep == "gates")
    if made is None:
        return None
    if plan.keep == "nothing":
        return _results(plan, made)
    found: Tensors = _TiledLSTM.apply(plan, made, *given)
    return found


def _in_order(given: Arguments) -> Arguments:
    """As compiled functions read them; hooks may have given back saved tensors in another order."""
    data, h, c, weight_ih, bias, weight_hh, weight_ch = given
    bias, weight_ch = (None if t is None else t.contiguous() for t in (bias, weight_ch))
    return Arguments(channels_last(data), channels_last(h), channels_last(c), weight_ih, bias, weight_hh, weight_ch)


def _results(plan: Plan, made: Made) -> Tensors:
    last = plan.order[-1] * plan.batch
    return made.output, made.output[last : last + plan.batch].clone(), made.c


class _TiledLSTM(torch.autograd.Function):
    """The pass as one node; a second derivative goes through the reference."""

    @staticmethod
    def forward(ctx: Any, plan: Plan, made: Made, *given: Any) -> Tensors:
        ctx.plan, ctx.spent = plan, False
        data, h, c, *parameters = given
        known = [None, None] if plan.zero_state else [h, c]
        ctx.save_for_backward(made.gates, data, *known, *parameters)
        ctx.set_materialize_grads(False)
        return _results(plan, made)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        saved = ctx.saved_tensors  # once: checkpoints allow no more
        plan, (gates, data, *states), found = ctx.plan, saved[:4], None
        if plan.zero_state:
            states = [plan.new_frames(plan.spec.hidden_size, data, plan.batch).zero_() for _ in states]
        given = _in_order(Arguments(data, *states, *saved[4:]))
        needed = {name for name, wanted in zip(Arguments._fields, ctx.needs_input_grad[2:], strict=True) if wanted}
        with torch.autocast(data.device.type, enabled=False):
            if not (torch.is_grad_enabled() or transformed() or batched(gradients)):
                # Before the work: what is interrupted has overwritten a part of the gates.
                spent, ctx.spent = ctx.spent, True
                found = _backward(plan, None if spent else gates, given, needed, gradients)
            if found is None:
                found = _through_reference(plan, given, needed, gradients)
        return None, None, *(found.get(name) for name in Arguments._fields)


def _forward(plan: Plan, given: Arguments, *, with_gates: bool) -> Made | None:
    spec, size = plan.spec, plan.spec.hidden_size
    weight_ih = Tiles(spec.input, given.weight_ih, plan.space, gates=_GATES)
    weight_hh = Tiles(spec.recurrent, given.weight_hh, plan.space, gates=_GATES)
    weight_ih.shape.batch = weight_hh.shape.batch = plan.batch
    output = plan.new_frames(size, given.h, plan.total)
    c = plan.new_frames(size, given.c, plan.batch)
    gates = plan.new(_GATES * size, given.h) if with_gates else None
    if not plan.zero_state:
        c.copy_(given.c)
    known = [None, None] if plan.zero_state else [given.h, c]
    library, threads = of_library(), _compiled.threads()
    sizes = _Sizes(len(plan.sizes), plan.reverse, size)
    shapes = ctypes.byref(sizes), ctypes.byref(weight_ih.shape), ctypes.byref(weight_hh.shape)
    workspace = room(library.functions.framecast_tiles_lstm_workspace(*shapes) * threads)
    is_odd = library.functions.framecast_tiles_lstm(
        *shapes,
        weight_ih.packed.data_ptr(),
        weight_hh.packed.data_ptr(),
        pointers(given.data, *known, given.bias, given.weight_ch),
        pointers(gates, output, c),
        workspace.data_ptr(),
        threads,
        library.openmp,
    )
    return None if is_odd else Made(gates, output, c)


def _backward(
    plan: Plan, gates: Tensor | None, given: Arguments, needed: set[str], gradients: Sequence[Tensor | None]
) -> Gradients | None:
    """Gradients of the arguments; None where a number is not finite. Gates that are spent (None) are made again."""
    if gates is None:
        made = _forward(plan, given, with_gates=True)
        gates = None if made is None else made.gates
    if gates is None:
        return None
    # `data` has a version of its own: autograd need not know that the gates are overwritten.
    gates = gates.data.contiguous()
    output, cells = plan.new(plan.spec.hidden_size, given.h), plan.new(plan.spec.hidden_size, given.c)
    found = _run_backward(plan, (gates, output, cells), given, needed, gradients)
    if found is None:
        return None
    grad, bound = plan.frames(gates), bound_input(plan.spec, given.data, given.weight_ih, None)
    if "data" in needed:
        found["data"] = bound.input_gradient(grad)
    if "weight_ih" in needed:
        found["weight_ih"] = bound.weight_gradient(given.data, grad)
    if "weight_hh" in needed:
        entering = Track(plan, matrix(given.h), output).entering()
        projection = plan.projection(given.weight_hh, _GATES)
        found["weight_hh"] = weight_gradient(plan, projection, entering, gates, given.weight_hh)
    if "weight_ch" in needed:
        found["weight_ch"] = _peephole_gradient(plan, cells, gates, given)
    return found


def _run_backward(
    plan: Plan, made: Tensors, given: Arguments, needed: set[str], gradients: Sequence[Tensor | None]
) -> Gradients | None:
    """Gates become the gradients of their sums, h and c are made again; gives the gradients of the initial states."""
    turned = Tiles(plan.spec.recurrent, given.weight_hh, plan.space, turned=True)
    turned.shape.batch = plan.batch
    size = plan.spec.hidden_size
    grad_output, grad_h, last_c = (None if g is None else matrix(channels_last(g)).resolve_neg() for g in gradients)
    grad_c = plan.new_frames(size, given.c, plan.batch)
    matrix(grad_c).zero_() if last_c is None else matrix(grad_c).copy_(last_c)
    before = plan.new_frames(size, given.h, plan.batch) if "h" in needed else None
    library, threads = of_library(), min(_compiled.threads(), plan.batch)
    totals = torch.zeros(threads, _GATES * size, dtype=torch.float64, device=grad_c.device)
    sizes, shape = _Sizes(len(plan.sizes), plan.reverse, size), ctypes.byref(turned.shape)
    workspace = room(library.functions.framecast_tiles_lstm_workspace(ctypes.byref(sizes), shape, None) * threads)
    is_odd = library.functions.framecast_tiles_lstm_backward(
        ctypes.byref(sizes),
        shape,
        turned.packed.data_ptr(),
        pointers(None if plan.zero_state else given.c, given.weight_ch, grad_output, grad_h),
        pointers(*made, grad_c, before),
        totals.data_ptr(),
        workspace.data_ptr(),
        threads,
        library.openmp,
    )
    if is_odd:
        return None
    found: Gradients = {"h": before, "c": grad_c, "bias": totals.sum(0).to(grad_c.dtype)}
    return {name: value for name, value in found.items() if name in needed}


def _peephole_gradient(plan: Plan, cells: Tensor, gates: Tensor, given: Arguments) -> Tensor:
    assert given.weight_ch is not None
    total, track = cells.new_zeros(3, plan.spec.hidden_size), Track(plan, matrix(given.c), cells)
    for t, rows in enumerate(plan.split(gates)):
        add_peephole_gradient(total, rows, track.before(t), track.after(t))
    return total.view_as(given.weight_ch)


def _through_reference(plan: Plan, given: Arguments, needed: set[str], gradients: Sequence[Tensor | None]) -> Gradients:
    """The same gradients, in a form that can be differentiated again."""
    create_graph = torch.is_grad_enabled()
    with torch.enable_grad():
        # New nodes: one argument may have been made from another, and that path is not ours to follow.
        new = _each(given, lambda t: t.view_as(t))
        asked = {name: t for name, t in new._asdict().items() if name in needed}
        for tensor in asked.values():
            if not tensor.requires_grad:
                tensor.requires_grad_()
        output, final = _reference(plan, new)
        pairs = [(o, g) for o, g in zip((output, *final), gradients, strict=True) if g is not None]
        found = torch.autograd.grad(
            [o for o, _ in pairs],
            list(asked.values()),
            [g for _, g in pairs],
            create_graph=create_graph,
            allow_unused=True,
        )
    return dict(zip(asked, found, strict=True))


def _each(given: Arguments, function: Callable[[Tensor], Tensor]) -> Arguments:
    return Arguments(*(None if t is None else function(t) for t in given))  # type: ignore[arg-type]


def _reference(plan: Plan, given: Arguments) -> tuple[Tensor, Tensors]:
    weights = Weights.of(
        weight_ih=given.weight_ih, weight_hh=given.weight_hh, bias_ih=given.bias, weight_ch=given.weight_ch
    )
    return layer_pass(plan.spec, weights, given.data, plan.sizes, (given.h, given.c), reverse=plan.reverse)
