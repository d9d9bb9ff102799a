"""Step rules: the equations of one time step, for any projection.

A rule receives what the input contributes to the gates, the state, and ``maps``, the linear maps it may apply to the
state; it does not know whether those are dense or convolutions. Gates are stacked along axis 1 in torch's order.

Shape letters: N batch, H hidden channels, G gates, S spatial axes; P output channels (H, or the projected size).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol

from torch import Tensor

from ._activations import Activation, activation

State = tuple[Tensor, ...]
"""What a step hands to the next; the first tensor is the output ``h``."""


class Maps(Protocol):
    """The maps of one layer and direction, bound to their weights. ``first`` and ``last`` bound a range of gates."""

    def recurrent(self, h: Tensor, first: int, last: int) -> Tensor:
        """Recurrent projection of ``h (N, P, *S)`` to the gates ``first`` to ``last - 1``."""

    def normalize(self, gates: Tensor, first: int, last: int) -> Tensor:
        """Normalise finished gate sums; the identity without ``norm``."""

    def peephole(self, c: Tensor, first: int, last: int) -> Tensor | None:
        """What ``c (N, H, *S)`` adds to gates i, f, o (0, 1, 2); None without peepholes."""

    def output(self, h: Tensor) -> Tensor:
        """Project ``h (N, H, *S)`` to ``(N, P, *S)``; the identity without ``proj_size``."""


class StepRule(Protocol):
    """The equations of a cell: how many gates are stacked, how many states it carries, and the step itself."""

    gates: ClassVar[int]
    states: ClassVar[int]

    def __call__(self, x: Tensor, state: State, maps: Maps) -> State:
        """Advance ``state`` by one step; ``x (N, G*H, *S)`` is the projected input with its bias."""


@dataclass(frozen=True)
class RNNStep:
    """``h' = act(x + W_hh h)`` (Elman 1990)."""

    gates: ClassVar[int] = 1
    states: ClassVar[int] = 1
    nonlinearity: str | Activation = "tanh"

    def __call__(self, x: Tensor, state: State, maps: Maps) -> State:
        """One step; see the class."""
        (h,) = state
        return (activation(self.nonlinearity)(maps.normalize(x + maps.recurrent(h, 0, 1), 0, 1)),)


@dataclass(frozen=True)
class LSTMStep:
    """Long short-term memory, with peepholes where the maps have them.

    ``i, f, g, o`` are the four parts of ``x + W_hh h``; peepholes add ``p_i(c)`` and ``p_f(c)``, and ``p_o(c')``::

        c' = sigmoid(f) * c + sigmoid(i) * tanh(g)
        h' = W_hr (sigmoid(o) * tanh(c'))
    """

    gates: ClassVar[int] = 4
    states: ClassVar[int] = 2
    activation: str | Activation = "tanh"
    recurrent_activation: str | Activation = "sigmoid"

    def __call__(self, x: Tensor, state: State, maps: Maps) -> State:
        """One step; see the class."""
        h, c = state
        act, gate = activation(self.activation), activation(self.recurrent_activation)
        i, f, g, o = maps.normalize(x + maps.recurrent(h, 0, 4), 0, 4).chunk(4, 1)
        seen = maps.peephole(c, 0, 2)
        if seen is not None:
            seen_i, seen_f = seen.chunk(2, 1)
            i, f = i + seen_i, f + seen_f
        c = gate(f) * c + gate(i) * act(g)
        seen = maps.peephole(c, 2, 3)
        if seen is not None:
            o = o + seen
        # c may be wider than the gates (float32 under bfloat16); h is what the next convolution reads.
        return maps.output((gate(o) * act(c)).to(x.dtype)), c


@dataclass(frozen=True)
class GRUStep:
    """Gated recurrent unit; ``reset_after`` as in torch and cuDNN, else as Cho et al. 2014.

    ``r`` and ``z`` are sigmoids of ``x + U h``::

        n  = tanh(x_n + r * (U_n h + b))    if reset_after
        n  = tanh(x_n + U_n (r * h))        otherwise
        h' = (1 - z) * n + z * h
    """

    gates: ClassVar[int] = 3
    states: ClassVar[int] = 1
    activation: str | Activation = "tanh"
    recurrent_activation: str | Activation = "sigmoid"
    reset_after: bool = True

    def __call__(self, x: Tensor, state: State, maps: Maps) -> State:
        """One step; see the class."""
        (h,) = state
        act, gate = activation(self.activation), activation(self.recurrent_activation)
        width = x.shape[1] // 3
        x_rz, x_n = x.split((2 * width, width), 1)
        if self.reset_after:
            h_rz, h_n = maps.recurrent(h, 0, 3).split((2 * width, width), 1)
            r, z = gate(maps.normalize(x_rz + h_rz, 0, 2)).chunk(2, 1)
            n = act(maps.normalize(x_n + r * h_n, 2, 3))
        else:
            r, z = gate(maps.normalize(x_rz + maps.recurrent(h, 0, 2), 0, 2)).chunk(2, 1)
            n = act(maps.normalize(x_n + maps.recurrent(r * h, 2, 3), 2, 3))
        return (n + z * (h - n),)
