"""The functions over explicit weights, against the layers."""

import re

import pytest
import torch

from framecast import functional, nn

SIZES = {0: (), 1: (7,), 2: (7, 5), 3: (5, 6, 4)}
NAMES = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr", "weight_ch")
SPACE = [
    {},
    {"stride": 2},
    {"padding": "valid", "dilation": 2},
    {"padding": 1, "recurrent_dilation": 2},
    {"groups": 2},
    {"padding_mode": "circular"},
]
OWN = {
    "RNN": [{"nonlinearity": "relu"}, {"nonlinearity": torch.sin}],
    "LSTM": [
        {"activation": "softsign", "recurrent_activation": "hard_sigmoid"},
        {"proj_size": 2},
        {"peephole": "channel"},
        {"peephole": "conv"},
        {"peephole": "pixel"},
    ],
    "GRU": [{"reset_after": False}, {"activation": "elu", "recurrent_activation": "hard_sigmoid_keras2"}],
}


def cases():
    for kind, own in OWN.items():
        for axes in SIZES:
            for options in SPACE + own if axes else [{}, {"groups": 2}, *own]:
                if axes or options.get("peephole") in (None, "channel"):
                    yield kind, axes, options


def build(name, axes, options, **more):
    """A layer or cell with weights large enough to tell."""
    options = options | more | ({"kernel_size": (2, 3, 2)[:axes]} if axes else {})
    options |= {"spatial_size": SIZES[axes]} if options.get("peephole") == "pixel" else {}
    module = getattr(nn, name)(2, 4, dtype=torch.float64, **options)
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return module


def weights_of(module, suffix=""):
    """A module's weights by the names of the functions' arguments."""
    return {name: getattr(module, name + suffix) for name in NAMES if hasattr(module, name + suffix)}


def arguments_of(options):
    return {name: value for name, value in options.items() if name not in ("proj_size", "peephole")}


@pytest.mark.parametrize(("kind", "axes", "options"), list(cases()))
def test_functions_equal_layers(kind, axes, options):
    layer = build(f"Conv{kind}{axes}d" if axes else kind, axes, options, bidirectional=True)
    function = getattr(functional, kind.lower())
    x = torch.randn(4, 3, 2, *SIZES[axes], dtype=torch.float64)
    _, final = layer(x)
    states = tuple(torch.randn_like(s) for s in (final if kind == "LSTM" else (final,)))
    output, final = layer(x, states if kind == "LSTM" else states[0])
    final = final if kind == "LSTM" else (final,)
    halves = []
    for d, suffix in enumerate(("_l0", "_l0_reverse")):
        own = tuple(s[d] for s in states)
        half, end = function(
            x,
            own if kind == "LSTM" else own[0],
            **weights_of(layer, suffix),
            **arguments_of(options),
            reverse=d == 1,
        )
        halves.append(half)
        for a, b in zip(end if kind == "LSTM" else (end,), final, strict=True):
            torch.testing.assert_close(a, b[d], rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(torch.cat(halves, 2), output, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("axes", SIZES)
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("RNN", {}),
        ("RNN", {"nonlinearity": "relu"}),
        ("LSTM", {}),
        ("LSTM", {"peephole": "channel", "proj_size": 2}),
        ("LSTM", {"bias": False}),
        ("GRU", {}),
        ("GRU", {"reset_after": False}),
    ],
    ids=str,
)
def test_cell_functions_equal_cells(kind, options, axes):
    cell = build(f"Conv{kind}{axes}dCell" if axes else f"{kind}Cell", axes, options)
    x = torch.randn(3, 2, *SIZES[axes], dtype=torch.float64)
    new = cell(x)
    states = tuple(torch.randn_like(s) for s in (new if kind == "LSTM" else (new,)))
    hx = states if kind == "LSTM" else states[0]
    given = {name: value for name, value in arguments_of(options).items() if name != "bias"}
    found = getattr(functional, f"{kind.lower()}_cell")(x, hx, **weights_of(cell), **given)
    torch.testing.assert_close(found, cell(x, hx), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kind", OWN)
def test_without_input(kind):
    layer = getattr(nn, f"Conv{kind}2d")(0, 3, kernel_size=3, dtype=torch.float64)
    states = torch.randn(2, 1, 2, 3, 5, 4, dtype=torch.float64).unbind(0)[: 1 + (kind == "LSTM")]
    output, final = layer(None, states if kind == "LSTM" else states[0], steps=4)
    own = tuple(s[0] for s in states)
    found, end = getattr(functional, kind.lower())(
        None, own if kind == "LSTM" else own[0], None, **weights_of(layer, "_l0"), steps=4
    )
    torch.testing.assert_close(found, output)
    for a, b in zip(end if kind == "LSTM" else (end,), final if kind == "LSTM" else (final,), strict=True):
        torch.testing.assert_close(a, b[0])


@pytest.mark.parametrize("kind", OWN)
def test_gradients_reach_every_weight(kind):
    layer = build(f"Conv{kind}2d", 2, {"proj_size": 2, "peephole": "conv"} if kind == "LSTM" else {})
    leaves = {name: w.detach().requires_grad_() for name, w in weights_of(layer, "_l0").items()}
    h, c = torch.randn(2, 3, 4, 7, 5, dtype=torch.float64).unbind(0)
    hx = (h[:, :2], c) if kind == "LSTM" else h
    output, _ = getattr(functional, kind.lower())(torch.randn(4, 3, 2, 7, 5, dtype=torch.float64), hx, **leaves)
    gradients = torch.autograd.grad(output.square().sum(), list(leaves.values()))
    assert all(g.flatten(1).any(1).all() if g.dim() > 1 else g.all() for g in gradients)


X, H, W, U = torch.zeros(3, 2, 1), torch.zeros(2, 4), torch.zeros(16, 1), torch.zeros(16, 4)
WRONG = [
    (lambda: functional.lstm(X, (H, H), W, U[:6]), "`weight_hh` must be (4*H, P/groups, *K), got shape (6, 4)"),
    (lambda: functional.gru(X, H, W[:12], torch.zeros(12)), "`weight_hh` must be (3*H, P/groups, *K), got shape (12,)"),
    (lambda: functional.lstm(None, (H, H), W, U), "give `input` and `weight_ih`, or neither of them and `steps`"),
    (lambda: functional.lstm(X, (H, H), None, U), "give `input` and `weight_ih`, or neither of them and `steps`"),
    (lambda: functional.lstm(None, (H, H), None, U), "give `input` and `weight_ih`, or neither of them and `steps`"),
    (lambda: functional.lstm(X, (H, H), W, U, steps=3), "give `input` and `weight_ih`, or neither of them and `steps`"),
    (
        lambda: functional.lstm(X[..., [0, 0]], (H, H), W, U),
        "`input` must be (T, N, 1, *S) with 0 axes S, got shape (3, 2, 2)",
    ),
    (lambda: functional.lstm(X[:0], (H, H), W, U), "`input` must be (T, N, 1, *S) with 0 axes S, got shape (0, 2, 1)"),
    (lambda: functional.lstm(X, (H, H[:1]), W, U), "`c_0` must have shape (2, 4), got shape (1, 4)"),
    (lambda: functional.rnn(X, H[:, :3], W[:4], U[:4]), "`h_0` must have shape (2, 4), got shape (2, 3)"),
    (
        lambda: functional.lstm(X, (H, H), W, U, weight_ch=torch.zeros(12, 2)),
        "`weight_ch` must be (3*H,), (3*H, *S) or (3*H, H/groups, *K), got shape (12, 2)",
    ),
    (lambda: functional.rnn(X, H, W[:4], U[:4], nonlinearity="swish"), "activation 'swish' is unknown"),
]


@pytest.mark.parametrize(("call", "message"), WRONG, ids=range(len(WRONG)))
def test_wrong_calls_say_what_is_wrong(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call()
