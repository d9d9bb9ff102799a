"""Layers against plain equations in NumPy float64, written out here.

Shape letters: T time, N batch, C input channels, H hidden channels, G gates, S spatial axes, K kernel.
"""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from framecast import nn

SIZES = {0: (), 1: (7,), 2: (5, 4), 3: (3, 4, 2)}
RANKS = [0, 1, 2, 3]
CELLS = ["RNN", "LSTM", "GRU", "GRU-before"]


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def conv(x, weight, stride=1):
    """Correlation of ``x (N, C, *S)`` with ``weight (O, C, *K)``: sums written out; zeros around, ceil(S/stride)."""
    kernel, size = weight.shape[2:], x.shape[2:]
    out = [-(-s // stride) for s in size]
    total = [max((o - 1) * stride + k - s, 0) for o, k, s in zip(out, kernel, size, strict=True)]
    padded = np.pad(x, [(0, 0), (0, 0), *((t // 2, t - t // 2) for t in total)])
    result = np.zeros((len(x), len(weight), *out))
    for offset in np.ndindex(*kernel):
        places = tuple(slice(d, d + (o - 1) * stride + 1, stride) for d, o in zip(offset, out, strict=True))
        result += np.einsum("oc,nc...->no...", weight[(..., *offset)], padded[(slice(None), slice(None), *places)])
    return result


def grouped(x, weight, groups, parts=1, stride=1):
    """One gate's grouped convolution: group j reads group j of each of the ``parts`` stacked in ``x``."""
    seen = [np.split(part, groups, 1) for part in np.split(x, parts, 1)]
    rows = [
        conv(np.concatenate([part[j] for part in seen], 1), w, stride) for j, w in enumerate(np.split(weight, groups))
    ]
    return np.concatenate(rows, 1)


class Gates:
    """The sums of each gate, gate by gate, for one layer and direction."""

    def __init__(self, p, count, *, groups=1, parts=1, stride=1, norm=False, peephole=None, mask=1.0):
        self.weight_hr = p.get("weight_hr")
        gated = {name: value for name, value in p.items() if name != "weight_hr"}
        self.p = {name: np.split(value, 3 if name == "weight_ch" else count) for name, value in gated.items()}
        self.groups, self.parts, self.stride = groups, parts, stride
        self.norm, self.peephole, self.mask = norm, peephole, mask

    def column(self, name, k, like):
        value = self.p[name][k] if name in self.p else np.zeros(like.shape[1])
        return value.reshape(-1, *(1,) * (like.ndim - 2))

    def of_input(self, x, k):
        total = grouped(x, self.p["weight_ih"][k], self.groups, self.parts, self.stride)
        return total + self.column("bias_ih", k, total)

    def of_state(self, h, k):
        total = grouped(h * self.mask, self.p["weight_hh"][k], self.groups)
        return total + self.column("bias_hh", k, total)

    def finish(self, total, k):
        if not self.norm:
            return total
        parts = []
        for part in np.split(total, self.groups, 1):
            axes = tuple(range(1, part.ndim))
            spread = np.sqrt(part.var(axes, keepdims=True) + 1e-5)
            parts.append((part - part.mean(axes, keepdims=True)) / spread)
        return np.concatenate(parts, 1) * self.column("weight_norm", k, total) + self.column("bias_norm", k, total)

    def seen(self, c, k):
        weight = None if self.peephole is None else self.p["weight_ch"][k]
        if self.peephole == "conv":
            return grouped(c, weight, self.groups)
        if self.peephole == "channel":
            weight = weight.reshape(-1, *(1,) * (c.ndim - 2))
        return 0 if weight is None else weight * c

    def output(self, h):
        return h if self.weight_hr is None else conv(h, self.weight_hr)


def rnn(gates, x, h):
    return (np.tanh(gates.finish(gates.of_input(x, 0) + gates.of_state(h, 0), 0)),)


def lstm(gates, x, h, c):
    i, f, g, o = (gates.finish(gates.of_input(x, k) + gates.of_state(h, k), k) for k in range(4))
    new = sigmoid(f + gates.seen(c, 1)) * c + sigmoid(i + gates.seen(c, 0)) * np.tanh(g)
    return gates.output(sigmoid(o + gates.seen(new, 2)) * np.tanh(new)), new


def gru(gates, x, h):
    r, z = (sigmoid(gates.finish(gates.of_input(x, k) + gates.of_state(h, k), k)) for k in range(2))
    n = np.tanh(gates.finish(gates.of_input(x, 2) + r * gates.of_state(h, 2), 2))
    return ((1 - z) * n + z * h,)


def gru_before(gates, x, h):
    r, z = (sigmoid(gates.finish(gates.of_input(x, k) + gates.of_state(h, k), k)) for k in range(2))
    n = np.tanh(gates.finish(gates.of_input(x, 2) + gates.of_state(r * h, 2), 2))
    return ((1 - z) * n + z * h,)


STEPS = {"RNN": (rnn, 1), "LSTM": (lstm, 4), "GRU": (gru, 3), "GRU-before": (gru_before, 3)}


def run(cell, layer, x, states, *, masks=None, zoneout=(0.0, 0.0), kept=None, **options):
    """All layers and directions in NumPy: outputs and the final states, one per layer and direction.

    ``masks`` are the recurrent dropout masks, one per layer and direction; ``kept`` says at every step which elements
    zoneout keeps, else the expectation is taken.
    """
    step, count = STEPS[cell]
    x, finals, directions = x.cpu().numpy(), [], 1 + layer.bidirectional
    for k in range(layer.num_layers):
        columns = []
        for d in range(directions):
            suffix = f"_l{k}" + "_reverse" * d
            own = {n.removesuffix(suffix): v for n, v in layer.named_parameters() if n.endswith(suffix)}
            p = {name: v.detach().cpu().numpy() for name, v in own.items()}
            mask = 1.0 if masks is None else masks[k * directions + d].cpu().numpy()
            gates = Gates(p, count, parts=directions if k else 1, mask=mask, **options)
            state, outputs = [s.cpu().numpy() for s in states[k * directions + d]], []
            for frame in x[::-1] if d else x:
                new = step(gates, frame, *state)
                rates = [p if kept is None else next(kept) for p, _ in zip(zoneout, new, strict=False)]
                state = [r * a + (1 - r) * b for r, a, b in zip(rates, state, new, strict=True)]
                outputs.append(state[0])
            columns.append(np.stack(outputs[::-1] if d else outputs))
            finals.append(state)
        x = np.concatenate(columns, 2)
    return x, finals


def build(cell, axes, hidden, layers=1, channels=None, **options):
    name, *before = cell.split("-")
    options |= {"reset_after": False} if before else {}
    options |= {"kernel_size": (3, 2, 3)[:axes]} if axes and "kernel_size" not in options else {}
    layer = getattr(nn, f"Conv{name}{axes}d" if axes else name)(
        channels or hidden, hidden, layers, dtype=torch.float64, **options
    )
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return layer


def batch(cell, layer, size, *, steps=4, channels=None, hidden=None, sizes=None):
    """Frames, and states that are not zero: for the NumPy run and for the layer."""
    wide = hidden or layer.hidden_size
    sizes, rows = sizes or [size] * layer.num_layers, 1 + layer.bidirectional
    x = torch.randn(steps, 2, channels or layer.input_size, *size, dtype=torch.float64)
    widths = (wide, layer.hidden_size)[: 1 + (cell == "LSTM")]
    states = [tuple(torch.randn(2, w, *s, dtype=torch.float64) for w in widths) for s in sizes for _ in range(rows)]
    columns = [torch.stack(c) if len(set(sizes)) == 1 else c for c in zip(*states, strict=True)]
    hx = tuple(c if torch.is_tensor(c) else tuple(s[None] for s in c) for c in columns)
    return x, states, hx if cell == "LSTM" else hx[0]


def check(found, expected):
    (output, final), (values, finals) = found, expected
    np.testing.assert_allclose(output.detach().cpu().numpy(), values, rtol=1e-11, atol=1e-12)
    columns = final if len(finals[0]) > 1 else (final,)
    for column, own in zip(columns, zip(*finals, strict=True), strict=True):
        for a, b in zip(column, own, strict=True):
            np.testing.assert_allclose(a.detach().cpu().numpy().reshape(b.shape), b, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("axes", RANKS)
@pytest.mark.parametrize("cell", CELLS)
def test_three_layers(cell, axes):
    layer = build(cell, axes, 3, 3, channels=2)
    x, states, hx = batch(cell, layer, SIZES[axes])
    check(layer(x, hx), run(cell, layer, x, states))


@pytest.mark.parametrize("axes", RANKS)
@pytest.mark.parametrize("cell", CELLS)
def test_groups_above_a_bidirectional_layer(cell, axes):
    layer = build(cell, axes, 4, 2, channels=6, groups=2, bidirectional=True)
    x, states, hx = batch(cell, layer, SIZES[axes], steps=3)
    check(layer(x, hx), run(cell, layer, x, states, groups=2))


@pytest.mark.parametrize("axes", RANKS)
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("groups", [1, 2])
def test_group_norm(cell, axes, groups):
    layer = build(cell, axes, 4, 2, norm="group", groups=groups, bidirectional=axes == 1)
    x, states, hx = batch(cell, layer, SIZES[axes], steps=3)
    check(layer(x, hx), run(cell, layer, x, states, groups=groups, norm=True))


@pytest.mark.parametrize(
    ("axes", "peephole"),
    [(0, "channel"), *((axes, kind) for axes in (1, 2, 3) for kind in ("channel", "pixel", "conv"))],
)
@pytest.mark.parametrize("norm", [None, "group"])
def test_peepholes(axes, peephole, norm):
    options = {"spatial_size": SIZES[axes]} if peephole == "pixel" else {}
    layer = build("LSTM", axes, 4, 2, peephole=peephole, bidirectional=True, norm=norm, groups=2, **options)
    x, states, hx = batch("LSTM", layer, SIZES[axes], steps=3)
    check(layer(x, hx), run("LSTM", layer, x, states, peephole=peephole, norm=norm == "group", groups=2))


@pytest.mark.parametrize("axes", RANKS)
@pytest.mark.parametrize("peephole", [None, "channel"])
def test_projection(axes, peephole):
    layer = build("LSTM", axes, 3, 2, proj_size=2, peephole=peephole, bidirectional=True)
    x, states, hx = batch("LSTM", layer, SIZES[axes], hidden=2)
    check(layer(x, hx), run("LSTM", layer, x, states, peephole=peephole))


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("stride", [2, 3])
def test_stride(cell, axes, stride):
    options = {"peephole": "pixel", "spatial_size": SIZES[axes]} if cell == "LSTM" else {}
    layer = build(cell, axes, 2, 2, stride=stride, **options)
    sizes = [tuple(-(-s // stride) for s in SIZES[axes])]
    sizes.append(tuple(-(-s // stride) for s in sizes[0]))
    x, states, hx = batch(cell, layer, SIZES[axes], sizes=sizes)
    options = {"peephole": "pixel"} if options else {}
    check(layer(x, hx), run(cell, layer, x, states, stride=stride, **options))


@pytest.mark.parametrize("hidden", [[4, 3], [3, 5]])
def test_sizes_of_each_layer(hidden):
    layer = build("LSTM", 2, hidden, 1, channels=2, peephole="conv", kernel_size=[5, (1, 4)])
    size = (5, 7)
    x = torch.randn(6, 2, 2, *size, dtype=torch.float64)
    states = [tuple(torch.randn(2, k, *size, dtype=torch.float64) for _ in "hc") for k in hidden]
    hx = tuple(tuple(s[None] for s in column) for column in zip(*states, strict=True))
    check(layer(x, hx), run("LSTM", layer, x, states, peephole="conv"))


@pytest.mark.parametrize("axes", RANKS)
@pytest.mark.parametrize("cell", CELLS)
def test_zoneout(cell, axes, monkeypatch):
    rates = (0.3, 0.7) if cell == "LSTM" else (0.4,)
    layer = build(cell, axes, 3, 2, zoneout=rates if cell == "LSTM" else rates[0], bidirectional=True)
    x, states, hx = batch(cell, layer, SIZES[axes])
    check(layer.eval()(x, hx), run(cell, layer, x, states, zoneout=rates))

    draws = []

    def rand_like(tensor):
        draws.append(torch.rand(tensor.shape, dtype=tensor.dtype))
        return draws[-1]

    monkeypatch.setattr(torch, "rand_like", rand_like)
    found = layer.train()(x, hx)
    assert len(draws) == 4 * len(x) * len(rates)
    kept = ((draw.cpu().numpy() < rates[k % len(rates)]).astype(float) for k, draw in enumerate(draws))
    check(found, run(cell, layer, x, states, zoneout=rates, kept=kept))


def test_zoneout_keeps_each_state_at_its_own_rate():
    layer = nn.ConvLSTM2d(1, 3, kernel_size=1, zoneout=(0.2, 0.7), bias=False)
    hx = torch.full((2, 1, 1, 3, 70, 90), 3.0)
    _, (h, c) = layer(torch.zeros(1, 1, 1, 70, 90), tuple(hx))
    assert (h == 3).float().mean().item() == pytest.approx(0.2, abs=0.02)
    assert (c == 3).float().mean().item() == pytest.approx(0.7, abs=0.02)
    _, (h, c) = layer(torch.zeros(2, 1, 1, 70, 90), tuple(hx))
    assert (c == 3).float().mean().item() == pytest.approx(0.49, abs=0.02)  # drawn anew at every step


@pytest.mark.parametrize("axes", RANKS)
@pytest.mark.parametrize("cell", CELLS)
def test_recurrent_dropout(cell, axes, monkeypatch):
    layer = build(cell, axes, 3, 2, recurrent_dropout=0.4, bidirectional=True)
    x, states, hx = batch(cell, layer, SIZES[axes])
    check(layer.eval()(x, hx), run(cell, layer, x, states))

    masks, dropout = [], F.dropout

    def record(*args, **options):
        masks.append(dropout(*args, **options))
        return masks[-1]

    monkeypatch.setattr(F, "dropout", record)
    found = layer.train()(x, hx)
    assert [m.shape for m in masks] == [(2, 3, *SIZES[axes])] * 4
    check(found, run(cell, layer, x, states, masks=masks))


@pytest.mark.parametrize("axes", [0, 2])
def test_recurrent_dropout_has_one_inverted_mask_for_a_sequence(axes):
    """With h' = h the state is multiplied by the mask at every step, and so tells it."""
    options = {"kernel_size": 1} if axes else {}
    layer = build("RNN", axes, 50, 1, recurrent_dropout=0.3, nonlinearity="identity", bidirectional=True, **options)
    for parameter in layer.parameters():
        torch.nn.init.zeros_(parameter)
    for weight in (layer.weight_hh_l0, layer.weight_hh_l0_reverse):
        weight.data += torch.eye(50, dtype=torch.float64).view(weight.shape)
    size = SIZES[axes]
    layer.train()
    x, hx = torch.zeros(3, 9, 50, *size, dtype=torch.float64), torch.ones(2, 9, 50, *size, dtype=torch.float64)
    output, _ = layer(x, hx)
    forward, backward = output[:, :, :50], output[:, :, 50:].flip(0)
    for way in (forward, backward):
        assert set(way[0].unique().tolist()) == {0.0, 1 / 0.7}
        assert (way[0] == 0).double().mean().item() == pytest.approx(0.3, abs=0.08)
        torch.testing.assert_close(way[1], way[0] ** 2)
        torch.testing.assert_close(way[2], way[0] ** 3)
    masks = [forward[0], backward[0], layer(x, hx)[0][0, :, :50]]
    for a, b in ((0, 1), (0, 2)):
        assert not torch.equal(masks[a], masks[b])  # another for each direction and each call
    assert not torch.equal(forward[0, 0], forward[0, 1])  # and each sequence
    assert not axes or (forward[0].flatten(2).std(2) > 0).any()  # and each place


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("axes", RANKS)
def test_every_option_at_once(cell, axes):
    options = {"norm": "group", "groups": 2, "bidirectional": True}
    options |= {"peephole": "channel", "proj_size": 2} if cell == "LSTM" else {}
    rates = (0.3, 0.6)
    layer = build(cell, axes, 4, 2, zoneout=rates if cell == "LSTM" else rates[0], **options).eval()
    x, states, hx = batch(cell, layer, SIZES[axes], hidden=2 if cell == "LSTM" else None)
    peephole = "channel" if cell == "LSTM" else None
    check(layer(x, hx), run(cell, layer, x, states, zoneout=rates, norm=True, groups=2, peephole=peephole))


@pytest.mark.parametrize("axes", RANKS)
@pytest.mark.parametrize("cell", CELLS)
def test_no_input(cell, axes):
    options = {"peephole": "channel"} if cell == "LSTM" else {}
    layer = build(cell, axes, 3, 1, channels=1, **options)
    alone = getattr(nn, type(layer).__name__)(
        0, 3, dtype=torch.float64, **options, **({"reset_after": False} if "-" in cell else {}),
        **({"kernel_size": (3, 2, 3)[:axes]} if axes else {}),
    )  # fmt: skip
    missing = {name: value for name, value in layer.state_dict().items() if "weight_ih" not in name}
    alone.load_state_dict(missing)
    x, states, hx = batch(cell, layer, SIZES[axes], steps=4)
    output, final = alone(None, hx, steps=4)
    torch.nn.init.zeros_(layer.weight_ih_l0)
    check((output, final), run(cell, layer, x, states, **options))


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
