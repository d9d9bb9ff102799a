"""GRU layers and cells: dense, and with convolutions over one, two or three axes."""

from __future__ import annotations

from framecast.functional import Activation, GRUStep

from ._base import Convolutional, RecurrentModule
from ._cell import RecurrentCell
from ._layer import RecurrentLayer
from ._options import option


class GRUOptions(RecurrentModule):
    """The options of a GRU."""

    step_rule = GRUStep
    proj_size = 0  # as torch's
    reset_after: bool = option(default=GRUStep.reset_after)
    activation: str | Activation = option(default=GRUStep.activation)
    recurrent_activation: str | Activation = option(default=GRUStep.recurrent_activation)


class GRU(GRUOptions, RecurrentLayer):
    """Gated recurrent unit, as ``torch.nn.GRU``, and as Cho et al. 2014 with ``reset_after=False``.

    Example:
        >>> output, h_n = GRU(3, 5, bidirectional=True)(torch.randn(7, 4, 3))
        >>> output.shape, h_n.shape
        (torch.Size([7, 4, 10]), torch.Size([2, 4, 5]))
    """


class ConvGRU1d(Convolutional, GRUOptions, RecurrentLayer):
    """Convolutional GRU over frames with one axis ``(T, N, C, W)``; see :class:`ConvGRU2d`."""

    spatial_axes = 1


class ConvGRU2d(Convolutional, GRUOptions, RecurrentLayer):
    r"""Convolutional GRU over frames ``(T, N, C, H, W)``, with the interface of ``torch.nn.GRU``.

    .. math::
        r_t &= \sigma(W_r * x_t + U_r * h_{t-1} + b_r) \\
        z_t &= \sigma(W_z * x_t + U_z * h_{t-1} + b_z) \\
        n_t &= \tanh(W_n * x_t + b_n + r_t \circ (U_n * h_{t-1} + b'_n)) \\
        h_t &= (1 - z_t) \circ n_t + z_t \circ h_{t-1}

    With ``reset_after=False``, :math:`n_t = \tanh(W_n * x_t + U_n * (r_t \circ h_{t-1}) + b_n)` (Cho et al. 2014,
    arXiv 1406.1078; in convolutional form Ballas et al. 2016, arXiv 1511.06432) and there is one bias.

    An int stands for all layers and axes, a tuple gives one value per axis, a list one per layer.

    Example:
        >>> output, h_n = ConvGRU2d(1, 8, kernel_size=5, stride=2)(torch.randn(6, 2, 1, 15, 20))
        >>> output.shape, h_n.shape
        (torch.Size([6, 2, 8, 8, 10]), torch.Size([1, 2, 8, 8, 10]))
    """

    spatial_axes = 2


class ConvGRU3d(Convolutional, GRUOptions, RecurrentLayer):
    """Convolutional GRU over volumes ``(T, N, C, D, H, W)``; see :class:`ConvGRU2d`."""

    spatial_axes = 3


class GRUCell(GRUOptions, RecurrentCell):
    """One step of :class:`GRU`, as ``torch.nn.GRUCell``."""


class ConvGRU1dCell(Convolutional, GRUOptions, RecurrentCell):
    """One step of :class:`ConvGRU1d`."""

    spatial_axes = 1


class ConvGRU2dCell(Convolutional, GRUOptions, RecurrentCell):
    """One step of :class:`ConvGRU2d`.

    Example:
        >>> ConvGRU2dCell(3, 5, kernel_size=3)(torch.randn(4, 3, 9, 11)).shape
        torch.Size([4, 5, 9, 11])
    """

    spatial_axes = 2


class ConvGRU3dCell(Convolutional, GRUOptions, RecurrentCell):
    """One step of :class:`ConvGRU3d`."""

    spatial_axes = 3
