"""Gated recurrent unit that resets before the recurrent projection: its pointwise steps, and its pass.

A step has two halves: ``r`` is known before the state's part of ``n`` is projected.

Shape letters: R rows (one per sequence and position), N batch, H hidden channels.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from framecast.functional import Weights

from .._layout import matrix, new_frames
from ._pass import Gradients, Matrices, Pass, Result, Sums, add_up, held_for, per_step, rows_of, weight_gradient
from ._plan import Plan
from ._states import Carried, Track
from ._step import Operand, Step


def gru_reset(gates: Tensor, recurrent: Tensor | None, h_prev: Tensor | None, reset_h: Tensor) -> None:
    """The first half of a GRU step that resets before the recurrent projection.

    Args:
        gates: the input's part of r, z, n ``(R, 3H)``; r and z become their activated values.
        recurrent: the state's part of r and z ``(R, 2H)``; None for zero.
        h_prev: the state before the step ``(R, H)``; None for zero.
        reset_h: receives ``r * h_prev (R, H)``, from which the state's part of n is made.
    """
    both = gates[:, : 2 * reset_h.shape[1]]
    both.copy_((both if recurrent is None else both + recurrent).sigmoid())
    reset_h.copy_(both.chunk(2, 1)[0] * (0 if h_prev is None else h_prev))


def gru_output(gates: Tensor, recurrent: Tensor | None, h_prev: Tensor | None, h: Tensor) -> None:
    """The second half: ``n`` becomes activated in ``gates (R, 3H)``, and ``h (R, H)`` receives the new state.

    ``recurrent (R, H)`` is the state's part of n; None for zero.
    """
    _, z, n = gates.chunk(3, 1)
    n.copy_((n if recurrent is None else n + recurrent).tanh())
    h.copy_(n + z * ((0 if h_prev is None else h_prev) - n))


def gru_output_backward(
    gates: Tensor, h_prev: Tensor | None, grad_h: Tensor, grad_both: Tensor, grad_n: Tensor, carried: Tensor
) -> None:
    """Backward of :func:`gru_output`.

    Args:
        gates: activated r, z, n ``(R, 3H)``.
        h_prev: the state before the step ``(R, H)``; None for zero.
        grad_h: gradient of the new state ``(R, H)``, of the state's type.
        grad_both: receives the gradient of z's sum in its second half ``(R, 2H)``.
        grad_n: receives the gradient of n's sum ``(R, H)``.
        carried: receives what passes n by on the way to ``h_prev``'s gradient ``(R, H)``, of the state's type.
    """
    _, z, n = gates.to(grad_h.dtype).chunk(3, 1)
    grad_n.copy_(grad_h * (1 - z) * (1 - n * n))
    grad_both.chunk(2, 1)[1].copy_(grad_h * ((0 if h_prev is None else h_prev) - n) * z * (1 - z))
    torch.mul(grad_h, z, out=carried)


def gru_reset_backward(
    gates: Tensor, h_prev: Tensor | None, grad_reset_h: Tensor, grad_both: Tensor, carried: Tensor
) -> None:
    """Backward of :func:`gru_reset`.

    Args:
        gates: activated r, z, n ``(R, 3H)``.
        h_prev: the state before the step ``(R, H)``; None for zero.
        grad_reset_h: gradient of ``r * h_prev (R, H)``.
        grad_both: receives the gradient of r's sum in its first half ``(R, 2H)``.
        carried: to which the part of ``h_prev``'s gradient that comes through r is added ``(R, H)``.
    """
    r = gates.chunk(3, 1)[0].to(carried.dtype)
    grad_both.chunk(2, 1)[0].copy_(grad_reset_h * (0 if h_prev is None else h_prev) * r * (1 - r))
    carried.addcmul_(grad_reset_h.to(carried.dtype), r)


GRU_RESET = Step(
    "gru_reset",
    (
        Operand("gates", 3, "changed"),
        Operand("recurrent", 2, optional=True),
        Operand("h_prev", optional=True),
        Operand("reset_h", role="filled"),
    ),
    gru_reset,
)
GRU_OUTPUT = Step(
    "gru_output",
    (
        Operand("gates", 3, "changed"),
        Operand("recurrent", optional=True),
        Operand("h_prev", optional=True),
        Operand("h", role="filled"),
    ),
    gru_output,
)
GRU_OUTPUT_BACKWARD = Step(
    "gru_output_backward",
    (
        Operand("gates", 3),
        Operand("h_prev", optional=True),
        Operand("grad_h", of_state=True),
        Operand("grad_both", 2, "changed"),
        Operand("grad_n", role="filled"),
        Operand("carried", role="filled", of_state=True),
    ),
    gru_output_backward,
)
GRU_RESET_BACKWARD = Step(
    "gru_reset_backward",
    (
        Operand("gates", 3),
        Operand("h_prev", optional=True),
        Operand("grad_reset_h"),
        Operand("grad_both", 2, "changed"),
        Operand("carried", role="changed", of_state=True),
    ),
    gru_reset_backward,
)


class GRUBeforePass(Pass):
    """Gated recurrent unit that resets before the recurrent projection."""

    steps = (GRU_RESET, GRU_OUTPUT, GRU_OUTPUT_BACKWARD, GRU_RESET_BACKWARD)

    def __init__(self, plan: Plan, weights: Weights) -> None:
        super().__init__(plan, weights)
        size = plan.spec.hidden_size
        self.both = plan.bind(weights.weight_hh[: 2 * size], 2)
        self.candidate = plan.bind(weights.weight_hh[2 * size :], 1)

    def forward(self, sums: Sums, states: Matrices) -> Result:
        """See :class:`Pass`."""
        plan = self.plan
        output = new_frames(plan.total, plan.spec.hidden_size, plan.space, states[0])
        hidden, rows = Track(plan, states[0], matrix(output)), rows_of(plan, sums)
        for t in plan.order:
            self._step(rows[t], hidden.before(t), hidden.after(t))
        held = held_for(plan, {"gates": (output, sums), "states": (output,)})
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
        plan, size, steps = self.plan, self.plan.spec.hidden_size, self.plan.steps
        gates = sums if sums is not None else held[1]
        hidden = Track(plan, states[0], held[0])
        rows, outputs = plan.split(gates), per_step(plan, grad_output)
        reset_h, grad_both, grad_n = plan.new(size, gates), plan.new(2 * size, gates), plan.new(size, gates)
        reset_rows, both_rows, n_rows = plan.split(reset_h), plan.split(grad_both), plan.split(grad_n)
        wide = torch.promote_types(gates.dtype, torch.float32)
        grad_h = Carried(grad_finals[0], len(states[0]))
        for t in reversed(plan.order):
            h = hidden.before(t)
            if sums is not None:
                self._step(rows[t], h, torch.empty_like(hidden.after(t)))
            reset_rows[t].copy_(rows[t][:, :size] * (0 if h is None else h))
            grad = add_up([outputs[t], grad_h.take(len(rows[t]))], hidden.after(t)).to(wide)
            carried = torch.empty_like(grad)
            steps(GRU_OUTPUT_BACKWARD, rows[t], h, grad, both_rows[t], n_rows[t], carried)
            grad_reset_h = matrix(self.candidate.input_gradient(plan.frames(n_rows[t])))
            steps(GRU_RESET_BACKWARD, rows[t], h, grad_reset_h, both_rows[t], carried)
            if t != plan.order[0] or not plan.zero_state:
                carried += matrix(self.both.input_gradient(plan.frames(both_rows[t])))
            grad_h.give(carried.to(gates.dtype))
        weight = self.weights.weight_hh
        candidates = [(reset_h, slice(0, len(reset_h)))]
        parts = [
            weight_gradient(plan, self.both, hidden.entering(), grad_both, weight[: 2 * size]),
            weight_gradient(plan, self.candidate, candidates, grad_n, weight[2 * size :]),
        ]
        return Gradients(torch.cat([grad_both, grad_n], 1), (grad_h.value,), {"weight_hh": torch.cat(parts)})

    def _step(self, gates: Tensor, h: Tensor | None, new: Tensor) -> None:
        plan, reset_h = self.plan, torch.empty_like(new)
        both = None if h is None else matrix(self.both(plan.frames(h)))
        plan.steps(GRU_RESET, gates, both, h, reset_h)
        candidate = None if h is None else matrix(self.candidate(plan.frames(reset_h)))
        plan.steps(GRU_OUTPUT, gates, candidate, h, new)
