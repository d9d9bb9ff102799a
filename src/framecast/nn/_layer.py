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
import torch.nn.functional as F
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from framecast import kernels
from framecast.functional import Batch, LayerSpec, State, Weights, flag, probability, whole
from framecast.kernels._torch_rnn import FusedOperator, fused_operator, operators_run

from ._base import BIAS, RecurrentModule, check_like
from ._options import option
from ._spec import layer_spec, zoneouts
from ._states import StateForm, check_spatial_size

_FUSED = "the fused operator of torch.nn"


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
        plain = self.input_size and not self.checkpoint
        self._operator = fused_operator(self._specs, self._directions, self.dropout) if plain else None
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
        return self._tensors()

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
        if self._operator is not None and hx is lengths is steps is None and type(input) is Tensor:
            parameters = self._tensors()
            if self._is_short(input, parameters[0]):
                return self._run_short(self._operator, input, parameters)
        if self.input_size == 0:
            frames, states, batched = self._without_input(input, hx, lengths, steps)
        else:
            frames, states, batched = self._with_input(input, hx, lengths, steps)
        weights = [self._weights(spec, suffix) for k, spec in enumerate(self._specs) for suffix in self._suffixes(k)]
        run = partial(self._run_layers, training=self.training, zero_state=hx is None)
        if self._operator is not None and frames.is_plain() and operators_run():
            kernels.record("torch", _FUSED)
            data, finals = self._operator(frames, states, weights, self.training, run)
        else:
            data, finals = run(frames, states, weights)
        finals = [tuple(frames.unsort(s, 0) for s in state) for state in finals]
        result = frames.to_output(data)
        if isinstance(result, Tensor) and not batched:
            result = result.squeeze(1)
        elif isinstance(result, Tensor) and self.batch_first:
            result = result.transpose(0, 1)
        return result, self._states.join(finals, batched)

    def _tensors(self) -> list[Tensor]:
        """All parameters, as ``torch.nn.LSTM`` lists them."""
        registered: Any = self._parameters
        try:
            return [registered[name] for name in self._names]
        except KeyError:  # made from others, by torch.nn.utils.parametrize or the like
            return [getattr(self, name) for name in self._names]

    def _is_short(self, x: Tensor, weight: Tensor) -> bool:
        """Whether torch's operator takes a call from zero states as it stands: a padded batch."""
        shape = x.shape
        fits = len(shape) == 3 and shape[2] == self.input_size and 0 not in shape
        return fits and x.dtype == weight.dtype and x.device == weight.device and operators_run()

    def _run_short(self, operator: FusedOperator, x: Tensor, weights: list[Tensor]) -> tuple[Any, Any]:
        """Run torch's operator from zero states."""
        kernels.record("torch", _FUSED)
        batch, count = x.shape[0 if self.batch_first else 1], self.num_layers * self._directions
        states = [x.new_zeros(count, batch, channels) for channels in self._specs[0].state_channels]
        results = operator.padded(x, states, weights, self.training, self.batch_first, self._again)
        return results[0], results[1] if len(results) == 2 else results[1:]

    def _again(self, training: bool, x: Tensor, *rest: Tensor) -> tuple[Tensor, ...]:
        """The results of :meth:`_run_short` without torch's operator, as a function of all tensors."""
        count = len(self._specs[0].rule.states)
        frames, values = Batch.from_padded(x.transpose(0, 1) if self.batch_first else x), iter(rest[count:])
        weights = [
            Weights({name: next(values) for name in spec.shapes()}) for spec in self._specs for _ in self._suffixes(0)
        ]
        states = list(zip(*(column.unbind(0) for column in rest[:count]), strict=True))
        data, finals = self._run_layers(frames, states, weights, training=training, zero_state=False)
        output = frames.to_output(data)
        assert isinstance(output, Tensor)
        output = output.transpose(0, 1) if self.batch_first else output
        return output, *(torch.stack(column) for column in zip(*finals, strict=True))

    def _run_layers(
        self, frames: Batch, states: Sequence[State], weights: Sequence[Weights], *, training: bool, zero_state: bool
    ) -> tuple[Tensor, list[State]]:
        """Run layer after layer, with one state and one set of weights per layer and direction."""
        data, finals = frames.data, []
        parts = iter(zip(states, weights, strict=True))
        for k, spec in enumerate(self._specs):
            outputs = []
            for d in range(self._directions):
                state, weight = next(parts)
                output, final = kernels.layer_pass(
                    spec,
                    weight,
                    data,
                    frames.batch_sizes,
                    state,
                    reverse=d == 1,
                    training=training,
                    zero_state=zero_state,
                    checkpoint=self.checkpoint,
                )
                outputs.append(output)
                finals.append(final)
            data = torch.cat(outputs, 1) if len(outputs) > 1 else outputs[0]
            if self.dropout and k + 1 < self.num_layers:
                data = F.dropout(data, self.dropout, training)
        assert data is not None
        return data, finals

    def _with_input(self, input: Any, hx: Any, lengths: Any, steps: int | None) -> tuple[Batch, list[State], bool]:
        if steps is not None:
            raise ValueError("`steps` is for layers with `input_size=0`; here the input says how many there are")
        if isinstance(input, PackedSequence):
            if lengths is not None:
                raise ValueError("`lengths` are for padded input; a PackedSequence has its own")
            self._check_frames(input.data, "input.data", ("M",))
            frames, batched = Batch.from_packed(input), True
        else:
            if not isinstance(input, Tensor):
                raise ValueError(f"`input` must be a tensor or a PackedSequence, got {type(input).__name__}")
            batched = input.dim() != self.spatial_axes + 2
            axes = (("N", "T") if self.batch_first else ("T", "N")) if batched else ("T",)
            self._check_frames(input, "input", axes)
            if not batched:
                input = input.unsqueeze(1)
            elif self.batch_first:
                input = input.transpose(0, 1)
            if input.shape[0] == 0:
                raise ValueError("`input` has no time steps (T = 0)")
            if lengths is not None:
                lengths = check_lengths(lengths, input.shape[0], input.shape[1])
            frames = Batch.from_padded(input, lengths)
        assert frames.data is not None
        size = tuple(frames.data.shape[2:])
        check_spatial_size("input", size, self._spatial_size)
        if hx is None:
            states = self._states.zeros(frames.batch, size, frames.data)
        else:
            states = frames.sort(self._states.split(hx, frames.batch, size, batched, self._tensors()[0]))
        return frames, states, batched

    def _without_input(self, input: Any, hx: Any, lengths: Any, steps: int | None) -> tuple[Batch, list[State], bool]:
        if input is not None:
            raise ValueError("`input` must be None: the layer has `input_size=0`")
        if lengths is not None:
            raise ValueError("`lengths` has no meaning without input: give `steps`")
        if steps is None or hx is None:
            raise ValueError("a layer with `input_size=0` needs `hx` and `steps`")
        steps = whole("steps", steps, 1)
        batch, size, batched = self._states.sizes_of(hx, self.spatial_axes)
        check_spatial_size("hx", size, self._spatial_size)
        states = self._states.split(hx, batch, size, batched, self._tensors()[0])
        return Batch(None, [batch] * steps, batch), states, batched

    def _check_frames(self, frames: Tensor, name: str, leading: tuple[str, ...]) -> None:
        wanted = (*leading, str(self.input_size), *("D", "H", "W")[3 - self.spatial_axes :])
        if frames.dim() != len(wanted):
            raise ValueError(f"`{name}` must be ({', '.join(wanted)}), got shape {tuple(frames.shape)}")
        if frames.shape[len(leading)] != self.input_size:
            raise ValueError(
                f"`{name}` has {frames.shape[len(leading)]} channels, but `input_size` is {self.input_size} "
                f"(shape {tuple(frames.shape)})"
            )
        check_like(name, frames, self._tensors()[0])


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
