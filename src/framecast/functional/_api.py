"""Recurrent layers as functions over explicit weights, as ``F.conv2d`` is to ``nn.Conv2d``.

Each runs one layer in one direction. What is dense and what a convolution over one, two or three axes follows from the
weights' shapes.

Shape letters: T time, N batch, C input channels, H hidden channels, P output channels, G gates, g groups, K kernel,
S spatial axes.
"""

from __future__ import annotations

from typing import Unpack

from torch import Tensor

from ._activations import Activation
from ._layer import LayerSpec, Weights, layer_pass
from ._option import takes_options
from ._space import SPACE, SPACE_TYPES, SpaceOptions, check_space, projections
from ._steps import GRUStep, LSTMStep, RNNStep, State, StepRule

_PEEPHOLE_OF_EXTRA = {0: "pixel", 1: "conv"}  # by axes of weight_ch beyond the first and the spatial ones


@takes_options(SPACE, SPACE_TYPES, RNNStep)
def rnn(  # noqa: D417  (options are described from their definitions)
    input: Tensor | None,
    hx: Tensor,
    weight_ih: Tensor | None,
    weight_hh: Tensor,
    bias_ih: Tensor | None = None,
    bias_hh: Tensor | None = None,
    *,
    nonlinearity: str | Activation = RNNStep.nonlinearity,
    reverse: bool = False,
    steps: int | None = None,
    **space: Unpack[SpaceOptions],
) -> tuple[Tensor, Tensor]:
    """Run a simple recurrent layer, ``h' = nonlinearity(W_ih x + b_ih + W_hh h + b_hh)``, over a sequence.

    Args:
        input: frames ``(T, N, C, *S)``; None for a layer without input.
        hx: initial state ``(N, H, *S')``.
        weight_ih: ``(H, C/g, *K)``; None for a layer without input.
        weight_hh: ``(H, H/g, *K_hh)``.
        bias_ih: ``(H,)``.
        bias_hh: ``(H,)``.
        reverse: run from the last step to the first.
        steps: number of steps of a layer without input.

    Returns:
        Outputs ``(T, N, H, *S')`` and the final state ``(N, H, *S')``.

    Raises:
        ValueError: if a shape contradicts another, or ``steps`` is missing or not wanted.

    Example:
        >>> output, h = rnn(torch.ones(3, 2, 1), torch.zeros(2, 4), torch.ones(4, 1), torch.zeros(4, 4))
        >>> output.shape, h[0, 0]
        (torch.Size([3, 2, 4]), tensor(0.7616))
    """
    weights = _weights(weight_ih, weight_hh, bias_ih, bias_hh)
    output, (h,) = _run(RNNStep(nonlinearity), weights, space, input, (hx,), reverse, steps)
    return output, h


@takes_options(SPACE, SPACE_TYPES, LSTMStep)
def lstm(  # noqa: D417  (options are described from their definitions)
    input: Tensor | None,
    hx: tuple[Tensor, Tensor],
    weight_ih: Tensor | None,
    weight_hh: Tensor,
    bias_ih: Tensor | None = None,
    bias_hh: Tensor | None = None,
    weight_hr: Tensor | None = None,
    weight_ch: Tensor | None = None,
    *,
    activation: str | Activation = LSTMStep.activation,
    recurrent_activation: str | Activation = LSTMStep.recurrent_activation,
    reverse: bool = False,
    steps: int | None = None,
    **space: Unpack[SpaceOptions],
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """Run an LSTM layer over a sequence; the equations are those of :class:`framecast.nn.ConvLSTM2d`.

    Args:
        input: frames ``(T, N, C, *S)``; None for a layer without input.
        hx: initial states ``(N, P, *S')`` and ``(N, H, *S')``.
        weight_ih: ``(4H, C/g, *K)``, gates i, f, g, o; None for a layer without input.
        weight_hh: ``(4H, P/g, *K_hh)``.
        bias_ih: ``(4H,)``.
        bias_hh: ``(4H,)``.
        weight_hr: ``(P, H, 1, ...)``, to project the output; else P is H.
        weight_ch: peepholes of i, f, o: ``(3H,)`` per channel, ``(3H, *S')`` per pixel, or ``(3H, H/g, *K_hh)``.
        reverse: as for :func:`rnn`.
        steps: as for :func:`rnn`.

    Returns:
        Outputs ``(T, N, P, *S')`` and the final states.

    Raises:
        ValueError: as for :func:`rnn`.

    Example:
        >>> h = c = torch.zeros(2, 4, 5, 6)
        >>> weight_ih, weight_hh = torch.randn(16, 1, 3, 3), torch.randn(16, 4, 3, 3)
        >>> output, (h, c) = lstm(torch.randn(3, 2, 1, 5, 6), (h, c), weight_ih, weight_hh)
        >>> output.shape
        torch.Size([3, 2, 4, 5, 6])
    """
    weights = _weights(weight_ih, weight_hh, bias_ih, bias_hh, weight_hr, weight_ch)
    output, (h, c) = _run(LSTMStep(activation, recurrent_activation), weights, space, input, tuple(hx), reverse, steps)
    return output, (h, c)


@takes_options(SPACE, SPACE_TYPES, GRUStep)
def gru(
    input: Tensor | None,
    hx: Tensor,
    weight_ih: Tensor | None,
    weight_hh: Tensor,
    bias_ih: Tensor | None = None,
    bias_hh: Tensor | None = None,
    *,
    reset_after: bool = GRUStep.reset_after,
    activation: str | Activation = GRUStep.activation,
    recurrent_activation: str | Activation = GRUStep.recurrent_activation,
    reverse: bool = False,
    steps: int | None = None,
    **space: Unpack[SpaceOptions],
) -> tuple[Tensor, Tensor]:
    """Run a GRU layer over a sequence; the equations are those of :class:`framecast.nn.ConvGRU2d`.

    The tensors, the result and the errors are those of :func:`rnn`, with gates r, z, n stacked in the weights,
    ``(3H, ...)``.

    Example:
        >>> output, h = gru(None, torch.ones(2, 4), None, torch.zeros(12, 4), steps=3)
        >>> output[:, 0, 0]
        tensor([0.5000, 0.2500, 0.1250])
    """
    weights = _weights(weight_ih, weight_hh, bias_ih, bias_hh)
    rule = GRUStep(activation, recurrent_activation, reset_after)
    output, (h,) = _run(rule, weights, space, input, (hx,), reverse, steps)
    return output, h


def rnn_cell(
    input: Tensor,
    hx: Tensor,
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias_ih: Tensor | None = None,
    bias_hh: Tensor | None = None,
    *,
    nonlinearity: str | Activation = RNNStep.nonlinearity,
) -> Tensor:
    """One step of :func:`rnn`: ``input (N, C, *S)`` and ``hx (N, H, *S)`` to the new state.

    Example:
        >>> rnn_cell(torch.ones(2, 1), torch.zeros(2, 4), torch.ones(4, 1), torch.zeros(4, 4)).shape
        torch.Size([2, 4])
    """
    return rnn(input.unsqueeze(0), hx, weight_ih, weight_hh, bias_ih, bias_hh, nonlinearity=nonlinearity)[1]


def lstm_cell(
    input: Tensor,
    hx: tuple[Tensor, Tensor],
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias_ih: Tensor | None = None,
    bias_hh: Tensor | None = None,
    weight_hr: Tensor | None = None,
    weight_ch: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """One step of :func:`lstm`: ``input (N, C, *S)`` and the states to the new states.

    Example:
        >>> h, c = lstm_cell(torch.ones(2, 1), (torch.zeros(2, 4),) * 2, torch.ones(16, 1), torch.zeros(16, 4))
        >>> h.shape
        torch.Size([2, 4])
    """
    return lstm(input.unsqueeze(0), hx, weight_ih, weight_hh, bias_ih, bias_hh, weight_hr, weight_ch)[1]


def gru_cell(
    input: Tensor,
    hx: Tensor,
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias_ih: Tensor | None = None,
    bias_hh: Tensor | None = None,
    *,
    reset_after: bool = GRUStep.reset_after,
) -> Tensor:
    """One step of :func:`gru`: ``input (N, C, *S)`` and ``hx (N, H, *S)`` to the new state.

    Example:
        >>> gru_cell(torch.ones(2, 1), torch.zeros(2, 4), torch.ones(12, 1), torch.zeros(12, 4)).shape
        torch.Size([2, 4])
    """
    return gru(input.unsqueeze(0), hx, weight_ih, weight_hh, bias_ih, bias_hh, reset_after=reset_after)[1]


def _weights(
    weight_ih: Tensor | None,
    weight_hh: Tensor,
    bias_ih: Tensor | None,
    bias_hh: Tensor | None,
    weight_hr: Tensor | None = None,
    weight_ch: Tensor | None = None,
) -> Weights:
    if weight_hh is None:
        raise ValueError("`weight_hh` must be a tensor, got None")
    return Weights.of(
        weight_ih=weight_ih,
        weight_hh=weight_hh,
        bias_ih=bias_ih,
        bias_hh=bias_hh,
        weight_hr=weight_hr,
        weight_ch=weight_ch,
    )


def _run(
    rule: StepRule,
    weights: Weights,
    space: SpaceOptions,
    input: Tensor | None,
    state: State,
    reverse: bool,
    steps: int | None,
) -> tuple[Tensor, State]:
    weight_ih, weight_hh = weights.weight_ih, weights.weight_hh
    if weight_hh.dim() not in (2, 3, 4, 5) or weight_hh.shape[0] % rule.gates:
        raise ValueError(f"`weight_hh` must be ({rule.gates}*H, P/groups, *K), got {_shape(weight_hh)}")
    if (input is None) != (weight_ih is None) or (input is None) == (steps is None):
        raise ValueError("give `input` and `weight_ih`, or neither of them and `steps`")
    axes, hidden = weight_hh.dim() - 2, weight_hh.shape[0] // rule.gates
    options = check_space(axes, space)
    groups = options["groups"]
    if input is not None and weight_ih is not None:
        channels = weight_ih.shape[1] * groups
        if input.dim() != axes + 3 or input.shape[2] != channels or not len(input):
            raise ValueError(f"`input` must be (T, N, {channels}, *S) with {axes} axes S, got {_shape(input)}")
    kernel = tuple((weight_hh if weight_ih is None else weight_ih).shape[2:])
    to_gates, recurrent = projections(axes, kernel, tuple(weight_hh.shape[2:]), options)
    peephole = None
    if weights.weight_ch is not None:
        extra = weights.weight_ch.dim() - 1
        peephole = "channel" if extra == 0 else _PEEPHOLE_OF_EXTRA.get(extra - axes)
        if peephole is None or (axes == 0 and extra):
            raise ValueError(
                f"`weight_ch` must be (3*H,), (3*H, *S) or (3*H, H/groups, *K), got {_shape(weights.weight_ch)}"
            )
    projection = weights.get("weight_hr")
    spec = LayerSpec(
        rule,
        0 if weight_ih is None else weight_ih.shape[1] * groups,
        hidden,
        to_gates,
        recurrent,
        proj_size=0 if projection is None else projection.shape[0],
        peephole=peephole,
    )
    size = tuple(state[0].shape[2:]) if input is None else to_gates.output_size(input.shape[3:])
    batch = state[0].shape[0] if input is None else input.shape[1]
    for name, s, channels in zip((f"{name}_0" for name in rule.states), state, spec.state_channels, strict=True):
        if tuple(s.shape) != (batch, channels, *size):
            raise ValueError(f"`{name}` must have shape {(batch, channels, *size)}, got {_shape(s)}")
    length = len(input) if input is not None else steps
    assert length is not None
    data = None if input is None else input.flatten(0, 1)
    output, final = layer_pass(spec, weights, data, [batch] * length, state, reverse=reverse)
    return output.unflatten(0, (length, batch)), final


def _shape(x: Tensor | None) -> str:
    return "None" if x is None else f"shape {tuple(x.shape)}"
