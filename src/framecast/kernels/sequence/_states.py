"""States and their gradients over the steps of a pass.

Shape letters: T time, N batch, R rows of a matrix (sequences times positions), H channels, S spatial axes.
"""

from __future__ import annotations

from itertools import accumulate

import torch
from torch import Tensor

from .._layout import matrix, new_frames
from ._plan import Plan


class Track:
    """One state over all steps: where each step's value is, and what it was before.

    Args:
        plan: the course.
        initial: the state before the first step, for all N sequences.
        values: memory for the values of all steps; or of two frames' sets, used in turn, where older values are
            needed no more.
    """

    def __init__(self, plan: Plan, initial: Tensor, values: Tensor) -> None:
        self.plan, self.initial, self.values = plan, initial, values
        positions = plan.positions
        self.rows = [size * positions for size in plan.sizes]
        self.full = len(values) == sum(self.rows)
        if self.full:
            self.views = list(values.split(self.rows))
        else:
            self.views = list(values.chunk(2)) * (len(self.rows) // 2 + 1)
        self.previous = dict(zip(plan.order[1:], plan.order, strict=False))

    def after(self, t: int) -> Tensor:
        """The value after step t, ``(rows, H)``."""
        return self.views[t]

    def before(self, t: int) -> Tensor | None:
        """The value before step t for the sequences alive in it; None if it is known to be zero."""
        last = self.previous.get(t)
        if last is None:
            return None if self.plan.zero_state else self.initial[: self.rows[t]]
        if self.rows[t] == self.rows[last]:
            return self.views[last]
        if self.rows[t] < self.rows[last]:
            return self.views[last][: self.rows[t]]
        return torch.cat([self.views[last], self.initial[self.rows[last] : self.rows[t]]])

    def final(self) -> Tensor:
        """Every sequence's value after its own last step, for all N sequences: frames of their own."""
        frames = new_frames(self.plan.batch, self.values.shape[1], self.plan.space, self.values)
        if self.plan.constant:
            matrix(frames).copy_(self.views[self.plan.order[-1]])
            return frames
        parts = [self.initial[self.rows[0] :]]
        ends = [*self.rows[1:], 0] if not self.plan.reverse else [0]
        for value, end in zip(self.views, ends, strict=False):
            parts.append(value[end:])
        torch.cat(parts[::-1], out=matrix(frames))
        return frames

    def entering(self) -> list[tuple[Tensor, slice]]:
        """All values before a step, the known zeros left out, each with the rows of the matrices that it goes with."""
        plan, count = self.plan, self.rows[0]
        end = sum(self.rows)
        if plan.constant and self.full:
            entering = []
            if end > count:
                late, early = slice(count, end), slice(0, end - count)
                entering.append((self.values[late if plan.reverse else early], early if plan.reverse else late))
            if not plan.zero_state:
                entering.append((self.initial, slice(end - count, end) if plan.reverse else slice(0, count)))
            return entering
        entering, starts = [], [0, *accumulate(self.rows)]
        for t in plan.order:
            value = self.before(t)
            if value is not None:
                entering.append((value, slice(starts[t], starts[t + 1])))
        return entering


class Carried:
    """A gradient that travels against the order of the steps, for all N sequences.

    A step takes its own rows and gives back what they have become; rows of sequences not alive in it stay.
    """

    def __init__(self, value: Tensor | None, rows: int) -> None:
        self.value, self.rows, self.own = value, rows, False

    def take(self, rows: int) -> Tensor | None:
        """The first ``rows`` rows; None if they are zero."""
        return self.value if self.value is None or rows == self.rows else self.value[:rows]

    def give(self, new: Tensor) -> None:
        """Replace as many rows."""
        if len(new) == self.rows:
            self.value, self.own = new, False
            return
        if self.value is None:
            self.value, self.own = new.new_zeros((self.rows, new.shape[1])), True
        elif not self.own:
            self.value, self.own = self.value.clone(), True
        self.value[: len(new)] = new
