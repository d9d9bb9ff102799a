"""Gated recurrent unit that resets after the recurrent projection: its pointwise steps, and its pass.

Shape letters: R rows (one per sequence and position), N batch, H hidden channels.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from framecast.functional import Weights

from .._layout import matrix, new_frames
from ._pass import Gradients, Matrices, Pass, Result, Sums, held_for, pass_on, per_step, rows_of, weight_gradient
from ._plan import Plan
from ._states import Carried, Track
from ._step import Operand, Step


def gru(gates: Tensor, recurrent: Tensor | None, h_prev: Tensor | None, h: Tensor, hidden_n: Tensor) -> None:
    """One GRU step that resets after the recurrent projection.

    Args:
        gates: the input's part of r, z, n ``(R, 3H)``; becomes their activated values.
        recurrent: the state's part of r, z, n ``(R, 3H)``; None for zero.
        h_prev: the state before the step ``(R, H)``; None for zero.
        h: receives the new state ``(R, H)``.
        hidden_n: receives the state's part of n ``(R, H)``, which the backward needs.
    """
    wide = torch.promote_types(gates.dtype, torch.float32)
    r, z, n = gates.to(wide).chunk(3, 1)
    to_r, to_z, to_n = (torch.zeros_like(gates) if recurrent is None else recurrent).to(wide).chunk(3, 1)
    hidden_n.copy_(to_n)
    r, z = (r + to_r).sigmoid(), (z + to_z).sigmoid()
    n = torch.addcmul(n, r, to_n).tanh()
    for k, value in enumerate((r, z, n)):
        gates.chunk(3, 1)[k].copy_(value)
    h.copy_(n + z * ((0 if h_prev is None else h_prev) - n))


def gru_backward(
    gates: Tensor,
    hidden_n: Tensor,
    h_prev: Tensor | None,
    grad_h: Tensor | None,
    added: Tensor | None,
    carried: Tensor,
    grad_gates: Tensor,
    grad_recurrent: Tensor,
) -> None:
    """Backward of one GRU step that resets after the recurrent projection.

    Args:
        gates: activated r, z, n ``(R, 3H)``.
        hidden_n: the state's part of n ``(R, H)``.
        h_prev: the state before the step ``(R, H)``; None for zero.
        grad_h: gradient of the new state ``(R, H)``; None for zero.
        added: a second part of it ``(R, H)``; None for zero.
        carried: a third part of it ``(R, H)``, of the state's type; becomes what passes the recurrent projection by
            on the way to ``h_prev``'s gradient.
        grad_gates: receives the gradient of the input's part of the gate sums ``(R, 3H)``; may be ``gates`` itself.
        grad_recurrent: receives the gradient of the state's part of them ``(R, 3H)``.
    """
    wide = carried.dtype
    r, z, n = gates.to(wide).chunk(3, 1)
    grad = carried.clone()
    for part in (grad_h, added):
        if part is not None:
            grad += part
    grad_n = grad * (1 - z) * (1 - n * n)
    grad_z = grad * ((0 if h_prev is None else h_prev) - n) * z * (1 - z)
    grad_r = grad_n * hidden_n * r * (1 - r)
    torch.mul(grad, z, out=carried)
    for k, (to_input, to_state) in enumerate(((grad_r, grad_r), (grad_z, grad_z), (grad_n, grad_n * r))):
        grad_gates.chunk(3, 1)[k].copy_(to_input)
        grad_recurrent.chunk(3, 1)[k].copy_(to_state)


GRU = Step(
    "gru",
    (
        Operand("gates", 3, "changed"),
        Operand("recurrent", 3, optional=True),
        Operand("h_prev", optional=True),
        Operand("h", role="filled"),
        Operand("hidden_n", role="filled"),
    ),
    gru,
    compiled=True,
)
GRU_BACKWARD = Step(
    "gru_backward",
    (
        Operand("gates", 3),
        Operand("hidden_n"),
        Operand("h_prev", optional=True),
        Operand("grad_h", optional=True),
        Operand("added", optional=True),
        Operand("carried", role="changed", of_state=True),
        Operand("grad_gates", 3, "filled"),
        Operand("grad_recurrent", 3, "filled"),
    ),
    gru_backward,
    compiled=True,
)


class GRUPass(Pass):
    """Gated recurrent unit that resets after the recurrent projection."""

    steps = (GRU, GRU_BACKWARD)

    def __init__(self, plan: Plan, weights: Weights) -> None:
        super().__init__(plan, weights)
        self.hidden = plan.bind(weights.weight_hh, 3, weights.bias_hh)

    def forward(self, sums: Sums, states: Matrices) -> Result:
        """See :class:`Pass`."""
        plan, size = self.plan, self.plan.spec.hidden_size
        output, hidden_n = new_frames(plan.total, size, plan.space, states[0]), plan.new(size, states[0])
        hidden, rows, to_n = Track(plan, states[0], matrix(output)), rows_of(plan, sums), plan.split(hidden_n)
        for t in plan.order:
            gates, h = rows[t], hidden.before(t)
            plan.steps(GRU, gates, self._recurrent(gates, h), h, hidden.after(t), to_n[t])
        held = held_for(plan, {"gates": (output, sums, hidden_n), "states": (output,)})
        return Result(output, (hidden.final(),), held)

    def backward(
        self,
        held: Matrices,
        sums: Tensor | None,
        states: Matrices,
        grad_output: Tensor | None,
        grad_finals: Sequence[Tensor | None],
    ) -> Gradients:
        """See :class:`Pass`."""
        plan, steps = self.plan, self.plan.steps
        gates = sums if sums is not None else held[1]
        hidden = Track(plan, states[0], held[0])
        rows, outputs = plan.split(gates), per_step(plan, grad_output)
        to_n = [None] * len(rows) if sums is not None else plan.split(held[2])
        grad_recurrent = torch.empty_like(gates)
        recurrent_rows = plan.split(grad_recurrent)
        wide = torch.promote_types(gates.dtype, torch.float32)
        carried = (
            torch.zeros_like(states[0], dtype=wide) if grad_finals[0] is None else grad_finals[0].to(wide, copy=True)
        )
        grad_h = Carried(None, len(states[0]))
        for t in reversed(plan.order):
            count, h, hidden_n = len(rows[t]), hidden.before(t), to_n[t]
            if hidden_n is None:
                hidden_n = torch.empty_like(hidden.after(t))
                steps(GRU, rows[t], self._recurrent(rows[t], h), h, torch.empty_like(hidden_n), hidden_n)
            steps(
                GRU_BACKWARD,
                rows[t],
                hidden_n,
                h,
                outputs[t],
                grad_h.take(count),
                carried[:count],
                rows[t],
                recurrent_rows[t],
            )
            pass_on(plan, self.hidden, t, recurrent_rows[t], grad_h)
        weight = self.weights.weight_hh
        gradients = {"weight_hh": weight_gradient(plan, self.hidden, hidden.entering(), grad_recurrent, weight)}
        if self.weights.bias_hh is not None:
            gradients["bias_hh"] = grad_recurrent.sum(0)
        if grad_h.value is not None:
            carried += grad_h.value
        return Gradients(gates, (carried,), gradients)

    def _recurrent(self, like: Tensor, h: Tensor | None) -> Tensor | None:
        """The state's part of the gate sums; None for zero."""
        if h is not None:
            return matrix(self.hidden(self.plan.frames(h)))
        bias = self.weights.bias_hh
        return None if bias is None else bias.expand_as(like).contiguous()
