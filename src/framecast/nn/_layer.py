"""Recurrent layers: several levels, one or two directions, any form of batch.

Shape letters: T time, N batch, C input channels, H hidden channels, P output channels, D directions, L layers,
S spatial axes.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence
from torch.overrides import is_tensor_like

from framecast import kernels
from framecast.functional import Batch, Column, LayerSpec, flag, probability, whole

from ._base import BIAS, RecurrentModule, check_like
from ._options import option
from ._spec import layer_spec, zoneouts
from ._states import StateForm, check_spatial_size

Packed = tuple[Batch, Sequence[Column] | None, bool]
"""A batch, its initial states in packed order (None for zero), and whether the caller's tensors have a batch axis."""


def _checkpoint(name: str, value: Any) -> bool | int:
    return value if isinstance(value, bool) else whole(name, value, 1)


class Stack(RecurrentModule):
    """The number and the widths of stacked layers."""

    hidden_size: int | list[int] = option(
        meaning="channels of the states; a list gives one size per layer.",
        rule=partial(whole, least=1),
        per_layer=True,
        kw_only=False,
    )
    num_layers: int = option(default=1, meaning="number of layers.", rule=partial(whole, least=1), kw_only=False)


class RecurrentLayer(Stack):
    """Base of all recurrent layers; see :class:`framecast.nn.ConvLSTM2d` for the options of convolutions.

    A layer of one's own names its step rule in ``step_rule``, whose fields become options; with convolutions it is
    :class:`framecast.nn.Convolutional` too and says over how many axes, ``spatial_axes``.
    """

    bias: bool = option(default=BIAS, kw_only=False)
    batch_first: bool = option(
        default=False,
        meaning="input and output are ``(N, T, C, ...)``; states are not affected.",
        rule=flag,
        kw_only=False,
    )
    dropout: float = option(
        default=0.0, meaning="dropout of the output of every layer but the last.", rule=probability, kw_only=False
    )
    bidirectional: bool = option(
        default=False,
        meaning="also run backwards in time; the outputs are stacked in the channels.",
        rule=flag,
        kw_only=False,
    )
    recurrent_dropout: float = option(
        default=0.0,
        meaning="dropout of the h that enters the recurrent projection, one mask for the whole sequence.",
        rule=probability,
    )
    checkpoint: bool | int = option(
        default=False,
        meaning="True to hold only input and states for the backward and compute the gates once more there; a number "
        "k to hold the states of every k-th step and compute all between once more.",
        rule=_checkpoint,
    )

    def __post_init__(self, device: Any, dtype: torch.dtype | None) -> None:
        """Check the options and make the parameters."""
        self.num_layers = _count_layers(self.hidden_size, self.num_layers)
        options = self._check_layers(self.num_layers)
        rule = self._rule(options[0])
        if self.dropout and self.num_layers == 1:
            warnings.warn(f"`dropout` (={self.dropout}) acts between layers, but there is only one", stacklevel=3)
        if not self.input_size and self.batch_first:
            raise ValueError("`batch_first` has no meaning with `input_size=0`: there is no input")
        if self.num_layers == 1:
            self._check_no_input()
        zoneout = zoneouts(self.zoneout, rule.states, type(self).__name__)
        size = self._spatial_size = options[0].get("spatial_size")
        specs: list[LayerSpec] = []
        for k in range(self.num_layers):
            spec = layer_spec(
                rule,
                options[k],
                axes=self.spatial_axes,
                input_size=self._directions * specs[-1].output_size if k else self.input_size,
                bias=self._bias_names(rule, self.bias),
                zoneout=zoneout,
                parts=self._directions if k else 1,
                frame_size=size,
            )
            size = None if size is None else spec.input.output_size(size)
            specs.append(spec)
        self._specs = tuple(specs)
        self._states = StateForm(self._specs, self._directions, self._differ())
        self._layers = kernels.Layers(self._specs, self._directions)
        self._names = [name for names in self._all_weights for name in names]
        for k, spec in enumerate(specs):
            for suffix in self._suffixes(k):
                self._add_parameters(spec, suffix, device, dtype)
        self.reset_parameters()

    def _differ(self) -> bool:
        """Whether layers can differ in the size of their states: known before there are any frames."""
        lists = [getattr(self, name) for name, o in self._options.items() if o.per_layer]
        differ = any(isinstance(value, list) and any(v != value[0] for v in value) for value in lists)
        return self.num_layers > 1 and (differ or not all(spec.input.keeps_size() for spec in self._specs))

    @property
    def _directions(self) -> int:
        return 2 if self.bidirectional else 1

    @property
    def output_size(self) -> int:
        """Channels of the output, D*P of the last layer."""
        return self._directions * self._specs[-1].output_size

    @property
    def mode(self) -> str:
        """Name of the cell, as torch names it: ``"LSTM"``, ``"GRU"``, ``"RNN_TANH"``."""
        name = type(self._specs[0].rule).__name__.removesuffix("Step").upper()
        nonlinearity = getattr(self, "nonlinearity", None)
        return f"{name}_{nonlinearity.upper()}" if isinstance(nonlinearity, str) else name

    @property
    def all_weights(self) -> list[list[Tensor]]:
        """Parameters of every layer and direction, as ``torch.nn.LSTM`` lists them."""
        return [[getattr(self, name) for name in names] for names in self._all_weights]

    @property
    def _all_weights(self) -> list[list[str]]:
        """Names of the parameters of every layer and direction."""
        return [
            [name + suffix for name in spec.shapes()]
            for k, spec in enumerate(self._specs)
            for suffix in self._suffixes(k)
        ]

    @property
    def _flat_weights_names(self) -> list[str]:
        return self._names

    @property
    def _flat_weights(self) -> list[Tensor]:
        """All parameters in one list, which code written for torch reads."""
        return self._tensors(self._names)

    def _suffixes(self, layer: int) -> list[str]:
        return [f"_l{layer}", f"_l{layer}_reverse"][: self._directions]

    def flatten_parameters(self) -> None:
        """Do nothing: for code written for ``torch.nn.LSTM``, which repacks its weights here."""

    def reset_parameters(self) -> None:
        """Draw new initial weights; peepholes start at 0."""
        for k, spec in enumerate(self._specs):
            for suffix in self._suffixes(k):
                self._reset(spec, suffix)

    def forward(
        self,
        input: Tensor | PackedSequence | None,
        hx: Any = None,
        *,
        lengths: Tensor | Sequence[int] | None = None,
        steps: int | None = None,
    ) -> tuple[Any, Any]:
        """Run the layer over a batch of sequences.

        Args:
            input: frames ``(T, N, C, *S)``, ``(N, T, C, *S)`` with ``batch_first``, ``(T, C, *S)`` unbatched, a
                ``PackedSequence``, or None for a layer with ``input_size=0``.
            hx: initial states as an earlier call returned them; zero if None.
            lengths: lengths ``(N,)`` of padded sequences. Outputs past a sequence's end are zero, and the returned
                state is that of its own last step.
            steps: number of steps to run a layer without input.

        Returns:
            The output ``(T, N, D*P, *S')`` in the form of the input, and the final states ``(L*D, N, P, *S')``: a
            tensor, or a pair (h, c) where the cell has two. Where layers differ in size, each is a tuple with one
            ``(D, N, P_l, *S_l)`` per layer.

        Raises:
            ValueError: if an argument does not fit the layer.
        """
        parameters = self._tensors(self._names)
        read = self._with_input if self.input_size else self._without_input
        batch, states, batched = read(input, hx, lengths, steps, parameters[0])
        call = kernels.Call(
            self._layers, parameters, batch, states, self.dropout, self.training, checkpoint=self.checkpoint
        )
        output, finals = kernels.run(call)
        if not isinstance(output, PackedSequence):  # a tensor, or what acts as one
            if not batched:
                output = output.squeeze(1)
            elif self.batch_first:
                output = output.transpose(0, 1)
        return output, self._states.join(batch.unsort_states(finals), batched)

    def _with_input(
        self, input: Any, hx: Any, lengths: Tensor | Sequence[int] | None, steps: int | None, weight: Tensor
    ) -> Packed:
        """The batch that the caller gave; ``weight`` is one of the layer's."""
        if steps is not None:
            raise ValueError("`steps` is for layers with `input_size=0`; here the input says how many there are")
        if isinstance(input, PackedSequence):
            if lengths is not None:
                raise ValueError("`lengths` are for padded input; a PackedSequence has its own")
            self._check_frames(input.data, "input.data", 1, weight)
            batch, batched = Batch.from_packed(input), True
        else:
            if not is_tensor_like(input):
                raise ValueError(f"`input` must be a tensor or a PackedSequence, got {type(input).__name__}")
            batched = input.dim() != self.spatial_axes + 2
            self._check_frames(input, "input", 1 + batched, weight)
            if not batched:
                input = input.unsqueeze(1)
            elif self.batch_first:
                input = input.transpose(0, 1)
            shape = input.shape
            if shape[0] == 0:
                raise ValueError("`input` has no time steps (T = 0)")
            checked = None if lengths is None else check_lengths(lengths, shape[0], shape[1])
            batch = Batch.from_padded(input, checked)
        if hx is None and self._spatial_size is None:
            return batch, None, batched
        size = tuple(input.data.shape[2:] if isinstance(input, PackedSequence) else input.shape[3:])
        check_spatial_size("input", size, self._spatial_size)
        if hx is None:
            return batch, None, batched
        states = self._states.split(hx, batch.batch, size, batched, weight)
        return batch, batch.sort(states), batched

    def _without_input(
        self, input: Any, hx: Any, lengths: Tensor | Sequence[int] | None, steps: int | None, weight: Tensor
    ) -> Packed:
        """A batch of as many steps without frames, and as many sequences as ``hx`` has."""
        if input is not None:
            raise ValueError("`input` must be None: the layer has `input_size=0`")
        if lengths is not None:
            raise ValueError("`lengths` has no meaning without input: give `steps`")
        if steps is None or hx is None:
            raise ValueError("a layer with `input_size=0` needs `hx` and `steps`")
        steps = whole("steps", steps, 1)
        count, size, batched = self._states.sizes_of(hx, self.spatial_axes)
        check_spatial_size("hx", size, self._spatial_size)
        return Batch(None, [count] * steps, count), self._states.split(hx, count, size, batched, weight), batched

    def _check_frames(self, frames: Tensor, name: str, channels: int, weight: Tensor) -> None:
        """Check the shape of frames whose channels are the axis ``channels``, their device and dtype."""
        shape, rank = frames.shape, channels + 1 + self.spatial_axes
        if len(shape) == rank and shape[channels] == self.input_size:
            if frames.dtype != weight.dtype or frames.device != weight.device:
                check_like(name, frames, weight)
            return
        if len(shape) != rank:
            leading = ("M" if name == "input.data" else "T",) if channels == 1 else ("T", "N")
            leading = leading[::-1] if self.batch_first else leading
            wanted = (*leading, str(self.input_size), *("D", "H", "W")[3 - self.spatial_axes :])
            raise ValueError(f"`{name}` must be ({', '.join(wanted)}), got shape {tuple(shape)}")
        raise ValueError(
            f"`{name}` has {shape[channels]} channels, but `input_size` is {self.input_size} (shape {tuple(shape)})"
        )


def _count_layers(hidden_size: int | list[int], num_layers: int) -> int:
    whole("num_layers", num_layers, 1)
    if not isinstance(hidden_size, list):
        return num_layers
    if not hidden_size:
        raise ValueError("`hidden_size` is an empty list; give one size per layer")
    if num_layers not in (1, len(hidden_size)):
        raise ValueError(f"`num_layers` (={num_layers}) contradicts `hidden_size` (={hidden_size})")
    return len(hidden_size)


def check_lengths(lengths: Tensor | Sequence[int], steps: int, batch: int) -> Tensor:
    """Return the lengths ``(N,)`` of a padded batch on the CPU.

    Raises:
        ValueError: if they are not one whole number from 0 to ``steps`` per sequence.
    """
    try:
        lengths = torch.as_tensor(lengths, device="cpu")
    except (TypeError, ValueError, RuntimeError):  # NotImplementedError, of a tensor without data, is one
        raise ValueError(f"`lengths` must be whole numbers, got {lengths!r}") from None
    if lengths.dtype.is_floating_point or lengths.dtype.is_complex or lengths.dtype == torch.bool:
        raise ValueError(f"`lengths` must be whole numbers, got {lengths.dtype}")
    if tuple(lengths.shape) != (batch,):
        raise ValueError(f"`lengths` must have shape ({batch},), one per sequence, got {tuple(lengths.shape)}")
    if batch and (int(lengths.min()) < 0 or int(lengths.max()) > steps):
        raise ValueError(f"`lengths` must be from 0 to {steps}, the steps of the input, got {lengths.tolist()}")
    return lengths.long()
