"""Wrong calls of layers, cells and ``Recurrent``, each with the whole message that it must give."""

import re
from math import nan

import pytest
import torch
from torch.nn import GRUCell as TorchGRUCell
from torch.nn import LSTMCell as TorchLSTMCell
from torch.nn.utils.rnn import pack_sequence

from framecast.functional import ACTIVATIONS
from framecast.nn import (
    GRU,
    LSTM,
    RNN,
    ConvGRU2d,
    ConvGRU2dCell,
    ConvLSTM2d,
    ConvLSTM2dCell,
    ConvRNN2d,
    LSTMCell,
    Recurrent,
)

KNOWN = f"give a callable or one of {', '.join(ACTIVATIONS)}"


def clip(*shape, **options):
    """Frames (T, N, C, H, W) for 3 channels, or of another shape."""
    return torch.zeros(*(shape or (2, 1, 3, 5, 5)), **options)


def state(*shape, **options):
    """A state (L*D, N, H, H, W) of 4 channels, or of another shape."""
    return torch.zeros(*(shape or (1, 1, 4, 5, 5)), **options)


WRONG = [
    # sizes and layers
    (lambda: ConvLSTM2d("3", 4), "`input_size` must be a whole number, got '3'"),
    (lambda: ConvLSTM2d(True, 4), "`input_size` must be a whole number, got True"),
    (lambda: ConvLSTM2d(-1, 4), "`input_size` (=-1) must be at least 0"),
    (lambda: ConvLSTM2d(3, 0), "`hidden_size` (=0) must be at least 1"),
    (lambda: ConvLSTM2d(3, 4.0), "`hidden_size` must be a whole number, got 4.0"),
    (lambda: ConvLSTM2d(3, None), "`hidden_size` must be a whole number, got None"),
    (lambda: ConvLSTM2d(3, (4, 4)), "`hidden_size` must be a whole number, got (4, 4)"),
    (lambda: ConvLSTM2d(3, []), "`hidden_size` is an empty list; give one size per layer"),
    (lambda: ConvLSTM2d(3, [4, 0]), "`hidden_size` (=0) must be at least 1"),
    (lambda: ConvLSTM2d(3, [4, 4], 3), "`num_layers` (=3) contradicts `hidden_size` (=[4, 4])"),
    (lambda: ConvLSTM2d(3, 4, 0), "`num_layers` (=0) must be at least 1"),
    (lambda: ConvLSTM2d(3, 4, 2.0), "`num_layers` must be a whole number, got 2.0"),
    (lambda: ConvLSTM2d(3, 4, True), "`num_layers` must be a whole number, got True"),
    (lambda: ConvLSTM2d(3, 4, proj_size=-1), "`proj_size` (=-1) must be at least 0"),
    (lambda: ConvLSTM2d(3, 4, proj_size=1.0), "`proj_size` must be a whole number, got 1.0"),
    (lambda: ConvLSTM2d(3, 4, proj_size=4), "`proj_size` (=4) must be smaller than `hidden_size` (=4)"),
    (lambda: ConvLSTM2d(3, 4, 2, proj_size=[2]), "`proj_size` (=[2]) lists 1 layers, but there are 2"),
    (lambda: ConvLSTM2d(3, [4, 3], proj_size=[2, 3]), "`proj_size` (=3) must be smaller than `hidden_size` (=3)"),
    # flags
    (lambda: ConvLSTM2d(3, 4, bias=1), "`bias` must be True or False, got 1"),
    (lambda: ConvLSTM2d(3, 4, batch_first="yes"), "`batch_first` must be True or False, got 'yes'"),
    (lambda: ConvLSTM2d(3, 4, bidirectional=2), "`bidirectional` must be True or False, got 2"),
    (lambda: ConvGRU2d(3, 4, reset_after="no"), "`reset_after` must be True or False, got 'no'"),
    (lambda: GRU(3, 4, reset_after=1), "`reset_after` must be True or False, got 1"),
    # probabilities
    (lambda: ConvLSTM2d(3, 4, 2, dropout=1.5), "`dropout` must be a probability from 0 to 1, got 1.5"),
    (lambda: ConvLSTM2d(3, 4, 2, dropout=-0.1), "`dropout` must be a probability from 0 to 1, got -0.1"),
    (lambda: ConvLSTM2d(3, 4, 2, dropout=nan), "`dropout` must be a probability from 0 to 1, got nan"),
    (lambda: ConvLSTM2d(3, 4, 2, dropout=True), "`dropout` must be a probability from 0 to 1, got True"),
    (lambda: ConvLSTM2d(3, 4, 2, dropout=None), "`dropout` must be a probability from 0 to 1, got None"),
    (
        lambda: ConvLSTM2d(3, 4, recurrent_dropout="0.5"),
        "`recurrent_dropout` must be a probability from 0 to 1, got '0.5'",
    ),
    (lambda: ConvLSTM2d(3, 4, zoneout=nan), "`zoneout` must be a probability from 0 to 1, got nan"),
    (lambda: ConvLSTM2d(3, 4, zoneout=(0.1, -1)), "`zoneout` must be a probability from 0 to 1, got -1"),
    (
        lambda: ConvLSTM2d(3, 4, zoneout=(0.1, 0.2, 0.3)),
        "`zoneout` must be a probability or a pair (h, c), got (0.1, 0.2, 0.3)",
    ),
    (
        lambda: ConvGRU2d(3, 4, zoneout=(0.1, 0.2)),
        "`zoneout` (=(0.1, 0.2)) must be one probability: ConvGRU2d has no cell state c",
    ),
    # the convolutions
    (lambda: ConvLSTM2d(3, 4, kernel_size=0), "`kernel_size` (=0) must be at least 1"),
    (lambda: ConvLSTM2d(3, 4, kernel_size=2.5), "`kernel_size` must be a whole number, got 2.5"),
    (lambda: ConvLSTM2d(3, 4, kernel_size=nan), "`kernel_size` must be a whole number, got nan"),
    (lambda: ConvLSTM2d(3, 4, kernel_size=True), "`kernel_size` must be a whole number, got True"),
    (lambda: ConvLSTM2d(3, 4, kernel_size=None), "`kernel_size` must be a whole number, got None"),
    (lambda: ConvLSTM2d(3, 4, kernel_size=(3, 3, 3)), "`kernel_size` (=(3, 3, 3)) gives 3 axes, but the layer has 2"),
    (lambda: ConvLSTM2d(3, 4, kernel_size=(3, 3.5)), "`kernel_size` must be a whole number, got 3.5"),
    (lambda: ConvLSTM2d(3, 4, 2, kernel_size=[3, 3, 3]), "`kernel_size` (=[3, 3, 3]) lists 3 layers, but there are 2"),
    (
        lambda: ConvLSTM2d(3, 4, 2, kernel_size=[3, [3, 3, 3]]),
        "`kernel_size` (=[3, 3, 3]) gives 3 axes, but the layer has 2",
    ),
    (lambda: ConvLSTM2d(3, 4, recurrent_kernel_size=-1), "`recurrent_kernel_size` (=-1) must be at least 1"),
    (lambda: ConvLSTM2d(3, 4, stride=0), "`stride` (=0) must be at least 1"),
    (lambda: ConvLSTM2d(3, 4, stride=(1, 2, 3)), "`stride` (=(1, 2, 3)) gives 3 axes, but the layer has 2"),
    (lambda: ConvLSTM2d(3, 4, dilation=0), "`dilation` (=0) must be at least 1"),
    (lambda: ConvLSTM2d(3, 4, recurrent_dilation=1.0), "`recurrent_dilation` must be a whole number, got 1.0"),
    (lambda: ConvLSTM2d(3, 4, padding="full"), "`padding` must be one of 'same', 'valid', got 'full'"),
    (lambda: ConvLSTM2d(3, 4, padding=-1), "`padding` (=-1) must be at least 0"),
    (lambda: ConvLSTM2d(3, 4, padding=None), "`padding` must be a whole number, got None"),
    (lambda: ConvLSTM2d(3, 4, padding=(1,)), "`padding` (=(1,)) gives 1 axes, but the layer has 2"),
    (lambda: ConvLSTM2d(3, 4, 2, padding=["same", "full"]), "`padding` must be one of 'same', 'valid', got 'full'"),
    (
        lambda: ConvLSTM2d(3, 4, padding_mode="mirror"),
        "`padding_mode` must be one of 'zeros', 'reflect', 'replicate', 'circular', got 'mirror'",
    ),
    (
        lambda: ConvLSTM2d(3, 4, padding_mode=["zeros"]),
        "`padding_mode` must be one of 'zeros', 'reflect', 'replicate', 'circular', got ['zeros']",
    ),
    (lambda: ConvLSTM2d(3, 4, groups=0), "`groups` (=0) must be at least 1"),
    (lambda: ConvLSTM2d(4, 4, groups=2.0), "`groups` must be a whole number, got 2.0"),
    (lambda: ConvLSTM2d(3, 4, groups=2), "`input_size` (=3) must be divisible by `groups` (=2)"),
    (lambda: ConvLSTM2d(4, 3, groups=2), "`hidden_size` (=3) must be divisible by `groups` (=2)"),
    (lambda: ConvLSTM2d(4, 4, groups=2, proj_size=1), "`proj_size` (=1) must be divisible by `groups` (=2)"),
    # the cells
    (
        lambda: ConvLSTM2d(3, 4, peephole="both"),
        "`peephole` must be one of None, 'channel', 'pixel', 'conv', got 'both'",
    ),
    (lambda: ConvLSTM2d(3, 4, peephole=True), "`peephole` must be one of None, 'channel', 'pixel', 'conv', got True"),
    (lambda: LSTM(3, 4, peephole="conv"), "`peephole` must be one of None, 'channel', got 'conv'"),
    (
        lambda: ConvLSTM2d(3, 4, peephole="pixel"),
        "`peephole` 'pixel' has a weight per position and needs `spatial_size`, the size of the input",
    ),
    (lambda: ConvLSTM2d(3, 4, peephole="pixel", spatial_size=0), "`spatial_size` (=0) must be at least 1"),
    (
        lambda: ConvLSTM2d(3, 4, peephole="pixel", spatial_size=(5,)),
        "`spatial_size` (=(5,)) gives 1 axes, but the layer has 2",
    ),
    (
        lambda: ConvLSTM2d(3, 4, 2, peephole="pixel", spatial_size=4, padding="valid"),
        "frames of (2, 2) are too small for `kernel_size` (3, 3), `dilation` (1, 1) and `padding` (0, 0)",
    ),
    (lambda: ConvLSTM2d(3, 4, norm="batch"), "`norm` must be one of None, 'group', got 'batch'"),
    (
        lambda: GRU(4, 2, norm="group", groups=2),
        "`norm` 'group' needs more than one channel per group without spatial axes: "
        "`hidden_size` (=2) equals `groups` (=2)",
    ),
    (lambda: ConvLSTM2d(3, 4, norm=True), "`norm` must be one of None, 'group', got True"),
    (lambda: ConvLSTM2d(3, 4, activation="swish"), f"activation 'swish' is unknown; {KNOWN}"),
    (lambda: ConvLSTM2d(3, 4, activation=["tanh"]), f"activation ['tanh'] is unknown; {KNOWN}"),
    (lambda: ConvLSTM2d(3, 4, recurrent_activation=None), f"activation None is unknown; {KNOWN}"),
    (lambda: ConvRNN2d(3, 4, 1, True), f"activation True is unknown; {KNOWN}"),
    (lambda: ConvLSTM2d(3, 4, forget_bias="1"), "`forget_bias` must be a finite number, got '1'"),
    (lambda: ConvLSTM2d(3, 4, forget_bias=True), "`forget_bias` must be a finite number, got True"),
    (lambda: ConvLSTM2d(3, 4, forget_bias=nan), "`forget_bias` must be a finite number, got nan"),
    (lambda: ConvLSTM2d(3, 4, bias=False, forget_bias=1.0), "`forget_bias` (=1.0) needs `bias=True`"),
    (lambda: ConvLSTM2d(3, 4, dtype=torch.int64), "`dtype` must be a floating point type of torch, got torch.int64"),
    (
        lambda: ConvLSTM2d(3, 4, dtype=torch.complex64),
        "`dtype` must be a floating point type of torch, got torch.complex64",
    ),
    (lambda: ConvLSTM2d(3, 4, dtype="float32"), "`dtype` must be a floating point type of torch, got 'float32'"),
    # options that a class does not have
    (
        lambda: ConvLSTM2d(3, 4, nonlinearity="relu"),
        "`nonlinearity` (='relu') has no meaning here: ConvLSTM2d has no such option",
    ),
    (
        lambda: ConvGRU2d(3, 4, peephole="channel"),
        "`peephole` (='channel') has no meaning here: ConvGRU2d has no such option",
    ),
    (lambda: ConvGRU2d(3, 4, proj_size=2), "`proj_size` (=2) has no meaning here: ConvGRU2d has no such option"),
    (lambda: GRU(3, 4, forget_bias=1.0), "`forget_bias` (=1.0) has no meaning here: GRU has no such option"),
    (lambda: LSTM(3, 4, kernel_size=5), "`kernel_size` (=5) has no meaning here: LSTM has no spatial axes"),
    (lambda: RNN(3, 4, stride=2), "`stride` (=2) has no meaning here: RNN has no spatial axes"),
    (
        lambda: LSTM(3, 4, peephole="channel", spatial_size=5),
        "`spatial_size` (=5) has no meaning here: LSTM has no spatial axes",
    ),
    (lambda: ConvLSTM2d(0, 4, batch_first=True), "`batch_first` has no meaning with `input_size=0`: there is no input"),
    (lambda: ConvLSTM2d(0, 4, stride=2), "`stride` (=2) has no meaning with `input_size=0`: there is no input"),
    (
        lambda: ConvGRU2dCell(0, 4, padding="valid"),
        "`padding` (='valid') has no meaning with `input_size=0`: there is no input",
    ),
    # input
    (lambda: ConvLSTM2d(3, 4)(None), "`input` must be a tensor or a PackedSequence, got NoneType"),
    (lambda: ConvLSTM2d(3, 4)([1]), "`input` must be a tensor or a PackedSequence, got list"),
    (lambda: ConvLSTM2d(3, 4)(clip(2, 3, 5)), "`input` must be (T, N, 3, H, W), got shape (2, 3, 5)"),
    (lambda: ConvLSTM2d(3, 4)(clip(2, 1, 1, 3, 5, 5)), "`input` must be (T, N, 3, H, W), got shape (2, 1, 1, 3, 5, 5)"),
    (lambda: ConvLSTM2d(3, 4, batch_first=True)(clip(2, 3)), "`input` must be (N, T, 3, H, W), got shape (2, 3)"),
    (lambda: LSTM(3, 4)(clip(3)), "`input` must be (T, N, 3), got shape (3,)"),
    (
        lambda: ConvLSTM2d(3, 4)(clip(2, 1, 2, 5, 5)),
        "`input` has 2 channels, but `input_size` is 3 (shape (2, 1, 2, 5, 5))",
    ),
    (lambda: ConvLSTM2d(3, 4)(clip(2, 2, 5, 5)), "`input` has 2 channels, but `input_size` is 3 (shape (2, 2, 5, 5))"),
    (lambda: ConvLSTM2d(3, 4)(clip(0, 1, 3, 5, 5)), "`input` has no time steps (T = 0)"),
    (
        lambda: ConvLSTM2d(3, 4)(clip(2, 1, 3, 0, 5)),
        "frames of (0, 5) are too small for `kernel_size` (3, 3), `dilation` (1, 1) and `padding` 'same'",
    ),
    (
        lambda: ConvLSTM2d(3, 4, padding="valid", kernel_size=5, stride=3)(clip(2, 1, 3, 1, 5)),
        "frames of (1, 5) are too small for `kernel_size` (5, 5), `dilation` (1, 1) and `padding` (0, 0)",
    ),
    (
        lambda: ConvLSTM2d(3, 4, 2, padding="valid")(clip(2, 1, 3, 4, 4)),
        "frames of (2, 2) are too small for `kernel_size` (3, 3), `dilation` (1, 1) and `padding` (0, 0)",
    ),
    (
        lambda: ConvLSTM2d(3, 4, padding_mode="reflect", kernel_size=5)(clip(2, 1, 3, 2, 5)),
        "frames of (2, 5) are too small for `padding_mode` 'reflect' with padding ((2, 2), (2, 2))",
    ),
    (
        lambda: ConvLSTM2d(3, 4, padding_mode="circular", kernel_size=1, recurrent_kernel_size=7)(clip(2, 1, 3, 2, 5)),
        "frames of (2, 5) are too small for `padding_mode` 'circular' with padding ((3, 3), (3, 3))",
    ),
    (
        lambda: ConvLSTM2d(3, 4, spatial_size=5)(clip(2, 1, 3, 5, 6)),
        "`input` has frames of (5, 6), but `spatial_size` is (5, 5)",
    ),
    (
        lambda: ConvLSTM2d(3, 4)(clip(dtype=torch.float64)),
        "`input` is torch.float64, but the layer's weights are torch.float32",
    ),
    (lambda: ConvLSTM2d(3, 4)(clip(dtype=torch.int64)), "`input` must be a floating point tensor, got torch.int64"),
    (lambda: ConvLSTM2d(3, 4)(clip(dtype=torch.bool)), "`input` must be a floating point tensor, got torch.bool"),
    (
        lambda: LSTM(3, 4)(clip(2, 1, 3, dtype=torch.complex64)),
        "`input` must be a floating point tensor, got torch.complex64",
    ),
    (
        lambda: ConvLSTM2d(3, 4, device="cpu")(clip(device="meta")),
        "`input` is on meta, but the layer's weights are on cpu",
    ),
    (
        lambda: ConvLSTM2d(3, 4, device="meta")(clip(device="cpu")),
        "`input` is on cpu, but the layer's weights are on meta",
    ),
    (
        lambda: ConvGRU2d(3, 4)(pack_sequence([clip(2, 2, 5, 5)])),
        "`input.data` has 2 channels, but `input_size` is 3 (shape (2, 2, 5, 5))",
    ),
    (lambda: ConvGRU2d(3, 4)(pack_sequence([clip(2, 3, 5)])), "`input.data` must be (M, 3, H, W), got shape (2, 3, 5)"),
    (
        lambda: ConvGRU2d(3, 4)(pack_sequence([clip(2, 3, 5, 5, dtype=torch.float64)])),
        "`input.data` is torch.float64, but the layer's weights are torch.float32",
    ),
    (
        lambda: ConvGRU2d(3, 4)(pack_sequence([clip(2, 3, 5, 5)]), lengths=[2]),
        "`lengths` are for padded input; a PackedSequence has its own",
    ),
    (
        lambda: ConvGRU2d(3, 4)(clip(), steps=2),
        "`steps` is for layers with `input_size=0`; here the input says how many there are",
    ),
    # states
    (
        lambda: ConvLSTM2d(3, 4)(clip(), state()),
        "`hx` must be a pair (h_0, c_0), got a tensor of shape (1, 1, 4, 5, 5)",
    ),
    (lambda: ConvLSTM2d(3, 4)(clip(), (state(),)), "`hx` must be a pair (h_0, c_0), got a tuple of 1"),
    (lambda: ConvLSTM2d(3, 4)(clip(), [state(), state(), state()]), "`hx` must be a pair (h_0, c_0), got a list of 3"),
    (
        lambda: ConvLSTM2d(3, 4)(clip(), (state(), None)),
        "`c_0` must be a tensor of shape (1, 1, 4, 5, 5), got NoneType",
    ),
    (
        lambda: ConvLSTM2d(3, 4)(clip(), (state(), state(1, 1, 4, 5))),
        "`c_0` must have shape (1, 1, 4, 5, 5), got (1, 1, 4, 5)",
    ),
    (
        lambda: ConvLSTM2d(3, 4, proj_size=2)(clip(), (state(), state())),
        "`h_0` must have shape (1, 1, 2, 5, 5), got (1, 1, 4, 5, 5)",
    ),
    (
        lambda: ConvGRU2d(3, 4)(clip(), (state(), state())),
        "`h_0` must be a tensor of shape (1, 1, 4, 5, 5), got a tuple of 2",
    ),
    (lambda: ConvGRU2d(3, 4)(clip(), [state()]), "`h_0` must be a tensor of shape (1, 1, 4, 5, 5), got a list of 1"),
    (
        lambda: ConvGRU2d(3, 4)(clip(), state(1, 1, 4, 5, 6)),
        "`h_0` must have shape (1, 1, 4, 5, 5), got (1, 1, 4, 5, 6)",
    ),
    (lambda: ConvGRU2d(3, 4)(clip(), state(1, 4, 5, 5)), "`h_0` must have shape (1, 1, 4, 5, 5), got (1, 4, 5, 5)"),
    (lambda: ConvGRU2d(3, 4)(clip(2, 3, 5, 5), state()), "`h_0` must have shape (1, 4, 5, 5), got (1, 1, 4, 5, 5)"),
    (
        lambda: ConvGRU2d(3, 4, bidirectional=True)(clip(), state()),
        "`h_0` must have shape (2, 1, 4, 5, 5), got (1, 1, 4, 5, 5)",
    ),
    (lambda: ConvGRU2d(3, 4, 2)(clip(), state()), "`h_0` must have shape (2, 1, 4, 5, 5), got (1, 1, 4, 5, 5)"),
    (lambda: ConvGRU2d(3, 4, stride=2)(clip(), state()), "`h_0` must have shape (1, 1, 4, 3, 3), got (1, 1, 4, 5, 5)"),
    (
        lambda: ConvGRU2d(3, [4, 3])(clip(), state(2, 1, 4, 5, 5)),
        "`h_0` must be a tuple with one tensor for each of 2 layers, got a tensor of shape (2, 1, 4, 5, 5)",
    ),
    (
        lambda: ConvGRU2d(3, [4, 3])(clip(), (state(),)),
        "`h_0` must be a tuple with one tensor for each of 2 layers, got a tuple of 1",
    ),
    (
        lambda: ConvGRU2d(3, [4, 3])(clip(), (state(), state())),
        "`h_0[1]` must have shape (1, 1, 3, 5, 5), got (1, 1, 4, 5, 5)",
    ),
    (
        lambda: ConvGRU2d(3, [4, 3])(clip(), (state(), None)),
        "`h_0[1]` must be a tensor of shape (1, 1, 3, 5, 5), got NoneType",
    ),
    (
        lambda: ConvGRU2d(3, [4, 4])(clip(), (state(), state())),
        "`h_0` must be a tensor of shape (2, 1, 4, 5, 5), got a tuple of 2",
    ),
    (
        lambda: ConvGRU2d(3, 4)(clip(), state(dtype=torch.float64)),
        "`h_0` is torch.float64, but the layer's weights are torch.float32",
    ),
    (
        lambda: ConvGRU2d(3, 4)(clip(), state(dtype=torch.int64)),
        "`h_0` must be a floating point tensor, got torch.int64",
    ),
    (
        lambda: ConvLSTM2d(3, 4)(clip(), (state(), state(dtype=torch.float16))),
        "`c_0` is torch.float16, but the layer's weights are torch.float32",
    ),
    (
        lambda: GRU(3, 4)(clip(2, 1, 3), state(1, 1, 4, dtype=torch.float64)),
        "`h_0` is torch.float64, but the layer's weights are torch.float32",
    ),
    (
        lambda: ConvGRU2d(3, 4, device="cpu")(clip(device="cpu"), state(device="meta")),
        "`h_0` is on meta, but the layer's weights are on cpu",
    ),
    (
        lambda: GRU(3, 4, device="cpu")(clip(2, 1, 3, device="cpu"), state(1, 1, 4, device="meta")),
        "`h_0` is on meta, but the layer's weights are on cpu",
    ),
    (
        lambda: ConvGRU2d(3, 4)(pack_sequence([clip(2, 3, 5, 5)]), state(1, 2, 4, 5, 5)),
        "`h_0` must have shape (1, 1, 4, 5, 5), got (1, 2, 4, 5, 5)",
    ),
    # lengths
    (lambda: ConvGRU2d(3, 4)(clip(), lengths=[3]), "`lengths` must be from 0 to 2, the steps of the input, got [3]"),
    (lambda: ConvGRU2d(3, 4)(clip(), lengths=[-1]), "`lengths` must be from 0 to 2, the steps of the input, got [-1]"),
    (lambda: ConvGRU2d(3, 4)(clip(), lengths=[1, 1]), "`lengths` must have shape (1,), one per sequence, got (2,)"),
    (lambda: ConvGRU2d(3, 4)(clip(), lengths=[[1]]), "`lengths` must have shape (1,), one per sequence, got (1, 1)"),
    (lambda: ConvGRU2d(3, 4)(clip(), lengths=1), "`lengths` must have shape (1,), one per sequence, got ()"),
    (lambda: ConvGRU2d(3, 4)(clip(), lengths=[1.0]), "`lengths` must be whole numbers, got torch.float32"),
    (lambda: ConvGRU2d(3, 4)(clip(), lengths=[True]), "`lengths` must be whole numbers, got torch.bool"),
    (lambda: ConvGRU2d(3, 4)(clip(), lengths="ab"), "`lengths` must be whole numbers, got 'ab'"),
    (lambda: ConvGRU2d(3, 4)(clip(), lengths=[None]), "`lengths` must be whole numbers, got [None]"),
    (lambda: ConvGRU2d(3, 4)(clip(), lengths=[[1], [1, 2]]), "`lengths` must be whole numbers, got [[1], [1, 2]]"),
    (
        lambda: ConvGRU2d(3, 4)(clip(2, 3, 5, 5), lengths=[1, 2]),
        "`lengths` must have shape (1,), one per sequence, got (2,)",
    ),
    # layers without input
    (lambda: ConvGRU2d(0, 4)(clip(), state(), steps=2), "`input` must be None: the layer has `input_size=0`"),
    (lambda: ConvGRU2d(0, 4)(None, steps=2), "a layer with `input_size=0` needs `hx` and `steps`"),
    (lambda: ConvGRU2d(0, 4)(None, state()), "a layer with `input_size=0` needs `hx` and `steps`"),
    (lambda: ConvGRU2d(0, 4)(None, state(), steps=0), "`steps` (=0) must be at least 1"),
    (lambda: ConvGRU2d(0, 4)(None, state(), steps=-1), "`steps` (=-1) must be at least 1"),
    (lambda: ConvGRU2d(0, 4)(None, state(), steps=2.0), "`steps` must be a whole number, got 2.0"),
    (lambda: ConvGRU2d(0, 4)(None, state(), steps=True), "`steps` must be a whole number, got True"),
    (
        lambda: ConvGRU2d(0, 4)(None, state(), steps=2, lengths=[1]),
        "`lengths` has no meaning without input: give `steps`",
    ),
    (
        lambda: ConvGRU2d(0, 4)(None, state(4, 5), steps=2),
        "`hx` must hold tensors of 5 axes (or 4, unbatched), got a tensor of shape (4, 5)",
    ),
    (lambda: ConvGRU2d(0, 4)(None, "h", steps=2), "`hx` must hold tensors of 5 axes (or 4, unbatched), got str"),
    (
        lambda: ConvGRU2d(0, 4)(None, (), steps=2),
        "`hx` must hold tensors of 5 axes (or 4, unbatched), got a tuple of 0",
    ),
    (
        lambda: ConvGRU2d(0, 4)(None, state(1, 1, 3, 5, 5), steps=2),
        "`h_0` must have shape (1, 1, 4, 5, 5), got (1, 1, 3, 5, 5)",
    ),
    (
        lambda: ConvGRU2d(0, 4)(None, state(dtype=torch.float64), steps=2),
        "`h_0` is torch.float64, but the layer's weights are torch.float32",
    ),
    (
        lambda: ConvLSTM2d(0, 4)(None, (state(), state(1, 1, 4, 5, 6)), steps=2),
        "`c_0` must have shape (1, 1, 4, 5, 5), got (1, 1, 4, 5, 6)",
    ),
    (
        lambda: ConvLSTM2d(0, 4, peephole="pixel", spatial_size=6)(None, (state(), state()), steps=2),
        "`hx` has frames of (5, 5), but `spatial_size` is (6, 6)",
    ),
    # cells
    (lambda: ConvLSTM2dCell(3, 0), "`hidden_size` (=0) must be at least 1"),
    (lambda: ConvLSTM2dCell(3, [4, 4]), "`hidden_size` must be a whole number, got [4, 4]"),
    (lambda: ConvLSTM2dCell(3, 4, 2), "`bias` must be True or False, got 2"),
    (
        lambda: ConvLSTM2dCell(3, 4, nonlinearity="relu"),
        "`nonlinearity` (='relu') has no meaning here: ConvLSTM2dCell has no such option",
    ),
    (
        lambda: ConvGRU2dCell(3, 4, peephole="channel"),
        "`peephole` (='channel') has no meaning here: ConvGRU2dCell has no such option",
    ),
    (lambda: LSTMCell(3, 4, kernel_size=5), "`kernel_size` (=5) has no meaning here: LSTMCell has no spatial axes"),
    (lambda: ConvLSTM2dCell(3, 4, forget_bias="a"), "`forget_bias` must be a finite number, got 'a'"),
    (lambda: ConvLSTM2dCell(3, 4)(None), "`input` must be a tensor, got NoneType"),
    (lambda: ConvLSTM2dCell(3, 4)([1]), "`input` must be a tensor, got a list of 1"),
    (
        lambda: ConvLSTM2dCell(3, 4)(clip(1, 2, 5, 5)),
        "`input` must be (N, 3, H, W) or without N, got shape (1, 2, 5, 5)",
    ),
    (lambda: ConvLSTM2dCell(3, 4)(clip(5, 5)), "`input` must be (N, 3, H, W) or without N, got shape (5, 5)"),
    (
        lambda: ConvLSTM2dCell(3, 4)(clip(1, 1, 3, 5, 5)),
        "`input` must be (N, 3, H, W) or without N, got shape (1, 1, 3, 5, 5)",
    ),
    (
        lambda: ConvLSTM2dCell(3, 4)(clip(1, 3, 5, 5, dtype=torch.float64)),
        "`input` is torch.float64, but the layer's weights are torch.float32",
    ),
    (
        lambda: ConvLSTM2dCell(3, 4, device="cpu")(clip(1, 3, 5, 5, device="meta")),
        "`input` is on meta, but the layer's weights are on cpu",
    ),
    (
        lambda: ConvLSTM2dCell(3, 4, padding="valid")(clip(1, 3, 2, 5)),
        "frames of (2, 5) are too small for `kernel_size` (3, 3), `dilation` (1, 1) and `padding` (0, 0)",
    ),
    (
        lambda: ConvLSTM2dCell(3, 4, peephole="pixel", spatial_size=5)(clip(1, 3, 5, 6)),
        "`input` has frames of (5, 6), but `spatial_size` is (5, 5)",
    ),
    (
        lambda: ConvLSTM2dCell(3, 4)(clip(1, 3, 5, 5), state(1, 4, 5, 5)),
        "`hx` must be a pair (h, c), got a tensor of shape (1, 4, 5, 5)",
    ),
    (
        lambda: ConvLSTM2dCell(3, 4)(clip(1, 3, 5, 5), (state(1, 4, 5, 5),)),
        "`hx` must be a pair (h, c), got a tuple of 1",
    ),
    (
        lambda: ConvLSTM2dCell(3, 4)(clip(1, 3, 5, 5), (state(1, 4, 5, 5), state(1, 4, 5, 6))),
        "`c` must have shape (1, 4, 5, 5), got (1, 4, 5, 6)",
    ),
    (
        lambda: ConvLSTM2dCell(3, 4)(clip(1, 3, 5, 5), (state(1, 4, 5, 5), None)),
        "`c` must be a tensor of shape (1, 4, 5, 5), got NoneType",
    ),
    (
        lambda: ConvGRU2dCell(3, 4)(clip(1, 3, 5, 5), (state(1, 4, 5, 5),)),
        "`h` must be a tensor of shape (1, 4, 5, 5), got a tuple of 1",
    ),
    (lambda: ConvGRU2dCell(3, 4)(clip(3, 5, 5), state(1, 4, 5, 5)), "`h` must have shape (4, 5, 5), got (1, 4, 5, 5)"),
    (
        lambda: ConvGRU2dCell(3, 4)(clip(1, 3, 5, 5), state(1, 4, 5, 5, dtype=torch.float64)),
        "`h` is torch.float64, but the layer's weights are torch.float32",
    ),
    (
        lambda: ConvGRU2dCell(0, 4)(clip(1, 3, 5, 5), state(1, 4, 5, 5)),
        "`input` must be None: the cell has `input_size=0`",
    ),
    (
        lambda: ConvGRU2dCell(0, 4)(None),
        "a cell with `input_size=0` needs `hx` of 4 axes (or 3, unbatched), got NoneType",
    ),
    (
        lambda: ConvGRU2dCell(0, 4)(None, state(4, 5)),
        "a cell with `input_size=0` needs `hx` of 4 axes (or 3, unbatched), got a tensor of shape (4, 5)",
    ),
    # any cell
    (lambda: Recurrent(3), "`cell` must be a module, got int"),
    (lambda: Recurrent(TorchGRUCell), "`cell` must be a module, got type"),
    (lambda: Recurrent(TorchGRUCell(3, 4), 3), "`reverse_cell` must be a module, got int"),
    (lambda: Recurrent(TorchGRUCell(3, 4), batch_first=1), "`batch_first` must be True or False, got 1"),
    (
        lambda: Recurrent(TorchGRUCell(3, 4))(None),
        "`input` must be a PackedSequence or a tensor (T, N, ...), got NoneType",
    ),
    (
        lambda: Recurrent(TorchGRUCell(3, 4))(clip(2, 3)),
        "`input` must be a PackedSequence or a tensor (T, N, ...), got a tensor of shape (2, 3)",
    ),
    (lambda: Recurrent(TorchGRUCell(3, 4))(clip(0, 1, 3)), "`input` has no time steps (T = 0)"),
    (
        lambda: Recurrent(TorchGRUCell(3, 4))(clip(2, 1, 3), lengths=[3]),
        "`lengths` must be from 0 to 2, the steps of the input, got [3]",
    ),
    (
        lambda: Recurrent(TorchGRUCell(3, 4))(clip(2, 1, 3), lengths=[1.0]),
        "`lengths` must be whole numbers, got torch.float32",
    ),
    (
        lambda: Recurrent(TorchGRUCell(3, 4))(pack_sequence([clip(2, 3)]), lengths=[1]),
        "`lengths` are for padded input; a PackedSequence has its own",
    ),
    (
        lambda: Recurrent(TorchGRUCell(3, 4))(clip(2, 1, 3), state(2, 1, 4)),
        "`hx` must hold tensors (1, 1, ...), got a tensor of shape (2, 1, 4)",
    ),
    (
        lambda: Recurrent(TorchGRUCell(3, 4))(clip(2, 1, 3), state(1, 3, 4)),
        "`hx` must hold tensors (1, 1, ...), got a tensor of shape (1, 3, 4)",
    ),
    (lambda: Recurrent(TorchGRUCell(3, 4))(clip(2, 1, 3), "h"), "`hx` must hold tensors (1, 1, ...), got str"),
    (lambda: Recurrent(TorchGRUCell(3, 4))(clip(2, 1, 3), ()), "`hx` must hold tensors (1, 1, ...), got a tuple of 0"),
    (
        lambda: Recurrent(TorchLSTMCell(3, 4))(clip(2, 1, 3), (state(1, 1, 4), state(1, 3, 4))),
        "`hx` must hold tensors (1, 1, ...), got a tensor of shape (1, 3, 4)",
    ),
    (
        lambda: Recurrent(TorchGRUCell(3, 4))(clip(2, 1, 3), steps=2),
        "`steps` is for cells without input; here the input says how many there are",
    ),
    (
        lambda: Recurrent(ConvGRU2dCell(0, 4))(None, state(), steps=2, lengths=[1]),
        "`lengths` has no meaning without input: give `steps`",
    ),
    (
        lambda: Recurrent(ConvGRU2dCell(0, 4), batch_first=True)(None, state(), steps=2),
        "`batch_first` has no meaning without input",
    ),
    (lambda: Recurrent(ConvGRU2dCell(0, 4))(None, steps=2), "a cell without input needs `hx` and `steps`"),
    (lambda: Recurrent(ConvGRU2dCell(0, 4))(None, state(), steps=0), "`steps` (=0) must be at least 1"),
    (lambda: Recurrent(ConvGRU2dCell(0, 4))(None, "h", steps=2), "`hx` must hold tensors (D, N, ...), got str"),
    (
        lambda: Recurrent(ConvGRU2dCell(0, 4))(None, state(2, 1, 4, 5, 5), steps=2),
        "`hx` must hold tensors (1, 1, ...), got a tensor of shape (2, 1, 4, 5, 5)",
    ),
    (
        lambda: Recurrent(TorchGRUCell(3, 4), TorchLSTMCell(3, 4))(clip(2, 1, 3)),
        "`cell` has 1 states, but `reverse_cell` has 2",
    ),
]


@pytest.mark.parametrize(("call", "message"), WRONG, ids=[message for _, message in WRONG])
def test_wrong_calls_say_what_is_wrong(call, message):
    with pytest.raises(ValueError, match=rf"\A{re.escape(message)}\Z"):
        call()


def test_states_of_another_type_are_welcome_under_autocast():
    for layer, single in ((ConvGRU2d(3, 4), True), (ConvLSTM2d(3, 4), False)):
        with torch.autocast(clip().device.type, torch.bfloat16):
            _, final = layer(clip())
            assert (final if single else final[1]).dtype == torch.bfloat16
            expected = layer(clip(), final)[0]
            wide = final.float() if single else tuple(s.float() for s in final)
            torch.testing.assert_close(layer(clip(), wide)[0], expected, rtol=0.05, atol=0.02)
