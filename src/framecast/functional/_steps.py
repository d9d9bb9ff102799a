"""Step rules: the equations of one time step, for any projection.

A rule receives what the input contributes to the gates, the state, and ``maps``, the linear maps it may apply to the
state; it does not know whether those are dense or convolutions. Gates are stacked along axis 1 in torch's order.

Shape letters: N batch, H hidden channels, G gates, S spatial axes; P output channels (H, or the projected size).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Protocol

from torch import Tensor

from ._activations import Activation, activation, known_activation
from ._rules import flag

if TYPE_CHECKING:
    from ._layer import LayerSpec

State = tuple[Tensor, ...]
"""What a step hands to the next, one tensor per name in the rule's ``states``; the first is the output ``h``."""
Shapes = dict[str, tuple[int, ...]]
"""Names of weights and their shapes."""


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

    def weight(self, name: str) -> Tensor | None:
        """A weight of the rule's own; None if the layer has none of that name."""


class StepRule:
    """The equations of a cell: a base for step rules, which are frozen dataclasses.

    A subclass says how many gates are stacked (``gates``) and names its states, the output ``h`` first (``states``).
    Its fields are options of the layer; a field's metadata may give their ``meaning`` and ``rule``. Weights of its
    own, beside the projections and biases that every cell has, are declared by :meth:`weights` and read from the maps
    by name.
    """

    gates: ClassVar[int]
    states: ClassVar[tuple[str, ...]] = ("h",)

    def __call__(self, x: Tensor, state: State, maps: Maps) -> State:
        """Advance ``state`` by one step; ``x (N, G*H, *S)`` is the projected input with its bias."""
        raise NotImplementedError(f"{type(self).__name__} has no step")

    def weights(self, spec: LayerSpec) -> Shapes:
        """Shapes of the rule's own weights, by name and in order."""
        return {}

    def state_channels(self, spec: LayerSpec) -> tuple[int, ...]:
        """Channels of every state: ``h`` has the output's P, any other H."""
        return (spec.output_size, *(spec.hidden_size for _ in self.states[1:]))


@dataclass(frozen=True)
class RNNStep(StepRule):
    """``h' = act(x + W_hh h)`` (Elman 1990)."""

    gates: ClassVar[int] = 1
    nonlinearity: str | Activation = field(
        default="tanh",
        metadata={
            "meaning": "activation of the state, by name (``framecast.functional.ACTIVATIONS``) or a callable.",
            "rule": known_activation,
        },
    )

    def __call__(self, x: Tensor, state: State, maps: Maps) -> State:
        """One step; see the class."""
        (h,) = state
        return (activation(self.nonlinearity)(maps.normalize(x + maps.recurrent(h, 0, 1), 0, 1)),)


@dataclass(frozen=True)
class LSTMStep(StepRule):
    """Long short-term memory, with peepholes where the maps have them.

    ``i, f, g, o`` are the four parts of ``x + W_hh h``; peepholes add ``p_i(c)`` and ``p_f(c)``, and ``p_o(c')``::

        c' = sigmoid(f) * c + sigmoid(i) * tanh(g)
        h' = W_hr (sigmoid(o) * tanh(c'))
    """

    gates: ClassVar[int] = 4
    states: ClassVar[tuple[str, ...]] = ("h", "c")
    activation: str | Activation = field(
        default="tanh",
        metadata={"meaning": "activation of g and of c, by name or a callable.", "rule": known_activation},
    )
    recurrent_activation: str | Activation = field(
        default="sigmoid", metadata={"meaning": "activation of the gates.", "rule": known_activation}
    )

    def __call__(self, x: Tensor, state: State, maps: Maps) -> State:
        """One step; see the class."""
        h, c = state
        act, gate = activation(self.activation), activation(self.recurrent_activation)
        i, f, g, o = maps.normalize(x + maps.recurrent(h, 0, 4), 0, 4).chunk(4, 1)
        peephole = maps.peephole(c, 0, 2)
        if peephole is not None:
            peephole_i, peephole_f = peephole.chunk(2, 1)
            i, f = i + peephole_i, f + peephole_f
        c = gate(f) * c + gate(i) * act(g)
        peephole = maps.peephole(c, 2, 3)
        if peephole is not None:
            o = o + peephole
        # c may be wider than the gates (float32 under bfloat16); h is what the next convolution reads.
        return maps.output((gate(o) * act(c)).to(x.dtype)), c

    def weights(self, spec: LayerSpec) -> Shapes:
        """The projection of the output and the peepholes of i, f and o, where the layer has them."""
        shapes: Shapes = {}
        if spec.proj_size:
            shapes["weight_hr"] = (spec.proj_size, spec.hidden_size, *(1,) * spec.input.axes)
        if spec.peephole is not None:
            per_channel = {
                "channel": (),
                "pixel": spec.state_size or (),
                "conv": (spec.hidden_size // spec.recurrent.groups, *spec.recurrent.kernel_size),
            }
            shapes["weight_ch"] = (3 * spec.hidden_size, *per_channel[spec.peephole])
        return shapes


@dataclass(frozen=True)
class GRUStep(StepRule):
    """Gated recurrent unit; ``reset_after`` as in torch and cuDNN, else as Cho et al. 2014.

    ``r`` and ``z`` are sigmoids of ``x + U h``::

        n  = tanh(x_n + r * (U_n h + b))    if reset_after
        n  = tanh(x_n + U_n (r * h))        otherwise
        h' = (1 - z) * n + z * h
    """

    gates: ClassVar[int] = 3
    activation: str | Activation = field(
        default="tanh",
        metadata={"meaning": "activation of n, by name or a callable.", "rule": known_activation},
    )
    recurrent_activation: str | Activation = field(
        default="sigmoid", metadata={"meaning": "activation of the gates.", "rule": known_activation}
    )
    reset_after: bool = field(
        default=True,
        metadata={
            "meaning": "whether r acts after the recurrent projection, as in torch and cuDNN, or before it.",
            "rule": flag,
        },
    )

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
