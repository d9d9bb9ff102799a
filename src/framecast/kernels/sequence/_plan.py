"""The course of a pass over packed sequences: which rows each step has, and what a state was before it.

Everything is a matrix of rows (one per sequence and position) with the channels side by side; a convolution sees the
same memory as channels-last frames.

Shape letters: T time, N batch, M frames of all steps, R rows of a matrix (M times the positions), H channels,
S spatial axes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from math import prod
from typing import Any

import torch
from torch import Tensor

from framecast.functional import LayerSpec

from ..cpu._tiles import LAYOUTS
from ._convolution import Bound, projected


@dataclass(frozen=True)
class Plan:
    """What a pass needs beside tensors.

    Args:
        spec: the layer.
        sizes: sequences alive at every step.
        batch: number of sequences N, those of length 0 included.
        space: spatial size of the states.
        reverse: run from the last step to the first.
        zero_state: whether the initial states are known to be zero.
        keep: what is held for the backward, a key of the pass's own table.
        steps: the module with the pointwise functions.
    """

    spec: LayerSpec
    sizes: tuple[int, ...]
    batch: int
    space: tuple[int, ...]
    reverse: bool
    zero_state: bool
    keep: str
    steps: Any

    @cached_property
    def order(self) -> list[int]:
        """Steps in the order in which they are run."""
        return list(range(len(self.sizes)))[:: -1 if self.reverse else 1]

    @cached_property
    def constant(self) -> bool:
        """Whether every step has all sequences."""
        return self.sizes[0] == self.sizes[-1] == self.batch

    @cached_property
    def total(self) -> int:
        """Frames of all steps, M."""
        return sum(self.sizes)

    @cached_property
    def positions(self) -> int:
        """Rows of a matrix per frame."""
        return prod(self.space)

    def split(self, matrix: Tensor) -> list[Tensor]:
        """One matrix per step."""
        return list(matrix.split([size * self.positions for size in self.sizes]))

    def frames(self, matrix: Tensor) -> Tensor:
        """``(N * positions, C)`` as ``(N, C, *S)``."""
        if not self.space:
            return matrix
        return matrix.view(-1, *self.space, matrix.shape[1]).movedim(-1, 1)

    def projection(self, weight: Tensor, gates: int, bias: Tensor | None = None) -> Bound:
        """The recurrent projection with this weight."""
        return projected(self.spec.recurrent, weight, gates, self.space, bias)

    def new(self, channels: int, like: Tensor, frames: int | None = None) -> Tensor:
        """A new matrix of that many channels, for all steps or for a number of frames."""
        return like.new_empty(((self.total if frames is None else frames) * self.positions, channels))

    def new_frames(self, channels: int, like: Tensor, count: int) -> Tensor:
        """New channels-last frames ``(count, C, *S)``: a tensor of their own, not a view, which can be handed out."""
        layout = LAYOUTS.get(len(self.space), torch.contiguous_format)
        return torch.empty((count, channels, *self.space), dtype=like.dtype, device=like.device, memory_format=layout)


def matrix(frames: Tensor) -> Tensor:
    """``(N, C, *S)`` as ``(N * positions, C)``, without a copy if the frames are channels-last."""
    if frames.dim() == 2:
        return frames
    return frames.movedim(1, -1).reshape(-1, frames.shape[1])


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
        frames = self.plan.new_frames(self.values.shape[1], self.values, self.plan.batch)
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
            found = []
            if end > count:
                late, early = slice(count, end), slice(0, end - count)
                found.append((self.values[late if plan.reverse else early], early if plan.reverse else late))
            if not plan.zero_state:
                found.append((self.initial, slice(end - count, end) if plan.reverse else slice(0, count)))
            return found
        found, starts = [], [0, *accumulate(self.rows)]
        for t in plan.order:
            value = self.before(t)
            if value is not None:
                found.append((value, slice(starts[t], starts[t + 1])))
        return found


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
