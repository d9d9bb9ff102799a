"""Convolutional layers against plain equations in NumPy float64, written out here."""

import numpy as np
import pytest
import torch

from framecast import nn


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def conv(x, weight):
    """Correlation of ``x (C, H, W)`` with ``weight (O, C, K, K)``, K odd, zeros around: sums written out."""
    k = weight.shape[-1]
    padded = np.pad(x, ((0, 0), (k // 2, k // 2), (k // 2, k // 2)))
    result = np.zeros((len(weight), *x.shape[1:]))
    for dy in range(k):
        for dx in range(k):
            window = padded[:, dy : dy + x.shape[1], dx : dx + x.shape[2]]
            result += np.einsum("oc,chw->ohw", weight[:, :, dy, dx], window)
    return result


def parameters(layer, suffix):
    return {n.removesuffix(suffix): p.detach().cpu().numpy() for n, p in layer.named_parameters() if n.endswith(suffix)}


def lstm(frames, h, c, p, peephole=None):
    outputs = []
    width = len(h)
    for x in frames:
        gates = conv(x, p["weight_ih"]) + conv(h, p["weight_hh"]) + p["bias_ih"][:, None, None]
        i, f, g, o = (gates[k * width : (k + 1) * width] for k in range(4))
        w_i, w_f, w_o = (p["weight_ch"][k * width : (k + 1) * width] for k in range(3)) if peephole else (None,) * 3
        see = {
            "channel": lambda w, c: w[:, None, None] * c,
            "pixel": lambda w, c: w * c,
            "conv": lambda w, c: conv(c, w),
            None: lambda w, c: 0,
        }[peephole]
        i, f = i + see(w_i, c), f + see(w_f, c)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o + see(w_o, c)) * np.tanh(c)
        outputs.append(h)
    return np.stack(outputs), h, c


def gru(frames, h, p, reset_after):
    outputs = []
    width = len(h)
    w_r, w_z, w_n = np.split(p["weight_ih"], 3)
    u_r, u_z, u_n = np.split(p["weight_hh"], 3)
    b = [part[:, None, None] for part in np.split(p["bias_ih"], 3)]
    b_h = [part[:, None, None] for part in np.split(p.get("bias_hh", np.zeros(3 * width)), 3)]
    for x in frames:
        r = sigmoid(conv(x, w_r) + b[0] + conv(h, u_r) + b_h[0])
        z = sigmoid(conv(x, w_z) + b[1] + conv(h, u_z) + b_h[1])
        inner = r * (conv(h, u_n) + b_h[2]) if reset_after else conv(r * h, u_n)
        n = np.tanh(conv(x, w_n) + b[2] + inner)
        h = (1 - z) * n + z * h
        outputs.append(h)
    return np.stack(outputs), h


def check(actual, expected):
    np.testing.assert_allclose(actual.detach().cpu().numpy(), expected, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("peephole", [None, "channel", "pixel", "conv"])
def test_lstm_two_layers(peephole):
    options = {"peephole": peephole, "spatial_size": (5, 7) if peephole == "pixel" else None}
    layer = nn.ConvLSTM2d(2, [4, 3], kernel_size=3, dtype=torch.float64, **options)
    for name, parameter in layer.named_parameters():
        if "weight_ch" in name:
            torch.nn.init.normal_(parameter)
    x = torch.randn(6, 2, 2, 5, 7, dtype=torch.float64)
    h_0 = tuple(torch.randn(1, 2, k, 5, 7, dtype=torch.float64) for k in (4, 3))
    c_0 = tuple(torch.randn(1, 2, k, 5, 7, dtype=torch.float64) for k in (4, 3))
    output, (h_n, c_n) = layer(x, (h_0, c_0))
    for row in range(2):
        seen = x[:, row].cpu().numpy()
        for k in range(2):
            p = parameters(layer, f"_l{k}")
            seen, h, c = lstm(seen, h_0[k][0, row].cpu().numpy(), c_0[k][0, row].cpu().numpy(), p, peephole)
            check(h_n[k][0, row], h)
            check(c_n[k][0, row], c)
        check(output[:, row], seen)


@pytest.mark.parametrize("reset_after", [True, False])
def test_bidirectional_gru(reset_after):
    layer = nn.ConvGRU2d(2, 3, kernel_size=5, bidirectional=True, reset_after=reset_after, dtype=torch.float64)
    assert hasattr(layer, "bias_hh_l0") == reset_after
    x = torch.randn(5, 1, 2, 6, 7, dtype=torch.float64)
    h_0 = torch.randn(2, 1, 3, 6, 7, dtype=torch.float64)
    output, h_n = layer(x, h_0)
    frames = x[:, 0].cpu().numpy()
    forward, h = gru(frames, h_0[0, 0].cpu().numpy(), parameters(layer, "_l0"), reset_after)
    backward, h_reverse = gru(frames[::-1], h_0[1, 0].cpu().numpy(), parameters(layer, "_l0_reverse"), reset_after)
    check(output[:, 0, :3], forward)
    check(output[:, 0, 3:], backward[::-1])
    check(h_n[0, 0], h)
    check(h_n[1, 0], h_reverse)


def test_no_input():
    layer = nn.ConvLSTM2d(0, 3, kernel_size=3, peephole="channel", dtype=torch.float64)
    assert not hasattr(layer, "weight_ih_l0")
    h_0, c_0 = (torch.randn(1, 2, 3, 5, 4, dtype=torch.float64) for _ in range(2))
    output, (h_n, c_n) = layer(None, (h_0, c_0), steps=4)
    assert output.shape == (4, 2, 3, 5, 4)
    p = parameters(layer, "_l0") | {"weight_ih": np.zeros((12, 1, 1, 1))}
    expected, h, c = lstm(np.zeros((4, 1, 5, 4)), h_0[0, 1].cpu().numpy(), c_0[0, 1].cpu().numpy(), p, "channel")
    check(output[:, 1], expected)
    check(h_n[0, 1], h)
    check(c_n[0, 1], c)


def test_dropout_acts_between_layers_in_training_only():
    layer = nn.ConvGRU2d(2, 3, 2, kernel_size=3, dropout=0.5)
    plain = nn.ConvGRU2d(2, 3, 2, kernel_size=3)
    plain.load_state_dict(layer.state_dict())
    x = torch.randn(4, 2, 2, 5, 5)
    torch.testing.assert_close(layer.eval()(x)[0], plain(x)[0])
    _, first = layer.train()(x)
    _, second = layer(x)
    torch.testing.assert_close(first[0], second[0])  # nothing is dropped before the first layer's state
    assert not torch.allclose(first[1], second[1])
