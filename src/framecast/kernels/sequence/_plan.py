"""The course of a pass over packed sequences: which rows each step has, and in which order steps are run.

Everything is a matrix of rows (one per sequence and position) with the channels side by side; a convolution sees the
same memory as channels-last frames.

Shape letters: T time, N batch, M frames of all steps, R rows of a matrix (M times the positions), H channels,
S spatial axes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Literal

from torch import Tensor

from framecast.functional import LayerSpec

from ._convolution import Bound, bind
from ._step import Steps

Keep = Literal["gates", "states", "nothing"]


@dataclass(frozen=True, eq=False, repr=False)
class Plan:
    """What a pass needs beside tensors.

    Args:
        spec: the layer.
        sizes: sequences alive at every step.
        batch: number of sequences N, those of length 0 included.
        space: spatial size of the states.
        reverse: run from the last step to the first.
        zero_state: whether the initial states are known to be zero.
        keep: what is held for the backward: the gates, the states alone, or nothing because there will be none.
        steps: what runs the pointwise steps.
    """

    spec: LayerSpec
    sizes: tuple[int, ...]
    batch: int
    space: tuple[int, ...]
    reverse: bool
    zero_state: bool
    keep: Keep
    steps: Steps

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

    def bind(self, weight: Tensor, gates: int, bias: Tensor | None = None) -> Bound:
        """The recurrent projection with this weight."""
        return bind(self.spec.recurrent, weight, gates, self.space, bias)

    def new(self, channels: int, like: Tensor, frames: int | None = None) -> Tensor:
        """A new matrix of that many channels, for all steps or for a number of frames."""
        return like.new_empty(((self.total if frames is None else frames) * self.positions, channels))
