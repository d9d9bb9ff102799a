"""Long short-term memory: its pointwise steps, and its pass over a whole sequence.

Shape letters: R rows (one per sequence and position), N batch, H hidden channels.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from framecast.functional import Weights

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


def lstm(
    gates: Tensor, added: Tensor | None, c_prev: Tensor | None, peephole: Tensor | None, h: Tensor, c: Tensor
) -> None:
    """One LSTM step.

    Args:
        gates: sums of i, f, g, o ``(R, 4H)``; becomes their activated values.
        added: what is to be added to the sums ``(R, 4H)``, or None.
        c_prev: cell state ``(R, H)`` before the step; None for zero.
        peephole: weights of i, f, o ``(3, H)``, or None.
        h: receives the output ``(R, H)``.
        c: receives the new cell state ``(R, H)``.
    """
    sums = gates.to(c.dtype) if added is None else gates.to(c.dtype) + added
    i, f, g, o = sums.chunk(4, 1)
    c_prev = torch.zeros_like(c) if c_prev is None else c_prev
    if peephole is not None:
        i, f = torch.addcmul(i, peephole[0], c_prev), torch.addcmul(f, peephole[1], c_prev)
    i, f, g = i.sigmoid(), f.sigmoid(), g.tanh()
    torch.mul(i, g, out=c).addcmul_(f, c_prev)
    if peephole is not None:
        o = torch.addcmul(o, peephole[2], c)
    o = o.sigmoid()
    for k, value in enumerate((i, f, g, o)):
        gates.chunk(4, 1)[k].copy_(value)
    h.copy_(c.tanh().mul_(o))


def lstm_state(gates: Tensor, c_prev: Tensor | None, c: Tensor) -> None:
    """The cell state ``c (R, H)`` after a step, from its activated gates ``(R, 4H)`` and the state before it."""
    i, f, g, _ = gates.to(c.dtype).chunk(4, 1)
    torch.mul(i, g, out=c).addcmul_(f, torch.zeros_like(c) if c_prev is None else c_prev)


def lstm_backward(
    gates: Tensor,
    c_prev: Tensor | None,
    c: Tensor,
    grad_h: Tensor | None,
    added: Tensor | None,
    grad_c: Tensor,
    peephole: Tensor | None,
    grad_gates: Tensor,
    h: Tensor | None,
) -> None:
    """Backward of one LSTM step.

    Args:
        gates: activated i, f, g, o ``(R, 4H)``.
        c_prev: cell state before the step ``(R, H)``; None for zero.
        c: cell state after it ``(R, H)``.
        grad_h: gradient of the output ``(R, H)``; None for zero.
        added: a second part of it ``(R, H)``, to be added; None for zero.
        grad_c: gradient of ``c (R, H)``; becomes that of ``c_prev``.
        peephole: weights of i, f, o ``(3, H)``, or None.
        grad_gates: receives the gradient of the gate sums ``(R, 4H)``; may be ``gates`` itself.
        h: receives the output ``(R, H)`` once more, if given.
    """
    i, f, g, o = gates.to(c.dtype).chunk(4, 1)
    tanh_c = c.tanh()
    if h is not None:
        h.copy_(o * tanh_c)
    grad = torch.zeros_like(c)
    for part in (grad_h, added):
        if part is not None:
            grad += part
    grad_o = grad * tanh_c * o * (1 - o)
    grad_c.add_(grad * o * (1 - tanh_c * tanh_c))
    if peephole is not None:
        grad_c.addcmul_(grad_o, peephole[2])
    grad_i = grad_c * g * i * (1 - i)
    grad_g = grad_c * i * (1 - g * g)
    grad_f = grad_c * (torch.zeros_like(c) if c_prev is None else c_prev) * f * (1 - f)
    grad_c.mul_(f)
    if peephole is not None:
        grad_c.addcmul_(grad_i, peephole[0]).addcmul_(grad_f, peephole[1])
    for k, value in enumerate((grad_i, grad_f, grad_g, grad_o)):
        grad_gates.chunk(4, 1)[k].copy_(value)


LSTM = Step(
    "lstm",
    (
        Operand("gates", 4, "changed"),
        Operand("added", 4, optional=True),
        Operand("c_prev", optional=True, of_state=True),
        Operand("peephole", 3, optional=True, of_state=True, shared=True),
        Operand("h", role="filled"),
        Operand("c", role="filled", of_state=True),
    ),
    lstm,
    compiled=True,
)
LSTM_STATE = Step(
    "lstm_state",
    (
        Operand("gates", 4),
        Operand("c_prev", optional=True, of_state=True),
        Operand("c", role="filled", of_state=True),
    ),
    lstm_state,
    compiled=True,
)
LSTM_BACKWARD = Step(
    "lstm_backward",
    (
        Operand("gates", 4),
        Operand("c_prev", optional=True, of_state=True),
        Operand("c", of_state=True),
        Operand("grad_h", optional=True),
        Operand("added", optional=True),
        Operand("grad_c", role="changed", of_state=True),
        Operand("peephole", 3, optional=True, of_state=True, shared=True),
        Operand("grad_gates", 4, "filled"),
        Operand("h", role="filled", optional=True),
    ),
    lstm_backward,
    compiled=True,
)


class LSTMPass(Pass):
    """Long short-term memory, with peepholes per channel or without."""

    steps = (LSTM, LSTM_STATE, LSTM_BACKWARD)

    def __init__(self, plan: Plan, weights: Weights) -> None:
        super().__init__(plan, weights)
        self.hidden = plan.bind(weights.weight_hh, 4)

    def forward(self, sums: Sums, states: Matrices) -> Result:
        """See :class:`Pass`."""
        plan, size = self.plan, self.plan.spec.hidden_size
        peephole = self._peephole(states[1])
        output = new_frames(plan.total, size, plan.space, states[0])
        in_turn = plan.constant and plan.keep in ("gates", "nothing")
        hidden = Track(plan, states[0], matrix(output))
        cells = Track(plan, states[1], plan.new(size, states[1], 2 * plan.batch if in_turn else None))
        rows = rows_of(plan, sums)
        for t in plan.order:
            gates = rows[t]
            added = add_projection(plan, self.hidden, gates, hidden.before(t))
            plan.steps(LSTM, gates, added, cells.before(t), peephole, hidden.after(t), cells.after(t))
        held = held_for(plan, {"gates": (sums,), "states": (output, cells.values)})
        return Result(output, (hidden.final(), cells.final()), held)

    def backward(
        self,
        held: Matrices,
        sums: Tensor | None,
        states: Matrices,
        grad_output: Tensor | None,
        grad_finals: Sequence[Tensor | None],
    ) -> Gradients:
        """See :class:`Pass`."""
        plan, size, steps = self.plan, self.plan.spec.hidden_size, self.plan.steps
        redo = sums is not None
        gates = sums if sums is not None else held[0]
        peephole = self._peephole(states[1])
        cells = Track(plan, states[1], held[1] if len(held) > 1 else plan.new(size, states[1]))
        hidden = Track(plan, states[0], held[0] if redo else plan.new(size, gates))
        rows = plan.split(gates)
        if len(held) == 1:
            for t in plan.order:
                steps(LSTM_STATE, rows[t], cells.before(t), cells.after(t))
        outputs = per_step(plan, grad_output)
        grad_c = torch.zeros_like(states[1]) if grad_finals[1] is None else grad_finals[1].clone()
        grad_h = Carried(grad_finals[0], len(states[0]))
        grad_peephole = None if peephole is None else torch.zeros_like(peephole)
        for t in reversed(plan.order):
            count, c_prev, c = len(rows[t]), cells.before(t), cells.after(t)
            if redo:
                added = add_projection(plan, self.hidden, rows[t], hidden.before(t))
                steps(LSTM, rows[t], added, c_prev, peephole, torch.empty_like(hidden.after(t)), torch.empty_like(c))
            steps(
                LSTM_BACKWARD,
                rows[t],
                c_prev,
                c,
                outputs[t],
                grad_h.take(count),
                grad_c[:count],
                peephole,
                rows[t],
                None if redo else hidden.after(t),
            )
            if grad_peephole is not None:
                add_peephole_gradient(grad_peephole, rows[t], c_prev, c)
            pass_on(plan, self.hidden, t, rows[t], grad_h)
        weight = self.weights.weight_hh
        gradients = {"weight_hh": weight_gradient(plan, self.hidden, hidden.entering(), gates, weight)}
        if grad_peephole is not None:
            gradients["weight_ch"] = grad_peephole.flatten()
        return Gradients(gates, (grad_h.value, grad_c), gradients)

    def _peephole(self, c: Tensor) -> Tensor | None:
        weight = self.weights.weight_ch
        return None if weight is None else weight.to(c.dtype).view(3, -1)


def add_peephole_gradient(total: Tensor, grad_gates: Tensor, c_prev: Tensor | None, c: Tensor) -> None:
    """Add one step's gradient of the peepholes of i, f and o to ``total (3, H)``."""
    i, f, _, o = grad_gates.chunk(4, 1)
    total[2] += (o * c).sum(0)
    if c_prev is not None:
        total[0] += (i * c_prev).sum(0)
        total[1] += (f * c_prev).sum(0)
