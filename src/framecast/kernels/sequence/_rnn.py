"""Simple recurrent layers, of tanh or relu: their pointwise steps, and their pass.

Shape letters: R rows (one per sequence and position), N batch, H hidden channels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from framecast.functional import RNNStep, Weights

from .._layout import matrix, new_frames
from ._pass import (
    Gradients,
    Matrices,
    Pass,
    Result,
    Sums,
    add_projection,
    held_for,
    pass_on,
    per_step,
    rows_of,
    weight_gradient,
)
from ._plan import Plan
from ._states import Carried, Track
from ._step import Operand, Step


def rnn_tanh(sums: Tensor, added: Tensor | None, h: Tensor) -> None:
    """One step of a simple recurrent layer: ``h (R, H)`` receives the tanh of the sum."""
    h.copy_(torch.tanh(sums if added is None else sums + added))


def rnn_relu(sums: Tensor, added: Tensor | None, h: Tensor) -> None:
    """The same with relu."""
    h.copy_(torch.relu(sums if added is None else sums + added))


def rnn_tanh_backward(h: Tensor, grad_h: Tensor | None, added: Tensor | None, grad_sums: Tensor) -> None:
    """Backward of :func:`rnn_tanh`; the two parts of the gradient of ``h (R, H)`` are added, None is zero."""
    _backward(torch.ops.aten.tanh_backward, h, grad_h, added, grad_sums)


def rnn_relu_backward(h: Tensor, grad_h: Tensor | None, added: Tensor | None, grad_sums: Tensor) -> None:
    """Backward of :func:`rnn_relu`, likewise."""
    _backward(lambda grad, h: torch.ops.aten.threshold_backward(grad, h, 0), h, grad_h, added, grad_sums)


def _backward(
    derivative: Callable[[Tensor, Tensor], Tensor],
    h: Tensor,
    grad_h: Tensor | None,
    added: Tensor | None,
    grad_sums: Tensor,
) -> None:
    parts = [part for part in (grad_h, added) if part is not None]
    if not parts:
        grad_sums.zero_()
        return
    grad = parts[0] if len(parts) == 1 else parts[0] + parts[1]
    grad_sums.copy_(derivative(grad, h))


_FORWARD = (Operand("sums"), Operand("added", optional=True), Operand("h", role="filled"))
_BACKWARD = (
    Operand("h"),
    Operand("grad_h", optional=True),
    Operand("added", optional=True),
    Operand("grad_sums", role="filled"),
)
RNN_TANH = Step("rnn_tanh", _FORWARD, rnn_tanh)
RNN_RELU = Step("rnn_relu", _FORWARD, rnn_relu)
RNN_TANH_BACKWARD = Step("rnn_tanh_backward", _BACKWARD, rnn_tanh_backward)
RNN_RELU_BACKWARD = Step("rnn_relu_backward", _BACKWARD, rnn_relu_backward)
_STEPS = {RNNStep("tanh"): (RNN_TANH, RNN_TANH_BACKWARD), RNNStep("relu"): (RNN_RELU, RNN_RELU_BACKWARD)}


class RNNPass(Pass):
    """A simple recurrent layer, of tanh or relu; all that its backward needs is its output."""

    steps = (RNN_TANH, RNN_RELU, RNN_TANH_BACKWARD, RNN_RELU_BACKWARD)
    redoes_gates = False

    def __init__(self, plan: Plan, weights: Weights) -> None:
        super().__init__(plan, weights)
        assert isinstance(plan.spec.rule, RNNStep)
        self.step, self.step_backward = _STEPS[plan.spec.rule]
        self.hidden = plan.bind(weights.weight_hh, 1)

    def forward(self, sums: Sums, states: Matrices) -> Result:
        """See :class:`Pass`."""
        plan = self.plan
        output = new_frames(plan.total, plan.spec.hidden_size, plan.space, states[0])
        hidden, rows = Track(plan, states[0], matrix(output)), rows_of(plan, sums)
        for t in plan.order:
            gates = rows[t]
            added = add_projection(plan, self.hidden, gates, hidden.before(t))
            plan.steps(self.step, gates, added, hidden.after(t))
        return Result(output, (hidden.final(),), held_for(plan, {"gates": (output,), "states": (output,)}))

    def backward(
        self,
        held: Matrices,
        sums: Tensor | None,
        states: Matrices,
        grad_output: Tensor | None,
        grad_finals: Sequence[Tensor | None],
    ) -> Gradients:
        """See :class:`Pass`."""
        plan = self.plan
        hidden, outputs = Track(plan, states[0], held[0]), per_step(plan, grad_output)
        grad_sums = torch.empty_like(held[0])
        grad_rows = plan.split(grad_sums)
        grad_h = Carried(grad_finals[0], len(states[0]))
        for t in reversed(plan.order):
            h = hidden.after(t)
            plan.steps(self.step_backward, h, outputs[t], grad_h.take(len(h)), grad_rows[t])
            pass_on(plan, self.hidden, t, grad_rows[t], grad_h)
        weight = self.weights.weight_hh
        gradient = weight_gradient(plan, self.hidden, hidden.entering(), grad_sums, weight)
        return Gradients(grad_sums, (grad_h.value,), {"weight_hh": gradient})
