"""torch's own fused recurrent operators, for dense layers that ask for nothing more than torch has.

The operators are fast, but only those of a CPU can be differentiated twice; elsewhere the second derivative recomputes
the layer through the reference.

Shape letters: T time, N batch, M rows of packed frames, C channels, H hidden channels, L layers, D directions.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from framecast.functional import Batch, GRUStep, LayerSpec, LSTMStep, RNNStep, State, Weights

from . import _choice as kernels
from ._transforms import transformed

Layers = Callable[[Batch, Sequence[State], Sequence[Weights]], tuple[Tensor, list[State]]]
Tensors = tuple[Tensor, ...]

_OPERATORS: dict[Any, Callable[..., Any]] = {
    RNNStep("tanh"): torch.rnn_tanh,
    RNNStep("relu"): torch.rnn_relu,
    LSTMStep(): torch.lstm,
    GRUStep(): torch.gru,
}


@dataclass(frozen=True)
class FusedOperator:
    """One of torch's operators, for all layers and directions at once."""

    operator: Callable[..., Any]
    layers: int
    directions: int
    dropout: float
    bias: bool

    def padded(
        self,
        input: Tensor,
        states: Sequence[Tensor],
        weights: Sequence[Tensor],
        training: bool,
        batch_first: bool,
        reference: Callable[..., Tensors],
    ) -> Tensors:
        """Run the layers on a padded batch without lengths: the short way, for what is asked for most often.

        Args:
            input: ``(T, N, C)``, or ``(N, T, C)`` with ``batch_first``.
            states: initial states, each ``(L*D, N, H)``.
            weights: all parameters, as ``torch.nn.LSTM`` lists them.
            training: draw dropout masks.
            batch_first: the form of the input.
            reference: ``reference(training, input, *states, *weights)`` gives the same, differentiable without end.
        """
        count = len(states)
        options = (self.bias, self.layers, self.dropout, training, self.directions == 2, batch_first)
        if not self._is_guarded(input):
            found: Tensors = self.operator(input, states if count > 1 else states[0], weights, *options)
            return found

        def fused(input: Tensor, *rest: Tensor) -> Tensors:
            return self._quiet(input, rest[:count] if count > 1 else rest[0], rest[count:], *options)

        return self._guarded(fused, partial(reference, training), training, (input, *states, *weights))

    def __call__(
        self, frames: Batch, states: Sequence[State], weights: Sequence[Weights], training: bool, reference: Layers
    ) -> tuple[Tensor, list[State]]:
        """Run the layers on ``frames``; ``reference`` does the same and can be differentiated without end."""
        assert frames.data is not None
        kept = [list(w.tensors) for w in weights]
        columns = [c[0].unsqueeze(0) if len(c) == 1 else torch.stack(c) for c in zip(*states, strict=True)]
        count = len(columns)
        flat = [tensor for w in weights for tensor in w.tensors.values()]

        def fused(data: Tensor, *rest: Tensor) -> Tensors:
            hx = rest[:count] if count > 1 else rest[0]
            common = (rest[count:], self.bias, self.layers, self.dropout, training, self.directions == 2)
            sizes = frames.batch_sizes
            if sizes[-1] < frames.batch:
                return self._quiet(data, torch.tensor(sizes, device="cpu"), hx, *common)
            output, *final = self._quiet(data.view(len(sizes), frames.batch, data.shape[1]), hx, *common, False)
            return output.flatten(0, 1), *final

        def plain(data: Tensor, *rest: Tensor) -> Tensors:
            values = iter(rest[count:])
            given = [Weights({name: next(values) for name in names}) for names in kept]
            rows = list(zip(*(column.unbind(0) for column in rest[:count]), strict=True))
            output, finals = reference(replace(frames, data=data), rows, given)
            return output, *(torch.stack(column) for column in zip(*finals, strict=True))

        tensors = (frames.data, *columns, *flat)
        if self._is_guarded(frames.data):
            output, *final = self._guarded(fused, plain, training, tensors)
        else:
            output, *final = fused(*tensors)
        return output, list(zip(*(column.unbind(0) for column in final), strict=True))

    def _quiet(self, input: Tensor, *arguments: Any) -> Tensors:
        if not input.is_cuda:
            found: Tensors = self.operator(input, *arguments)
            return found
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="RNN module weights are not part of single contiguous chunk")
            found = self.operator(input, *arguments)
        return found

    def _is_guarded(self, input: Tensor) -> bool:
        """Whether the operator's own gradients cannot be relied on to be differentiable."""
        return not input.is_cpu

    def _guarded(
        self, fused: Callable[..., Tensors], reference: Callable[..., Tensors], training: bool, tensors: Tensors
    ) -> Tensors:
        """Run ``fused(*tensors)``, with the second derivatives of ``reference(*tensors)``."""
        if not (torch.is_grad_enabled() and any(t.requires_grad for t in tensors)):
            return fused(*tensors)
        call = _Record(reference, training and self.dropout > 0 and self.layers > 1)
        outputs = fused(*_Guard.apply(call, *tensors))
        for k, output in enumerate(outputs):
            node = output.grad_fn
            if node is not None:
                # Not a hook of the tensor's: the node sees what users' hooks made of the gradient, and only if it runs.
                node.register_prehook(partial(call.note, k, output.output_nr))
        return outputs


def fused_operator(specs: Sequence[LayerSpec], directions: int, dropout: float) -> FusedOperator | None:
    """Torch's operator for these layers, or None if they use what it does not have."""
    first = specs[0]
    for spec in specs:
        plain = spec.input.axes == 0 and spec.recurrent.groups == 1 and spec.peephole is None and not spec.norm
        regular = spec.recurrent_dropout > 0 or any(spec.zoneout)
        alike = (spec.hidden_size, spec.proj_size) == (first.hidden_size, first.proj_size)
        if not (plain and alike) or regular or len(spec.bias) == 1 or spec.rule not in _OPERATORS:
            return None
    return FusedOperator(_OPERATORS[first.rule], len(specs), directions, dropout, bool(first.bias))


def operators_run() -> bool:
    """Whether torch's operators can be used now: they refuse autocast, torch.func, forward mode and compilation."""
    autocast = torch.is_autocast_enabled("cpu") or torch.is_autocast_enabled("cuda")
    return not autocast and not transformed() and kernels.wanted() == "auto"


@dataclass
class _Record:
    """What is known of a call when its gradients are asked for: those of its outputs, by their number."""

    reference: Callable[..., Tensors]
    masked: bool
    gradients: dict[int, Tensor] = field(default_factory=dict)

    def note(self, output: int, place: int, gradients: Sequence[Tensor | None]) -> None:
        """Keep the gradient of an output, if it has one."""
        gradient = gradients[place]
        if gradient is not None:
            self.gradients[output] = gradient


class _Guard(torch.autograd.Function):
    """Stands between a fused operator and its inputs: lets gradients pass, or makes differentiable ones."""

    @staticmethod
    def forward(ctx: Any, call: _Record, *tensors: Tensor) -> Tensors:
        ctx.call = call
        ctx.save_for_backward(*tensors)
        ctx.set_materialize_grads(False)
        return tuple(t.view_as(t) for t in tensors)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        arrived = dict(ctx.call.gradients)
        ctx.call.gradients.clear()
        if not torch.is_grad_enabled():
            return None, *gradients
        # Someone will differentiate the result, which the operator's own gradients may not allow.
        if ctx.call.masked:
            raise RuntimeError(
                "a dense layer with dropout cannot be differentiated twice on CUDA: its masks are cuDNN's"
            )
        # New nodes: one input may have been made from another, and that path is not ours to follow.
        inputs = tuple(t.view_as(t) for t in ctx.saved_tensors)
        with torch.autocast(inputs[0].device.type, enabled=False):
            outputs = ctx.call.reference(*inputs)
            wanted = [t for t in inputs if t.requires_grad]
            pairs = [(outputs[k], g) for k, g in arrived.items() if outputs[k].requires_grad]
            found = torch.autograd.grad(
                [o for o, _ in pairs], wanted, [g for _, g in pairs], create_graph=True, allow_unused=True
            )
        values = iter(found)
        return None, *(next(values) if t.requires_grad else None for t in inputs)
