"""What the passes of all cells share: their form, and the parts of their loops.

The input is projected before; a pass adds the recurrent part, step after step, and keeps what its backward needs.
The backward collects the gradient of all gate sums and takes the gradient of the recurrent weight in one convolution.

Shape letters: M frames of all steps, R rows of a matrix (frames times positions), N batch, H hidden channels, G gates.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from framecast.functional import Weights

from .._layout import matrix
from ._convolution import Bound
from ._plan import Plan
from ._states import Carried
from ._step import Step

Matrices = tuple[Tensor, ...]
Sums = Tensor | Sequence[Tensor]
"""The input's part of the gate sums: of all steps ``(R, G*H)``, or, where nothing is to be held, a matrix per step."""


class Result(NamedTuple):
    """What a forward pass gives: outputs and final states as frames, and what to hold for the backward."""

    output: Tensor
    finals: Matrices
    held: Matrices


class Gradients(NamedTuple):
    """What a backward pass gives: gradients of the gate sums, of the states of all N sequences, of the weights."""

    sums: Tensor
    states: tuple[Tensor | None, ...]
    weights: Mapping[str, Tensor]


class Pass:
    """A pass of one kind of cell.

    ``steps`` are those of every step of time; ``redoes_gates`` says whether the gates can be left out of what is held,
    and are then made again from the sums.

    Args:
        plan: its course.
        weights: the recurrent weights and what the cell has of its own.
    """

    steps: ClassVar[tuple[Step, ...]]
    redoes_gates: ClassVar[bool] = True

    def __init__(self, plan: Plan, weights: Weights) -> None:
        self.plan, self.weights = plan, weights

    def forward(self, sums: Sums, states: Matrices) -> Result:
        """Run over the gate sums of the input, which are overwritten."""
        raise NotImplementedError

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
        raise NotImplementedError


def rows_of(plan: Plan, sums: Sums) -> Sequence[Tensor]:
    """The gate sums of every step."""
    return plan.split(sums) if isinstance(sums, Tensor) else sums


def held_for(plan: Plan, choices: Mapping[str, Sequence[Sums]]) -> Matrices:
    """What is to be held for the backward, by the plan's ``keep``; nothing where there will be none."""
    return tuple(value for value in choices.get(plan.keep, ()) if isinstance(value, Tensor))


def add_projection(plan: Plan, projection: Bound, sums: Tensor, h: Tensor | None) -> Tensor | None:
    """Add the projection of ``h`` to ``sums``, or return it where it is to be added later."""
    if h is None:
        return None
    added = projection.add(plan.frames(sums), plan.frames(h))
    return None if added is None else matrix(added)


def per_step(plan: Plan, grad: Tensor | None) -> Sequence[Tensor | None]:
    """A gradient of the output by steps; None for zero."""
    return [None] * len(plan.sizes) if grad is None else plan.split(grad)


def pass_on(plan: Plan, projection: Bound, t: int, grad_sums: Tensor, grad_h: Carried) -> None:
    """Hand the gradient of the sums of step t on to the state before it, unless that is known to be zero."""
    if t != plan.order[0] or not plan.zero_state:
        grad_h.give(matrix(projection.input_gradient(plan.frames(grad_sums))))


def add_up(parts: Iterable[Tensor | None], like: Tensor) -> Tensor:
    """The sum of the parts that are there; zeros if none is."""
    terms = [part for part in parts if part is not None]
    return sum(terms[1:], terms[0]) if terms else torch.zeros_like(like)


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
    return add_up(
        [projection.weight_gradient(plan.frames(value), plan.frames(grad[place])) for value, place in entering], weight
    )
