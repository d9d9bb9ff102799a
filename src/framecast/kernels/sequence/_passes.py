"""Passes over a whole sequence, forward and backward, one for each kind of cell.

The input is projected before; a pass adds the recurrent part, step after step, and keeps what its backward needs.
The backward collects the gradient of all gate sums and takes the gradient of the recurrent weight in one convolution.

Shape letters: M frames of all steps, R rows of a matrix (frames times positions), N batch, H hidden channels, G gates.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from framecast.functional import GRUStep, LSTMStep, RNNStep, StepRule

from . import _pointwise
from ._convolution import Bound
from ._plan import Carried, Plan, Track, matrix

Matrices = tuple[Tensor, ...]
Sums = Tensor | Sequence[Tensor]
"""The input's part of the gate sums: of all steps ``(R, G*H)``, or, where nothing is to be held, a matrix per step."""


class Parameters(NamedTuple):
    """The recurrent parameters of a layer."""

    weight_hh: Tensor
    bias_hh: Tensor | None = None
    weight_ch: Tensor | None = None


class Result(NamedTuple):
    """What a forward pass gives: outputs and final states as frames, and what to hold for the backward."""

    output: Tensor
    finals: Matrices
    held: Matrices


class Gradients(NamedTuple):
    """What a backward pass gives; the states' are for all N sequences."""

    sums: Tensor
    states: tuple[Tensor | None, ...]
    weight_hh: Tensor | None = None
    bias_hh: Tensor | None = None
    weight_ch: Tensor | None = None


class Pass(Protocol):
    """A pass of one kind of cell."""

    REDOES: bool
    """Whether the gates can be left out of what is held, and are then redone from the sums."""

    def forward(self, sums: Sums, states: Matrices) -> Result:
        """Run over the gate sums of the input, which are overwritten."""

    def backward(
        self,
        held: Matrices,
        sums: Tensor | None,
        states: Matrices,
        grad_output: Tensor | None,
        grad_finals: Sequence[Tensor | None],
    ) -> Gradients:
        """Gradients from those of output and final states; ``sums`` are the input's once more if states were held.

        The gradients of the gate sums may overwrite the gates: they are where the cache is, and need no new memory.
        """


class LSTMPass:
    """Long short-term memory, with peepholes per channel or without."""

    REDOES = True

    def __init__(self, plan: Plan, parameters: Parameters) -> None:
        self.plan, self.parameters = plan, parameters
        self.hidden = plan.projection(parameters.weight_hh, 4)

    def forward(self, sums: Sums, states: Matrices) -> Result:
        """See :class:`Pass`."""
        plan, size = self.plan, self.plan.spec.hidden_size
        peephole = self._peephole(states[1])
        output = plan.new_frames(size, states[0], plan.total)
        in_turn = plan.constant and plan.keep in ("gates", "nothing")
        hidden = Track(plan, states[0], matrix(output))
        cells = Track(plan, states[1], plan.new(size, states[1], 2 * plan.batch if in_turn else None))
        rows = _rows(plan, sums)
        for t in plan.order:
            gates = rows[t]
            added = _add(plan, self.hidden, gates, hidden.before(t))
            plan.steps.lstm(gates, added, cells.before(t), peephole, hidden.after(t), cells.after(t))
        held = {"gates": (sums,), "states": (output, cells.values)}
        return Result(output, (hidden.final(), cells.final()), _held(held, plan.keep))

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
                steps.lstm_state(rows[t], cells.before(t), cells.after(t))
        outputs = _per_step(plan, grad_output)
        grad_c = torch.zeros_like(states[1]) if grad_finals[1] is None else grad_finals[1].clone()
        grad_h = Carried(grad_finals[0], len(states[0]))
        grad_peephole = None if peephole is None else torch.zeros_like(peephole)
        for t in reversed(plan.order):
            count, c_prev, h = len(rows[t]), cells.before(t), hidden.before(t) if redo else None
            if redo:
                added = _add(plan, self.hidden, rows[t], h)
                unused = torch.empty_like(hidden.after(t)), torch.empty_like(cells.after(t))
                steps.lstm(rows[t], added, c_prev, peephole, *unused)
            steps.lstm_backward(
                rows[t],
                c_prev,
                cells.after(t),
                outputs[t],
                grad_h.take(count),
                grad_c[:count],
                peephole,
                rows[t],
                None if redo else hidden.after(t),
            )
            if grad_peephole is not None:
                add_peephole_gradient(grad_peephole, rows[t], c_prev, cells.after(t))
            if t != plan.order[0] or not plan.zero_state:
                grad_h.give(matrix(self.hidden.input_gradient(plan.frames(rows[t]))))
        weight = weight_gradient(plan, self.hidden, hidden.entering(), gates, self.parameters.weight_hh)
        found = None if grad_peephole is None else grad_peephole.flatten()
        return Gradients(gates, (grad_h.value, grad_c), weight, None, found)

    def _peephole(self, c: Tensor) -> Tensor | None:
        weight = self.parameters.weight_ch
        return None if weight is None else weight.to(c.dtype).view(3, -1)


class GRUPass:
    """Gated recurrent unit that resets after the recurrent projection."""

    REDOES = True

    def __init__(self, plan: Plan, parameters: Parameters) -> None:
        self.plan, self.parameters = plan, parameters
        self.hidden = plan.projection(parameters.weight_hh, 3, parameters.bias_hh)

    def forward(self, sums: Sums, states: Matrices) -> Result:
        """See :class:`Pass`."""
        plan, size = self.plan, self.plan.spec.hidden_size
        output, hidden_n = plan.new_frames(size, states[0], plan.total), plan.new(size, states[0])
        hidden, rows, to_n = Track(plan, states[0], matrix(output)), _rows(plan, sums), plan.split(hidden_n)
        for t in plan.order:
            gates, h = rows[t], hidden.before(t)
            plan.steps.gru(gates, self._recurrent(gates, h), h, hidden.after(t), to_n[t])
        held = {"gates": (output, sums, hidden_n), "states": (output,)}
        return Result(output, (hidden.final(),), _held(held, plan.keep))

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
        redo = sums is not None
        gates = sums if sums is not None else held[1]
        hidden = Track(plan, states[0], held[0])
        rows, outputs = plan.split(gates), _per_step(plan, grad_output)
        to_n = [None] * len(rows) if redo else plan.split(held[2])
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
                steps.gru(rows[t], self._recurrent(rows[t], h), h, torch.empty_like(hidden_n), hidden_n)
            steps.gru_backward(
                rows[t],
                hidden_n,
                h,
                outputs[t],
                grad_h.take(count),
                carried[:count],
                rows[t],
                recurrent_rows[t],
            )
            if t != plan.order[0] or not plan.zero_state:
                grad_h.give(matrix(self.hidden.input_gradient(plan.frames(recurrent_rows[t]))))
        weight = weight_gradient(plan, self.hidden, hidden.entering(), grad_recurrent, self.parameters.weight_hh)
        bias = None if self.parameters.bias_hh is None else grad_recurrent.sum(0)
        if grad_h.value is not None:
            carried += grad_h.value
        return Gradients(gates, (carried,), weight, bias)

    def _recurrent(self, like: Tensor, h: Tensor | None) -> Tensor | None:
        if h is not None:
            return matrix(self.hidden(self.plan.frames(h)))
        bias = self.parameters.bias_hh
        return None if bias is None else bias.expand_as(like).contiguous()


class GRUBeforePass:
    """Gated recurrent unit that resets before the recurrent projection."""

    REDOES = True

    def __init__(self, plan: Plan, parameters: Parameters) -> None:
        self.plan, self.parameters = plan, parameters
        size = plan.spec.hidden_size
        self.both = plan.projection(parameters.weight_hh[: 2 * size], 2)
        self.candidate = plan.projection(parameters.weight_hh[2 * size :], 1)

    def forward(self, sums: Sums, states: Matrices) -> Result:
        """See :class:`Pass`."""
        plan = self.plan
        output = plan.new_frames(plan.spec.hidden_size, states[0], plan.total)
        hidden, rows = Track(plan, states[0], matrix(output)), _rows(plan, sums)
        for t in plan.order:
            self._step(rows[t], hidden.before(t), hidden.after(t))
        held = {"gates": (output, sums), "states": (output,)}
        return Result(output, (hidden.final(),), _held(held, plan.keep))

    def backward(
        self,
        held: Matrices,
        sums: Tensor | None,
        states: Matrices,
        grad_output: Tensor | None,
        grad_finals: Sequence[Tensor | None],
    ) -> Gradients:
        """See :class:`Pass`."""
        plan, size = self.plan, self.plan.spec.hidden_size
        gates = sums if sums is not None else held[1]
        hidden = Track(plan, states[0], held[0])
        rows, outputs = plan.split(gates), _per_step(plan, grad_output)
        reset_h, grad_both, grad_n = plan.new(size, gates), plan.new(2 * size, gates), plan.new(size, gates)
        reset_rows, both_rows, n_rows = plan.split(reset_h), plan.split(grad_both), plan.split(grad_n)
        grad_h = Carried(grad_finals[0], len(states[0]))
        for t in reversed(plan.order):
            h = hidden.before(t)
            if sums is not None:
                self._step(rows[t], h, torch.empty_like(hidden.after(t)))
            reset_rows[t].copy_(rows[t][:, :size] * (0 if h is None else h))
            wide = torch.promote_types(gates.dtype, torch.float32)
            grad = _sum([outputs[t], grad_h.take(len(rows[t]))], hidden.after(t)).to(wide)
            carried = torch.empty_like(grad)
            _pointwise.gru_output_backward(rows[t], h, grad, both_rows[t], n_rows[t], carried)
            grad_reset_h = matrix(self.candidate.input_gradient(plan.frames(n_rows[t])))
            _pointwise.gru_reset_backward(rows[t], h, grad_reset_h, both_rows[t], carried)
            if t != plan.order[0] or not plan.zero_state:
                carried += matrix(self.both.input_gradient(plan.frames(both_rows[t])))
            grad_h.give(carried.to(gates.dtype))
        weight = self.parameters.weight_hh
        candidates = [(reset_h, slice(0, len(reset_h)))]
        found = [
            weight_gradient(plan, self.both, hidden.entering(), grad_both, weight[: 2 * size]),
            weight_gradient(plan, self.candidate, candidates, grad_n, weight[2 * size :]),
        ]
        return Gradients(torch.cat([grad_both, grad_n], 1), (grad_h.value,), torch.cat(found))

    def _step(self, gates: Tensor, h: Tensor | None, new: Tensor) -> None:
        plan, reset_h = self.plan, torch.empty_like(new)
        both = None if h is None else matrix(self.both(plan.frames(h)))
        _pointwise.gru_reset(gates, both, h, reset_h)
        candidate = None if h is None else matrix(self.candidate(plan.frames(reset_h)))
        _pointwise.gru_output(gates, candidate, h, new)


class RNNPass:
    """A simple recurrent layer, of tanh or relu; all that its backward needs is its output."""

    REDOES = False

    def __init__(self, plan: Plan, parameters: Parameters) -> None:
        self.plan, self.parameters = plan, parameters
        assert isinstance(plan.spec.rule, RNNStep)
        assert isinstance(plan.spec.rule.nonlinearity, str)
        self.nonlinearity = plan.spec.rule.nonlinearity
        self.hidden = plan.projection(parameters.weight_hh, 1)

    def forward(self, sums: Sums, states: Matrices) -> Result:
        """See :class:`Pass`."""
        plan = self.plan
        output = plan.new_frames(plan.spec.hidden_size, states[0], plan.total)
        hidden, rows = Track(plan, states[0], matrix(output)), _rows(plan, sums)
        for t in plan.order:
            gates = rows[t]
            added = _add(plan, self.hidden, gates, hidden.before(t))
            _pointwise.rnn(gates, added, self.nonlinearity, hidden.after(t))
        return Result(output, (hidden.final(),), () if plan.keep == "nothing" else (output,))

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
        hidden, outputs = Track(plan, states[0], held[0]), _per_step(plan, grad_output)
        grad_sums = torch.empty_like(held[0])
        grad_rows = plan.split(grad_sums)
        grad_h = Carried(grad_finals[0], len(states[0]))
        for t in reversed(plan.order):
            h = hidden.after(t)
            _pointwise.rnn_backward(h, outputs[t], grad_h.take(len(h)), self.nonlinearity, grad_rows[t])
            if t != plan.order[0] or not plan.zero_state:
                grad_h.give(matrix(self.hidden.input_gradient(plan.frames(grad_rows[t]))))
        weight = weight_gradient(plan, self.hidden, hidden.entering(), grad_sums, self.parameters.weight_hh)
        return Gradients(grad_sums, (grad_h.value,), weight)


PASSES: dict[StepRule, type[LSTMPass | GRUPass | GRUBeforePass | RNNPass]] = {
    LSTMStep(): LSTMPass,
    GRUStep(): GRUPass,
    GRUStep(reset_after=False): GRUBeforePass,
    RNNStep("tanh"): RNNPass,
    RNNStep("relu"): RNNPass,
}
"""Step rules that have a pass; their options are the defaults."""


def _rows(plan: Plan, sums: Sums) -> Sequence[Tensor]:
    return plan.split(sums) if isinstance(sums, Tensor) else sums


def _held(choices: dict[str, tuple[Any, ...]], keep: str) -> Matrices:
    """What is to be held for the backward; nothing where there will be none."""
    return choices.get(keep, ())


def _add(plan: Plan, projection: Bound, sums: Tensor, h: Tensor | None) -> Tensor | None:
    """Add the projection of ``h`` to ``sums``, or return it where it is to be added later."""
    if h is None:
        return None
    added = projection.add(plan.frames(sums), plan.frames(h))
    return None if added is None else matrix(added)


def _per_step(plan: Plan, grad: Tensor | None) -> Sequence[Tensor | None]:
    return [None] * len(plan.sizes) if grad is None else plan.split(grad)


def _sum(parts: Iterable[Tensor | None], like: Tensor) -> Tensor:
    given = [part for part in parts if part is not None]
    return sum(given[1:], given[0]) if given else torch.zeros_like(like)


def weight_gradient(
    plan: Plan, projection: Bound, entering: list[tuple[Tensor, slice]], grad: Tensor, weight: Tensor
) -> Tensor:
    """Gradient of a recurrent weight, over all steps at once, from the states that enter them."""
    if not entering:
        return torch.zeros_like(weight)
    if len(entering) > 2:  # unequal lengths: the rows do not lie side by side
        values = torch.cat([value for value, _ in entering])
        return projection.weight_gradient(
            plan.frames(values), plan.frames(torch.cat([grad[place] for _, place in entering]))
        )
    return _sum([projection.weight_gradient(plan.frames(v), plan.frames(grad[place])) for v, place in entering], weight)


def add_peephole_gradient(total: Tensor, grad_gates: Tensor, c_prev: Tensor | None, c: Tensor) -> None:
    """Add one step's gradient of the peepholes of i, f and o to ``total (3, H)``."""
    i, f, _, o = grad_gates.chunk(4, 1)
    total[2] += (o * c).sum(0)
    if c_prev is not None:
        total[0] += (i * c_prev).sum(0)
        total[1] += (f * c_prev).sum(0)
