"""Simple recurrent layers and cells (Elman 1990): dense, and with convolutions over one, two or three axes."""

from __future__ import annotations

from framecast.functional import Activation, RNNStep

from ._base import Convolutional, RecurrentModule
from ._cell import RecurrentCell
from ._layer import RecurrentLayer, Stack
from ._options import option


class RNNOptions(RecurrentModule):
    """The options of an RNN: ``nonlinearity`` is the fourth by position, as torch's."""

    step_rule = RNNStep
    proj_size = 0  # as torch's
    nonlinearity: str | Activation = option(default=RNNStep.nonlinearity, kw_only=False)


class RNN(RecurrentLayer, RNNOptions, Stack):
    """Simple recurrent layer, as ``torch.nn.RNN``: ``h' = nonlinearity(W_ih x + b + W_hh h)``.

    Example:
        >>> output, h_n = RNN(3, 5, 2, "relu")(torch.randn(7, 4, 3))
        >>> output.shape, h_n.shape
        (torch.Size([7, 4, 5]), torch.Size([2, 4, 5]))
    """


class ConvRNN1d(Convolutional, RecurrentLayer, RNNOptions, Stack):
    """Convolutional RNN over frames with one axis ``(T, N, C, W)``; see :class:`ConvRNN2d`."""

    spatial_axes = 1


class ConvRNN2d(Convolutional, RecurrentLayer, RNNOptions, Stack):
    """Convolutional RNN over frames ``(T, N, C, H, W)``, with the interface of ``torch.nn.RNN``.

    ``h_t = nonlinearity(W * x_t + U * h_{t-1} + b)``.

    An int stands for all layers and axes, a tuple gives one value per axis, a list one per layer.

    Example:
        >>> output, h_n = ConvRNN2d(1, 8, kernel_size=3)(torch.randn(6, 2, 1, 15, 20))
        >>> output.shape, h_n.shape
        (torch.Size([6, 2, 8, 15, 20]), torch.Size([1, 2, 8, 15, 20]))
    """

    spatial_axes = 2


class ConvRNN3d(Convolutional, RecurrentLayer, RNNOptions, Stack):
    """Convolutional RNN over volumes ``(T, N, C, D, H, W)``; see :class:`ConvRNN2d`."""

    spatial_axes = 3


class RNNCell(RNNOptions, RecurrentCell):
    """One step of :class:`RNN`, as ``torch.nn.RNNCell``."""


class ConvRNN1dCell(Convolutional, RNNOptions, RecurrentCell):
    """One step of :class:`ConvRNN1d`."""

    spatial_axes = 1


class ConvRNN2dCell(Convolutional, RNNOptions, RecurrentCell):
    """One step of :class:`ConvRNN2d`."""

    spatial_axes = 2


class ConvRNN3dCell(Convolutional, RNNOptions, RecurrentCell):
    """One step of :class:`ConvRNN3d`."""

    spatial_axes = 3
