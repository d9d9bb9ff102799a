"""LSTM layers and cells: dense, and with convolutions over one, two or three axes."""

from __future__ import annotations

from functools import partial

from framecast.functional import PEEPHOLES, Activation, LSTMStep, Option, choice, finite, per_axis, whole

from ._base import Convolutional, RecurrentModule
from ._cell import RecurrentCell
from ._layer import RecurrentLayer
from ._options import option
from ._spec import Size

_PROJ_SIZE = Option(
    0, "if not 0, project h to this many channels (by a 1x1 convolution).", partial(whole, least=0), per_layer=True
)


class LSTMOptions(RecurrentModule):
    """The options of an LSTM."""

    step_rule = LSTMStep
    peephole: str | None = option(
        default=None,
        meaning='None, ``"channel"`` (a weight per channel) or, in convolutions, ``"pixel"`` (per channel and '
        'position) or ``"conv"``.',
        rule=partial(choice, choices=(None, *PEEPHOLES)),
    )
    activation: str | Activation = option(default=LSTMStep.activation)
    recurrent_activation: str | Activation = option(default=LSTMStep.recurrent_activation)
    forget_bias: float | None = option(default=None, meaning="initial bias of the forget gate.", rule=finite)


class ConvLSTMOptions(Convolutional, LSTMOptions):
    """The options of an LSTM with convolutions."""

    spatial_size: Size | None = option(
        default=None,
        meaning='size of the input frames, needed by ``peephole="pixel"``.',
        rule=partial(per_axis, least=1),
        spatial=True,
    )


class Projected(RecurrentModule):
    """The option ``proj_size`` of a layer, by position as torch's."""

    proj_size: int | list[int] = option(default=_PROJ_SIZE, kw_only=False)


class ProjectedCell(RecurrentModule):
    """The option ``proj_size`` of a cell."""

    proj_size: int = option(default=_PROJ_SIZE)


class LSTM(LSTMOptions, Projected, RecurrentLayer):
    """Long short-term memory, as ``torch.nn.LSTM``, with peepholes and more.

    The arguments up to ``proj_size`` are torch's, and a state dict of ``torch.nn.LSTM`` loads as it is.

    Example:
        >>> layer = LSTM(3, 5, num_layers=2, peephole="channel")
        >>> output, (h_n, c_n) = layer(torch.randn(7, 4, 3))
        >>> output.shape, h_n.shape
        (torch.Size([7, 4, 5]), torch.Size([2, 4, 5]))
    """


class ConvLSTM1d(ConvLSTMOptions, Projected, RecurrentLayer):
    """Convolutional LSTM over frames with one axis ``(T, N, C, W)``; see :class:`ConvLSTM2d`."""

    spatial_axes = 1


class ConvLSTM2d(ConvLSTMOptions, Projected, RecurrentLayer):
    r"""Convolutional LSTM over frames ``(T, N, C, H, W)``, with the interface of ``torch.nn.LSTM``.

    For every time step and layer, with ``*`` a convolution and :math:`\circ` the product of elements:

    .. math::
        i_t &= \sigma(W_i * x_t + U_i * h_{t-1} + p_i \circ c_{t-1} + b_i) \\
        f_t &= \sigma(W_f * x_t + U_f * h_{t-1} + p_f \circ c_{t-1} + b_f) \\
        g_t &= \tanh(W_g * x_t + U_g * h_{t-1} + b_g) \\
        c_t &= f_t \circ c_{t-1} + i_t \circ g_t \\
        o_t &= \sigma(W_o * x_t + U_o * h_{t-1} + p_o \circ c_t + b_o) \\
        h_t &= o_t \circ \tanh(c_t)

    The peepholes p are there only if asked for. Parameters have torch's names and gate order: ``weight_ih_l0``
    ``(4H, C/groups, *K)``, ``weight_hh_l0`` ``(4H, H/groups, *K)``, one bias ``bias_ih_l0``, and so on. All start
    uniform within ``1/sqrt(fan_in)``, peepholes at 0.

    Follows Shi et al. 2015, "Convolutional LSTM Network" (arXiv 1506.04214); peepholes are Gers and Schmidhuber's.

    An int stands for all layers and axes, a tuple gives one value per axis, a list one per layer.

    Raises:
        ValueError: naming the argument, its rule and its value.

    Example:
        >>> layer = ConvLSTM2d(3, 10, 2, kernel_size=3)
        >>> frames = torch.randn(4, 10, 3, 25, 25)
        >>> h_0, c_0 = torch.randn(2, 10, 10, 25, 25), torch.randn(2, 10, 10, 25, 25)
        >>> output, (h_n, c_n) = layer(frames, (h_0, c_0))
        >>> output.shape, h_n.shape
        (torch.Size([4, 10, 10, 25, 25]), torch.Size([2, 10, 10, 25, 25]))
    """

    spatial_axes = 2


class ConvLSTM3d(ConvLSTMOptions, Projected, RecurrentLayer):
    """Convolutional LSTM over volumes ``(T, N, C, D, H, W)``; see :class:`ConvLSTM2d`."""

    spatial_axes = 3


class LSTMCell(LSTMOptions, ProjectedCell, RecurrentCell):
    """One step of :class:`LSTM`, as ``torch.nn.LSTMCell``.

    Example:
        >>> h, c = LSTMCell(3, 5)(torch.randn(4, 3))
        >>> h.shape
        torch.Size([4, 5])
    """


class ConvLSTM1dCell(ConvLSTMOptions, ProjectedCell, RecurrentCell):
    """One step of :class:`ConvLSTM1d`."""

    spatial_axes = 1


class ConvLSTM2dCell(ConvLSTMOptions, ProjectedCell, RecurrentCell):
    """One step of :class:`ConvLSTM2d`.

    Example:
        >>> h, c = ConvLSTM2dCell(3, 5, kernel_size=3)(torch.randn(4, 3, 9, 11))
        >>> h.shape
        torch.Size([4, 5, 9, 11])
    """

    spatial_axes = 2


class ConvLSTM3dCell(ConvLSTMOptions, ProjectedCell, RecurrentCell):
    """One step of :class:`ConvLSTM3d`."""

    spatial_axes = 3
