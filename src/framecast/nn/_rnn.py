"""Simple recurrent layers and cells (Elman 1990): dense, and with convolutions over one, two or three axes."""

from __future__ import annotations

from typing import Any

import torch

from framecast.functional import Activation, RNNStep

from ._cell import RecurrentCell
from ._layer import RecurrentLayer
from ._options import PerLayer


class _RNNLayer(RecurrentLayer):
    """An RNN's constructor takes ``nonlinearity`` fourth, as torch's does."""

    step_rule = RNNStep

    def __init__(
        self,
        input_size: int,
        hidden_size: int | list[int],
        num_layers: int = 1,
        nonlinearity: str | Activation = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        *,
        kernel_size: PerLayer = 3,
        recurrent_kernel_size: PerLayer | None = None,
        stride: PerLayer = 1,
        padding: str | PerLayer = "same",
        dilation: PerLayer = 1,
        recurrent_dilation: PerLayer = 1,
        groups: int = 1,
        padding_mode: str = "zeros",
        norm: str | None = None,
        recurrent_dropout: float = 0.0,
        zoneout: float | tuple[float, float] = 0.0,
        checkpoint: bool | int = False,
        device: Any = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        options = {name: value for name, value in locals().items() if name not in ("self", "__class__")}
        super().__init__(**options)


class RNN(_RNNLayer):
    """Simple recurrent layer, as ``torch.nn.RNN``: ``h' = nonlinearity(W_ih x + b + W_hh h)``.

    ``nonlinearity`` is ``"tanh"``, ``"relu"`` or any other of the table of activations, or a callable. The keywords
    are those of :class:`ConvLSTM2d` that concern neither space nor gates nor a cell state.

    Example:
        >>> output, h_n = RNN(3, 5, 2, "relu")(torch.randn(7, 4, 3))
        >>> output.shape, h_n.shape
        (torch.Size([7, 4, 5]), torch.Size([2, 4, 5]))
    """


class ConvRNN1d(_RNNLayer):
    """Convolutional RNN over frames with one axis ``(T, N, C, W)``; see :class:`ConvRNN2d`."""

    spatial_axes = 1


class ConvRNN2d(_RNNLayer):
    """Convolutional RNN over frames ``(T, N, C, H, W)``, with the interface of ``torch.nn.RNN``.

    ``h_t = nonlinearity(W * x_t + U * h_{t-1} + b)``. The arguments are those of :class:`ConvLSTM2d`, with
    ``nonlinearity`` fourth, but for those of gates and of a cell state.

    Example:
        >>> output, h_n = ConvRNN2d(1, 8, kernel_size=3)(torch.randn(6, 2, 1, 15, 20))
        >>> output.shape, h_n.shape
        (torch.Size([6, 2, 8, 15, 20]), torch.Size([1, 2, 8, 15, 20]))
    """

    spatial_axes = 2


class ConvRNN3d(_RNNLayer):
    """Convolutional RNN over volumes ``(T, N, C, D, H, W)``; see :class:`ConvRNN2d`."""

    spatial_axes = 3


class RNNCell(RecurrentCell):
    """One step of :class:`RNN`, as ``torch.nn.RNNCell``."""

    step_rule = RNNStep


class ConvRNN1dCell(RecurrentCell):
    """One step of :class:`ConvRNN1d`."""

    step_rule = RNNStep
    spatial_axes = 1


class ConvRNN2dCell(RecurrentCell):
    """One step of :class:`ConvRNN2d`."""

    step_rule = RNNStep
    spatial_axes = 2


class ConvRNN3dCell(RecurrentCell):
    """One step of :class:`ConvRNN3d`."""

    step_rule = RNNStep
    spatial_axes = 3
