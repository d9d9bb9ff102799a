"""A call: what a layer, or a stack of layers, is asked to do; and one pass of it in the form that kernels work on.

Shape letters: T time, N batch, M rows of packed frames, C input channels, H hidden channels, P output channels,
L layers, D directions, S spatial axes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from framecast.functional import (
    Batch,
    Column,
    GRUStep,
    LayerSpec,
    Projection,
    State,
    Weights,
    narrow_states,
    widen_states,
)

from ._layout import channels_last

StackResult = tuple[Tensor | PackedSequence, Sequence[Column]]
"""What a stack gives: the output in the form of its batch, and its final states."""
PassResult = tuple[Tensor, State]
"""What a pass gives: outputs ``(M, P, *S)``, and its final states ``(N, P, *S)``."""


@dataclass(frozen=True, eq=False, repr=False)
class Layers:
    """What is fixed about layers that run one after another.

    Args:
        specs: the L layers.
        directions: D, 1 or 2; the outputs of two are the input of the next layer side by side.
    """

    specs: tuple[LayerSpec, ...]
    directions: int = 1

    @property
    def names(self) -> tuple[tuple[str, ...], ...]:
        """Names of the parameters of every layer."""
        return tuple(tuple(spec.shapes()) for spec in self.specs)


@dataclass(eq=False, repr=False)  # not frozen, which takes three times as long to make: much for a small dense layer
class Call:
    """A stack to be run over a batch of sequences.

    A pass is a call of one layer in one direction, whose initial states are given.

    Args:
        layers: the layers.
        parameters: those of every layer and direction, as ``torch.nn.LSTM`` lists them.
        batch: the sequences.
        states: a column for each state that the cells have, in packed order; None for zero.
        dropout: share of elements that are dropped between layers in training.
        training: draw masks of dropout and zoneout.
        checkpoint: True to hold only input and states for the backward and redo the gates; a number k to hold the
            states of every k-th step and redo all between.
        reverse: of a pass, to run from every sequence's own last step to its first.
        zero_state: of a pass, whether its initial states are known to be zero.
        mask: of a pass, the mask of its recurrent dropout if it is drawn already.
    """

    layers: Layers
    parameters: Sequence[Tensor]
    batch: Batch
    states: Sequence[Column] | None = None
    dropout: float = 0.0
    training: bool = False
    checkpoint: bool | int = False
    reverse: bool = False
    zero_state: bool = False
    mask: Tensor | None = None
    # Made when they are asked for; not `cached_property`, which PyTorch's compiler does not take.
    _weights: Weights | None = field(default=None, init=False, repr=False)
    _normal: Call | None = field(default=None, init=False, repr=False)

    @property
    def spec(self) -> LayerSpec:
        """The layer of a pass."""
        return self.layers.specs[0]

    @property
    def weights(self) -> Weights:
        """The parameters of a pass by name."""
        if self._weights is None:
            self._weights = Weights(dict(zip(self.spec.shapes(), self.parameters, strict=True)))
        return self._weights

    @property
    def data(self) -> Tensor | None:
        """Packed frames ``(M, C, *S)``, or ``(N, C, *S)`` for all steps, or None."""
        return self.batch.data

    @property
    def sizes(self) -> list[int]:
        """Sequences alive at every step."""
        return self.batch.batch_sizes

    @property
    def state(self) -> State:
        """The initial states of a pass."""
        assert self.states is not None
        return tuple(column[0] for column in self.states)

    @property
    def device(self) -> torch.device:
        """The device of a pass."""
        return self.state[0].device

    @property
    def dtype(self) -> torch.dtype:
        """The type in which a pass computes its convolutions: autocast's where that is on, but for float64."""
        weight = self.weights.weight_hh
        if weight.dtype == torch.float64 or not torch.is_autocast_enabled(weight.device.type):
            return weight.dtype
        return torch.get_autocast_dtype(weight.device.type)

    def tensors(self) -> list[Tensor]:
        """All tensors of a pass."""
        return [t for t in (self.data, *self.state, *self.parameters) if t is not None]

    def with_tensors(self, data: Tensor | None, state: State, parameters: Sequence[Tensor]) -> Call:
        """The same pass over other tensors, with as many sequences as the states have."""
        batch = Batch(data, self.sizes, state[0].shape[0])
        return replace(self, parameters=parameters, batch=batch, states=tuple((s,) for s in state))

    @property
    def normal(self) -> Call:
        """A pass in normal form, on which all kernels but plain PyTorch work.

        All that a convolution reads is of one type, c of float32 where that is a half type. A second bias is added to
        the first, but for a GRU's that stands inside a product. A convolution over one axis, or a grouped matrix, is
        one over two axes. Frames are channels-last, vectors contiguous, and nothing is negated lazily.
        """
        if self._normal is None:
            self._normal = _normal_form(self)
        return self._normal


def run_normal(run: Callable[[Call], PassResult], call: Call) -> PassResult:
    """Give ``run`` a pass in normal form, and its results the form of the pass itself."""
    output, final = run(call.normal)
    for _ in range(_missing_axes(call.spec)):
        output, final = output.squeeze(2), tuple(s.squeeze(2) for s in final)
    return output, narrow_states(final, call.state, call.dtype)


def is_shallow(call: Call) -> bool:
    """Whether a pass on a CPU convolves volumes in bfloat16 that are less deep than the kernel.

    There oneDNN's gradient of the weight is wrong, and writes where it must not, unless the volumes are contiguous.
    """
    spec, data = call.spec, call.data
    if spec.input.axes != 3 or call.dtype != torch.bfloat16 or call.device.type != "cpu":
        return False
    of_input = data is not None and data.shape[2] < spec.input.kernel_size[0]
    return of_input or call.state[0].shape[2] < spec.recurrent.kernel_size[0]


def in_order(parameter: Tensor) -> Tensor:
    """A parameter as kernels read it: a vector's numbers side by side, nothing negated lazily."""
    return parameter.resolve_neg().contiguous() if parameter.dim() == 1 else parameter.resolve_neg()


def _normal_form(call: Call) -> Call:
    """The pass in normal form; see :attr:`Call.normal`."""
    weights, data, state = _in_one_type(call)
    spec, weights = _with_one_bias(call.spec, weights)
    missing = _missing_axes(spec)
    if missing:
        spec = replace(spec, input=_widen(spec.input, missing), recurrent=_widen(spec.recurrent, missing))
    parameters = [in_order(_add_axes(t, missing if t.dim() > 1 else 0)) for t in weights.tensors.values()]
    data = None if data is None else channels_last(_add_axes(data.resolve_neg(), missing))
    state = tuple(channels_last(_add_axes(s.resolve_neg(), missing)) for s in state)
    return replace(
        call,
        layers=Layers((spec,)),
        parameters=parameters,
        batch=Batch(data, call.sizes, len(state[0])),
        states=[(s,) for s in state],
    )


def _in_one_type(call: Call) -> tuple[Weights, Tensor | None, State]:
    """Weights, data and states in the types that the pass computes in."""
    weights, data, dtype = call.weights, call.data, call.dtype
    if dtype != weights.weight_hh.dtype:
        # Peepholes are not a convolution's: they multiply c in its own type.
        cast = {name: t if name == "weight_ch" else t.to(dtype) for name, t in weights.tensors.items()}
        weights, data = Weights(cast), None if data is None else data.to(dtype)
    return weights, data, widen_states(call.state, dtype)


def _with_one_bias(spec: LayerSpec, weights: Weights) -> tuple[LayerSpec, Weights]:
    """The layer with its second bias added to the first, unless that stands inside a product."""
    first, second = weights.bias_ih, weights.bias_hh
    if first is None or second is None or (isinstance(spec.rule, GRUStep) and spec.rule.reset_after):
        return spec, weights
    return replace(spec, bias=("bias_ih",)), weights.replace(bias_ih=first + second, bias_hh=None)


def _missing_axes(spec: LayerSpec) -> int:
    """How many axes of size 1 a layer's frames get; a matrix without groups stays one."""
    axes = spec.input.axes
    return 0 if axes == 0 and spec.recurrent.groups == 1 else max(0, 2 - axes)


def _add_axes(x: Tensor, missing: int) -> Tensor:
    """The tensor with axes of size 1 before its spatial ones."""
    for _ in range(missing):
        x = x.unsqueeze(2)
    return x


def _widen(projection: Projection, missing: int) -> Projection:
    """The projection with axes of size 1 before its own."""
    padding = projection.padding if isinstance(projection.padding, str) else (0,) * missing + projection.padding
    ones = (1,) * missing
    return replace(
        projection,
        axes=2,
        kernel_size=ones + projection.kernel_size,
        stride=ones + projection.stride,
        dilation=ones + projection.dilation,
        padding=padding,
    )
