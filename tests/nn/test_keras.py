"""Convolutional LSTMs against those of Keras, with the weights carried over."""

import os
import warnings

import numpy as np
import pytest
import torch

from framecast import nn

os.environ.setdefault("KERAS_BACKEND", "torch")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    keras = pytest.importorskip("keras")

pytestmark = [
    # NumPy about how Keras makes arrays of torch's tensors.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword"),
    pytest.mark.skipif(keras.config.backend() != "torch", reason="Keras runs on another backend"),
]

SIZES = {1: (9,), 2: (7, 10), 3: (5, 4, 6)}
OPTIONS = [
    {},
    {"kernel_size": 2},
    {"kernel_size": 4, "padding": "valid"},
    {"kernel_size": 3, "padding": "valid"},
    {"kernel_size": 3, "stride": 2},
    {"kernel_size": 2, "stride": 2},
    {"kernel_size": 4, "stride": 3},
    {"kernel_size": 3, "stride": 2, "padding": "valid"},
    {"kernel_size": 2, "stride": 3, "padding": "valid"},
    {"kernel_size": 3, "dilation": 2},
    {"kernel_size": 2, "dilation": 3},
    {"kernel_size": 2, "dilation": 2, "padding": "valid"},
    {"bias": False},
    {"activation": "softsign", "recurrent_activation": "hard_sigmoid"},
    {"activation": "relu", "recurrent_activation": "hard_sigmoid_keras2"},
    {"activation": "elu", "recurrent_activation": "sigmoid"},
]
ACTIVATIONS = {"hard_sigmoid_keras2": lambda x: keras.ops.clip(0.2 * x + 0.5, 0.0, 1.0)}  # Keras 3 has its own only


def their_layer(axes, filters, options, **more):
    options = {"kernel_size": 3, "padding": "same", "stride": 1, "dilation": 1, "bias": True} | options
    names = [name for name in ("activation", "recurrent_activation") if name in options]
    return getattr(keras.layers, f"ConvLSTM{axes}D")(
        filters,
        kernel_size=options["kernel_size"],
        strides=options["stride"],
        padding=options["padding"],
        dilation_rate=options["dilation"],
        use_bias=options["bias"],
        return_sequences=True,
        dtype="float64",
        **{name: ACTIVATIONS.get(options[name], options[name]) for name in names},
        **more,
    )


def carry(ours, theirs, suffix):
    """Draw new weights for theirs and give them to ours: gates i, f, c, o in both, ``(*K, C, 4H)`` there."""
    drawn = [
        np.random.default_rng([k, len(suffix)]).normal(0, 0.3, w.shape) for k, w in enumerate(theirs.get_weights())
    ]
    theirs.set_weights(drawn)
    for name, value in zip(("weight_ih", "weight_hh", "bias_ih"), drawn, strict=False):
        value = value if value.ndim == 1 else np.moveaxis(value, (-1, -2), (0, 1))
        parameter = getattr(ours, name + suffix)
        assert parameter.shape == value.shape
        parameter.data.copy_(torch.from_numpy(np.ascontiguousarray(value)))


def channels_last(x, first):
    return x.detach().movedim(first, -1).contiguous()


def same(theirs, ours, first):
    ours = channels_last(ours, first).cpu().numpy()
    np.testing.assert_allclose(keras.ops.convert_to_numpy(theirs), ours, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("axes", [1, 2, 3])
def test_outputs_and_states(axes, options):
    """From zero, and from the states of the first run; batches are first in both."""
    kernel_size = {"kernel_size": 3} | options
    ours = getattr(nn, f"ConvLSTM{axes}d")(2, 3, batch_first=True, dtype=torch.float64, **kernel_size)
    theirs = their_layer(axes, 3, options, return_state=True)
    x = torch.randn(2, 4, 2, *SIZES[axes], dtype=torch.float64)
    theirs.build((2, 4, *SIZES[axes], 2))
    carry(ours, theirs, "_l0")
    hx, their_hx = None, None
    for _ in range(2):
        output, hx = ours(x, hx)
        their_output, *their_hx = theirs(channels_last(x, 2), initial_state=their_hx)
        same(their_output, output, 2)
        for a, b in zip(their_hx, hx, strict=True):
            same(a, b[0], 1)


@pytest.mark.parametrize(
    "options",
    [{"kernel_size": (3, 2), "stride": (2, 1)}, {"kernel_size": (1, 4), "padding": "valid", "dilation": (1, 2)}],
    ids=str,
)
def test_two_layers_with_sizes_per_axis(options):
    ours = nn.ConvLSTM2d(2, [3, 4], batch_first=True, dtype=torch.float64, **options)
    layers = [their_layer(2, filters, options) for filters in (3, 4)]
    x = torch.randn(2, 3, 2, 9, 14, dtype=torch.float64)
    seen = channels_last(x, 2)
    for k, layer in enumerate(layers):
        layer.build(tuple(seen.shape))
        carry(ours, layer, f"_l{k}")
        seen = layer(seen)
    same(seen, ours(x)[0], 2)


def test_bidirectional():
    ours = nn.ConvLSTM2d(2, 3, bidirectional=True, batch_first=True, kernel_size=4, stride=2, dtype=torch.float64)
    options = {"kernel_size": 4, "stride": 2}
    x = torch.randn(2, 5, 2, 7, 9, dtype=torch.float64)
    halves = []
    for suffix, backwards in (("_l0", False), ("_l0_reverse", True)):
        layer = their_layer(2, 3, options, go_backwards=backwards)
        layer.build((2, 5, 7, 9, 2))
        carry(ours, layer, suffix)
        half = layer(channels_last(x, 2))
        halves.append(keras.ops.flip(half, 1) if backwards else half)
    same(keras.ops.concatenate(halves, -1), ours(x)[0], 2)
