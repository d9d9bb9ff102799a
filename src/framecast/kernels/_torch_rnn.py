"""torch's own fused recurrent operators, for stacks of dense layers that ask for nothing more than torch has.

The operators are fast, but only those of a CPU can be differentiated twice; elsewhere the second derivative recomputes
the layers through the reference.

Shape letters: T time, N batch, M rows of packed frames, C channels, H hidden channels, L layers, D directions.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch._C import _is_any_autocast_enabled

from framecast.functional import GRUStep, LayerSpec, LSTMStep, RNNStep

from ._again import gradients_again, run_reference
from ._call import Call, Layers, StackResult
from ._passes import rows_of_passes
from ._transforms import modes_active

Tensors = tuple[Tensor, ...]

_OPERATORS: dict[Any, Callable[..., Any]] = {
    RNNStep("tanh"): torch.rnn_tanh,
    RNNStep("relu"): torch.rnn_relu,
    LSTMStep(): torch.lstm,
    GRUStep(): torch.gru,
}


class Operator(NamedTuple):
    """One of torch's operators, with what is fixed about a stack of layers."""

    run: Callable[..., Tensors]
    bias: bool
    num_layers: int
    bidirectional: bool
    state_channels: tuple[int, ...]


def torch_refuses(call: Call) -> str | None:
    """Why torch's operator cannot run a stack; None if it can."""
    operator, batch = _operator(call.layers), call.batch
    if isinstance(operator, str):
        return operator
    if call.checkpoint:
        return f"`checkpoint` is {call.checkpoint}"
    if modes_active():
        return "torch.func, forward mode, compilation, export, tracing or a dispatch mode is at work"
    if _is_any_autocast_enabled():
        return "autocast is on"
    frames = batch.packed if batch.frames is None else batch.frames
    if not isinstance(frames, Tensor):
        return "there is no input, or one that only acts as a tensor"
    if batch.batch == 0 or batch.batch != batch.batch_sizes[0]:
        return "there is an empty batch, or a sequence of length 0"
    if batch.frames is None and len(frames) != sum(batch.batch_sizes):
        return "one frame is the input of all steps"
    return None


@lru_cache(maxsize=256)
def _operator(layers: Layers) -> Operator | str:
    """Torch's operator for layers, or why it has none."""
    first = layers.specs[0]
    if any((spec.hidden_size, spec.proj_size) != (first.hidden_size, first.proj_size) for spec in layers.specs):
        return "the layers are of different sizes"
    reason = next(filter(None, map(_layer_refuses, layers.specs)), None)
    if reason is not None:
        return reason
    run, bidirectional = _OPERATORS[first.rule], layers.directions == 2
    return Operator(run, bool(first.bias), len(layers.specs), bidirectional, first.state_channels)


def _layer_refuses(spec: LayerSpec) -> str | None:
    for is_there, reason in (
        (spec.input.axes, "the layer is convolutional"),
        (not spec.input_size, "the layer has no input"),
        (spec.recurrent.groups > 1, f"`groups` is {spec.recurrent.groups}"),
        (spec.peephole is not None, f"`peephole` is {spec.peephole!r}"),
        (spec.norm, "the gates are normalised (`norm`)"),
        (any(spec.zoneout), f"`zoneout` is {spec.zoneout}"),
        (spec.recurrent_dropout, f"`recurrent_dropout` is {spec.recurrent_dropout}"),
        (len(spec.bias) == 1, "the layer has one bias instead of two"),
        (spec.rule not in _OPERATORS, f"torch has no {type(spec.rule).__name__} with these options"),
    ):
        if is_there:
            return reason
    return None


def run_torch(call: Call) -> StackResult:
    """Run a stack by torch's operator."""
    operator, batch, states = _operator(call.layers), call.batch, call.states
    assert not isinstance(operator, str)
    frames = batch.packed if batch.frames is None else batch.frames
    assert frames is not None
    if states is None:
        rows, channels = operator.num_layers * (1 + operator.bidirectional), operator.state_channels
        zero = frames.new_zeros(rows, batch.batch, channels[0])
        hx = [zero if width == channels[0] else zero.new_zeros(rows, batch.batch, width) for width in channels]
    else:
        hx = [s if isinstance(s, Tensor) else torch.stack(tuple(s)) for s in states]
    run = _operate if is_trusted(frames) else _guarded
    results = run(operator, call, frames, hx, call.parameters)
    return results[0] if batch.frames is not None else batch.to_output(results[0]), results[1:]


def is_trusted(frames: Tensor) -> bool:
    """Whether the operator's own gradients can be differentiated again, as those of a CPU can."""
    return frames.is_cpu


def _operate(
    operator: Operator, call: Call, frames: Tensor, hx: Sequence[Tensor], parameters: Sequence[Tensor]
) -> Tensors:
    """Output, in the form of ``frames``, and final states, by torch's operator."""
    run, bias, num_layers, bidirectional, _ = operator
    batch, state = call.batch, hx if len(hx) > 1 else hx[0]
    options = (bias, num_layers, call.dropout, call.training, bidirectional)
    if batch.frames is not None and frames.is_cpu:
        return run(frames, state, parameters, *options, False)
    if batch.frames is not None:
        return _quiet(run, frames, state, parameters, *options, False)
    if batch.batch_sizes[-1] < batch.batch:
        return _quiet(run, frames, torch.tensor(batch.batch_sizes, device="cpu"), state, parameters, *options)
    padded = frames.view(len(batch.batch_sizes), batch.batch, frames.shape[1])
    output, *final = _quiet(run, padded, state, parameters, *options, False)
    return output.flatten(0, 1), *final


def _again(call: Call, count: int, frames: Tensor, *tensors: Tensor) -> Tensors:
    """The same by the reference; ``tensors`` are ``count`` states and the parameters."""
    batch = call.batch
    padded = batch.frames is not None
    batch = replace(batch, packed=None if padded else frames, frames=frames if padded else None)
    call = replace(call, batch=batch, states=tensors[:count], parameters=tensors[count:])
    rows, finals = rows_of_passes(call, run_reference)
    output = rows.unflatten(0, frames.shape[:2]) if padded else rows
    return output, *(torch.stack(tuple(column)) for column in finals)


def _quiet(operator: Callable[..., Tensors], input: Tensor, *arguments: Any) -> Tensors:
    """Run the operator without its warning about weights that are not one piece of memory on a GPU."""
    if not input.is_cuda:
        return operator(input, *arguments)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="RNN module weights are not part of single contiguous chunk")
        return operator(input, *arguments)


def _guarded(
    operator: Operator, call: Call, frames: Tensor, hx: Sequence[Tensor], parameters: Sequence[Tensor]
) -> Tensors:
    """The results of :func:`_operate`, with the second derivatives of the reference."""
    tensors, count = (frames, *hx, *parameters), len(hx)
    if not (torch.is_grad_enabled() and any(t.requires_grad for t in tensors)):
        return _operate(operator, call, frames, hx, parameters)
    masked = call.training and call.dropout > 0 and operator.num_layers > 1
    outer = _Outer(partial(_again, _without_tensors(call), count), masked, 1 + count)
    frames, *rest = _Guard.apply(outer, *tensors)
    outputs = _operate(operator, call, frames, rest[:count], rest[count:])
    for k, output in enumerate(outputs):
        node = output.grad_fn
        if node is not None:
            # Not a hook of the tensor's: the node sees what users' hooks made of the gradient, and only if it runs.
            node.register_prehook(partial(outer.note, k, output.output_nr))
    return outputs


def _without_tensors(call: Call) -> Call:
    """The call without its tensors, none of which is to be held by what waits for a backward."""
    batch = call.batch
    frames = None if batch.frames is None else torch.empty(0, device="cpu")
    return replace(call, batch=replace(batch, packed=None, source=None, frames=frames), states=None, parameters=())


@dataclass(eq=False, repr=False)
class _Outer:
    """Gradients that arrive at a call's outputs, by the number of the output."""

    reference: Callable[..., Tensors]
    masked: bool
    outputs: int
    gradients: dict[int, Tensor] = field(default_factory=dict)

    def note(self, output: int, place: int, gradients: Sequence[Tensor | None]) -> None:
        """Keep the gradient of an output, if it has one."""
        gradient = gradients[place]
        if gradient is not None:
            self.gradients[output] = gradient


class _Guard(torch.autograd.Function):
    """Stands between a fused operator and its inputs: lets gradients pass, or makes differentiable ones."""

    @staticmethod
    def forward(ctx: Any, outer: _Outer, *tensors: Tensor) -> Tensors:
        ctx.outer = outer
        ctx.save_for_backward(*tensors)
        ctx.set_materialize_grads(False)
        return tuple(t.view_as(t) for t in tensors)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        outer = ctx.outer
        arrived = [outer.gradients.get(k) for k in range(outer.outputs)]
        outer.gradients.clear()
        if not torch.is_grad_enabled():
            return None, *gradients
        # Someone will differentiate the result, which the operator's own gradients may not allow.
        if outer.masked:
            raise RuntimeError(
                "a dense layer with dropout cannot be differentiated twice on CUDA: its masks are cuDNN's"
            )
        return None, *gradients_again(outer.reference, ctx.saved_tensors, ctx.needs_input_grad[1:], arrived)
