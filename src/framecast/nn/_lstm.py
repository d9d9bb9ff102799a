"""LSTM layers and cells: dense, and with convolutions over one, two or three axes."""

from __future__ import annotations

from framecast.functional import LSTMStep

from ._cell import RecurrentCell
from ._layer import RecurrentLayer

_LSTM_ONLY = ("proj_size", "peephole", "spatial_size", "forget_bias")


class LSTM(RecurrentLayer):
    """Long short-term memory, as ``torch.nn.LSTM``, with peepholes and more.

    The arguments up to ``proj_size`` are torch's, and a state dict of ``torch.nn.LSTM`` loads as it is; the keywords
    are those of :class:`ConvLSTM2d` that do not concern space.

    Example:
        >>> layer = LSTM(3, 5, num_layers=2, peephole="channel")
        >>> output, (h_n, c_n) = layer(torch.randn(7, 4, 3))
        >>> output.shape, h_n.shape
        (torch.Size([7, 4, 5]), torch.Size([2, 4, 5]))
    """

    step_rule = LSTMStep
    _takes = _LSTM_ONLY


class ConvLSTM1d(RecurrentLayer):
    """Convolutional LSTM over frames with one axis ``(T, N, C, W)``; see :class:`ConvLSTM2d`."""

    step_rule = LSTMStep
    _takes = _LSTM_ONLY
    spatial_axes = 1


class ConvLSTM2d(RecurrentLayer):
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

    Args:
        input_size: channels of the input; 0 for a layer without input, called as ``layer(None, hx, steps=T)``.
        hidden_size: channels of the states; a list gives one size per layer.
        num_layers: number of layers.
        bias: whether there is a bias.
        batch_first: input and output are ``(N, T, C, H, W)``; states are not affected.
        dropout: dropout of the output of every layer but the last.
        bidirectional: also run backwards in time; the outputs are stacked in the channels.
        proj_size: if not 0, project h to this many channels by a 1x1 convolution.
        kernel_size: kernel of the convolution of the input.
        recurrent_kernel_size: kernel of the convolution of the state; None for the same.
        stride: stride of the convolution of the input; the state lives at the size of its result.
        padding: ``"same"``, ``"valid"`` or sizes, for the convolution of the input; that of the state keeps the size.
        dilation: dilation of the convolution of the input.
        recurrent_dilation: dilation of the convolution of the state.
        groups: groups inside every gate: group j of each gate reads group j of the input and of the state.
        padding_mode: ``"zeros"``, ``"reflect"``, ``"replicate"`` or ``"circular"``.
        peephole: None, ``"channel"`` (a weight per channel), ``"pixel"`` (per channel and position) or ``"conv"``.
        spatial_size: size of the input frames, needed by ``peephole="pixel"``.
        norm: None, or ``"group"`` for a GroupNorm of every gate.
        activation: activation of g and of c, by name or a callable.
        recurrent_activation: activation of the gates.
        recurrent_dropout: dropout of the h that enters the recurrent convolution, one mask for the whole sequence.
        zoneout: probability, or a pair for (h, c), that an element keeps its old value.
        forget_bias: initial bias of the forget gate.
        checkpoint: True to hold only input and states for the backward and compute the gates once more there; a
            number k to hold the states of every k-th step and compute all between once more.
        device: device of the parameters.
        dtype: type of the parameters.

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

    step_rule = LSTMStep
    _takes = _LSTM_ONLY
    spatial_axes = 2


class ConvLSTM3d(RecurrentLayer):
    """Convolutional LSTM over volumes ``(T, N, C, D, H, W)``; see :class:`ConvLSTM2d`."""

    step_rule = LSTMStep
    _takes = _LSTM_ONLY
    spatial_axes = 3


class LSTMCell(RecurrentCell):
    """One step of :class:`LSTM`, as ``torch.nn.LSTMCell``.

    Example:
        >>> h, c = LSTMCell(3, 5)(torch.randn(4, 3))
        >>> h.shape
        torch.Size([4, 5])
    """

    step_rule = LSTMStep
    _takes = _LSTM_ONLY


class ConvLSTM1dCell(RecurrentCell):
    """One step of :class:`ConvLSTM1d`."""

    step_rule = LSTMStep
    _takes = _LSTM_ONLY
    spatial_axes = 1


class ConvLSTM2dCell(RecurrentCell):
    """One step of :class:`ConvLSTM2d`.

    Example:
        >>> h, c = ConvLSTM2dCell(3, 5, kernel_size=3)(torch.randn(4, 3, 9, 11))
        >>> h.shape
        torch.Size([4, 5, 9, 11])
    """

    step_rule = LSTMStep
    _takes = _LSTM_ONLY
    spatial_axes = 2


class ConvLSTM3dCell(RecurrentCell):
    """One step of :class:`ConvLSTM3d`."""

    step_rule = LSTMStep
    _takes = _LSTM_ONLY
    spatial_axes = 3
