"""The declaration of a pointwise step, and the one interface through which steps are run.

A step works on matrices of R rows (one per sequence and position) with the channels side by side, and writes into
tensors that it is given. It is declared once, with its operands and its plain form; faster forms, in C and in Triton,
take the same operands in the same order, and a test holds all of them against the declaration.

Gate sums, ``h`` and their gradients are of the data's type. ``c``, its gradient and peepholes are of the state's type:
float32 where the data's is bfloat16 or float16, else the same.

Shape letters: R rows, H hidden channels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple, Protocol

from torch import Tensor

Role = Literal["read", "changed", "filled"]


class Operand(NamedTuple):
    """A matrix that a step works on: ``(R, width * H)``, or ``(width, H)`` if it is shared by all rows.

    Args:
        name: its name in the equations.
        width: its columns in multiples of H, or its rows if it is shared.
        role: whether the step reads it, changes it or fills it.
        optional: whether it may be None: zero if it is read, not wanted if it is filled.
        of_state: whether it is of the state's type, not the data's.
        shared: whether all rows share it, as they do weights.
    """

    name: str
    width: int = 1
    role: Role = "read"
    optional: bool = False
    of_state: bool = False
    shared: bool = False


@dataclass(frozen=True, eq=False, repr=False)
class Step:
    """One pointwise step of a cell, forward or backward.

    Args:
        name: its name, the same in C and in Triton.
        operands: what it works on, the gates first.
        plain: the step in plain PyTorch, a function of the operands by name.
        compiled: whether C and Triton have it, too.
    """

    name: str
    operands: tuple[Operand, ...]
    plain: Callable[..., None]
    compiled: bool = False

    @cached_property
    def forms(self) -> tuple[tuple[bool, int, int], ...]:
        """For every operand: whether it is of the state's type, and its rows of H per row of a matrix and besides."""
        return tuple((o.of_state, 0 if o.shared else o.width, o.width if o.shared else 0) for o in self.operands)

    @cached_property
    def signature(self) -> str:
        """The name of the step and those of its operands, as ``steps.c`` lists them."""
        return " ".join([self.name, *(operand.name for operand in self.operands)])


class Steps(Protocol):
    """A way to run steps: in plain PyTorch, in C or in Triton."""

    def __call__(self, step: Step, *tensors: Tensor | None) -> None:
        """Run ``step`` on its operands, in their order."""


def plain_steps(step: Step, *tensors: Tensor | None) -> None:
    """Run ``step`` in plain PyTorch."""
    step.plain(*tensors)
