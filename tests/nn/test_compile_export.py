"""Layers as modules of PyTorch: compiled, exported, in other types, copied, moved and reparametrised."""

import copy
import io
import pickle
import shutil

import pytest
import torch
from torch.export import Dim, export

from framecast import nn

# Said by torch's own tracing machinery of itself.
pytestmark = pytest.mark.filterwarnings(
    "ignore:.torch.jit.*is deprecated:DeprecationWarning",
    "ignore:.isinstance.treespec, LeafSpec.. is deprecated",
)

KINDS = ["RNN", "LSTM", "GRU"]


def flat(states):
    return states if isinstance(states, tuple) else (states,)


def build(kind, axes=2, layers=2, channels=2, hidden=3, **options):
    options |= {"kernel_size": 3} if axes else {}
    layer = getattr(nn, f"Conv{kind}{axes}d" if axes else kind)(channels, hidden, layers, **options)
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return layer


def inputs(layer, batch=2, size=(5, 6), steps=3, dtype=torch.float32):
    """Frames and states that are not zero."""
    x = torch.randn(steps, batch, layer.input_size, *size, dtype=dtype)
    _, final = layer(x)
    states = tuple(torch.randn_like(s) for s in flat(final))
    return x, states if isinstance(final, tuple) else states[0]


def assert_same(found, expected, **tolerance):
    for a, b in zip((found[0], *flat(found[1])), (expected[0], *flat(expected[1])), strict=True):
        torch.testing.assert_close(a, b, **tolerance)


@pytest.mark.parametrize(
    ("kind", "axes", "options"),
    [
        ("LSTM", 2, {"peephole": "channel", "bidirectional": True}),
        ("GRU", 2, {"stride": 2, "norm": "group"}),
        ("LSTM", 0, {}),
        ("RNN", 1, {"zoneout": 0.2}),
    ],
)
def test_compiled_whole_with_its_gradients(kind, axes, options):
    torch.compiler.reset()
    layer = build(kind, axes, **options).eval()
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    size = (5, 6)[:axes]
    x, states = inputs(layer, size=size, steps=2)
    expected, found = layer(x, states), compiled(x, states)
    assert_same(found, expected)
    both = [torch.autograd.grad(output.square().sum(), list(layer.parameters())) for output, _ in (expected, found)]
    torch.testing.assert_close(*both)
    if axes == 1:
        again = torch.randn(4, 3, 2, *(s + 1 for s in size))
        assert_same(compiled(again), layer(again))


@pytest.mark.skipif(shutil.which("g++") is None, reason="inductor needs a C++ compiler")
def test_compiled_by_inductor():
    torch.compiler.reset()
    layer = build("GRU", layers=1)
    compiled = torch.compile(layer, fullgraph=True)
    x, h_0 = inputs(layer, steps=2)
    expected, found = layer(x, h_0), compiled(x, h_0)
    assert_same(found, expected)
    both = [torch.autograd.grad(output.square().sum(), list(layer.parameters())) for output, _ in (expected, found)]
    torch.testing.assert_close(*both)


@pytest.mark.parametrize(
    ("kind", "options", "given"),
    [
        ("LSTM", {"peephole": "channel"}, True),
        ("LSTM", {"stride": 2, "proj_size": 2}, False),
        ("GRU", {"norm": "group", "reset_after": False, "bidirectional": True}, True),
        ("RNN", {"padding": "valid"}, False),
    ],
)
def test_export_with_batch_height_and_width_dynamic(kind, options, given):
    """Without a given state also where its size is another than the frame's."""
    layer = build(kind, **options).eval().requires_grad_(False)
    x = torch.randn(2, 2, 2, 11, 14)
    _, hx = layer(x)
    axes = {1: Dim("N", max=64), 3: Dim("H", min=6, max=256), 4: Dim("W", min=6, max=256)}
    shapes = {"input": axes} | ({"hx": (axes, axes) if kind == "LSTM" else axes} if given else {})
    program = export(layer, (x, hx) if given else (x,), dynamic_shapes=shapes)
    stored = io.BytesIO()
    torch.export.save(program, stored)
    stored.seek(0)
    module = torch.export.load(stored).module()
    for batch, height, width in ((2, 11, 14), (1, 10, 7), (5, 17, 12)):
        x = torch.randn(2, batch, 2, height, width)
        _, hx = layer(x)
        arguments = (x, hx) if given else (x,)
        found, expected = module(*arguments), layer(*arguments)
        torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("given", [False, True], ids=["from zero", "from a state"])
@pytest.mark.parametrize("options", [{}, {"batch_first": True, "bidirectional": True}], ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_export_of_a_dense_layer_with_a_dynamic_batch(kind, options, given):
    layer = build(kind, 0, **options).eval().requires_grad_(False)

    def arguments(batch):
        x = torch.randn((batch, 3, 2) if "batch_first" in options else (3, batch, 2))
        _, hx = layer(x)
        return (x, hx) if given else (x,)

    frames, states = {0 if "batch_first" in options else 1: Dim("N", max=64)}, {1: Dim("N", max=64)}
    shapes = {"input": frames} | ({"hx": (states, states) if kind == "LSTM" else states} if given else {})
    module = export(layer, arguments(2), dynamic_shapes=shapes).module()
    for batch in (1, 2, 5):
        call = arguments(batch)
        torch.testing.assert_close(module(*call), layer(*call))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("axes", [0, 1, 2, 3])
def test_autocast(kind, axes, device):
    layer = build(kind, axes)
    x, states = inputs(layer, size=(4, 5, 3)[:axes])
    expected = layer(x, states)
    with torch.autocast(device.type, torch.bfloat16):
        found = layer(x, states)
    assert {t.dtype for t in (found[0], *flat(found[1]))} == {torch.bfloat16}
    as_single = found[0].float(), tuple(s.float() for s in flat(found[1]))
    assert_same(as_single, (expected[0], flat(expected[1])), rtol=0.1, atol=0.05)
    assert not torch.equal(as_single[0], expected[0])
    gradient = torch.autograd.grad(found[0].float().square().sum(), layer.weight_hh_l0)[0]
    assert gradient.dtype == torch.float32


@pytest.mark.parametrize("mixed", ["autocast", "bfloat16"])
@pytest.mark.parametrize("axes", [0, 2])
def test_c_is_accumulated_in_float32(axes, mixed, device):
    """Adding 1/512 to 1, 256 times: bfloat16 alone would stay at 1."""
    layer = build("LSTM", axes, layers=1, activation="identity", recurrent_activation="identity")
    for name, parameter in layer.named_parameters():
        torch.nn.init.zeros_(parameter)
        if name == "bias_ih_l0":
            parameter.data.copy_(torch.tensor([1.0, 1.0, 2.0**-9, 1.0]).repeat_interleave(3))  # c += 1/512
    size = (4, 5)[:axes]
    x, hx = torch.zeros(256, 1, 2, *size), (torch.zeros(1, 1, 3, *size), torch.ones(1, 1, 3, *size))
    if mixed == "autocast":
        with torch.autocast(device.type, torch.bfloat16):
            _, (_, c_n) = layer(x, hx)
    else:
        _, (_, c_n) = layer.bfloat16()(x.bfloat16(), tuple(s.bfloat16() for s in hx))
    assert c_n.dtype == torch.bfloat16
    torch.testing.assert_close(c_n.float(), torch.full_like(hx[1], 1.5), rtol=0.01, atol=0)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("axes", [0, 1, 2, 3])
def test_other_types(kind, axes, dtype):
    layer = build(kind, axes)
    x, states = inputs(layer, size=(4, 5, 3)[:axes])
    expected = layer(x, states)
    cast = [s.to(dtype) for s in flat(states)]
    other = copy.deepcopy(layer).to(dtype)
    found = other(x.to(dtype), tuple(cast) if kind == "LSTM" else cast[0])
    assert {t.dtype for t in (found[0], *flat(found[1]))} == {dtype}
    tolerance = {"rtol": 0.1, "atol": 0.05} if dtype == torch.bfloat16 else {"rtol": 1e-4, "atol": 1e-5}
    assert_same(
        (found[0].float(), tuple(s.float() for s in flat(found[1]))), (expected[0], flat(expected[1])), **tolerance
    )
    found[0].sum().backward()
    assert {p.grad.dtype for p in other.parameters()} == {dtype}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("axes", [0, 2])
def test_copies_pickles_and_state_dicts(kind, axes):
    layer = build(kind, axes, bidirectional=True)
    x, states = inputs(layer, size=(5, 6)[:axes])
    expected = layer(x, states)
    fresh = build(kind, axes, bidirectional=True)
    assert not torch.equal(fresh(x, states)[0], expected[0])
    stored = io.BytesIO()
    torch.save(layer.state_dict(), stored)
    stored.seek(0)
    fresh.load_state_dict(torch.load(stored, weights_only=True))
    for other in (fresh, copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert_same(other(x, states), expected, rtol=0, atol=0)
        other.weight_hh_l0.data.zero_()
        assert not torch.equal(other(x, states)[0], expected[0])
        assert_same(layer(x, states), expected, rtol=0, atol=0)


def test_moving_to_another_device():
    layer = build("LSTM", peephole="channel", layers=1).to("meta")
    output, (h_n, _) = layer(torch.randn(3, 2, 2, 5, 6, device="meta"))
    assert output.device.type == h_n.device.type == "meta"
    assert output.shape == (3, 2, 3, 5, 6)
    with torch.device("meta"):
        assert nn.ConvGRU2d(2, 3).weight_hh_l0.is_meta
    assert nn.ConvGRU2d(2, 3, device="meta", dtype=torch.float64).weight_ih_l0.dtype == torch.float64


@pytest.mark.parametrize(("axes", "form"), [(2, torch.channels_last), (3, torch.channels_last_3d)])
@pytest.mark.parametrize("kind", KINDS)
def test_channels_last(kind, axes, form):
    layer = build(kind, axes)
    x, states = inputs(layer, size=(4, 5, 3)[:axes])
    expected = layer(x, states)
    columns = [s.flatten(0, 1).contiguous(memory_format=form).unflatten(0, s.shape[:2]) for s in flat(states)]
    turned = x.flatten(0, 1).contiguous(memory_format=form).unflatten(0, x.shape[:2])
    assert not turned.is_contiguous()
    for other in (layer, copy.deepcopy(layer).to(memory_format=form) if axes == 2 else layer):
        assert_same(other(turned, tuple(columns) if kind == "LSTM" else columns[0]), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("axes", [0, 2])
def test_spectral_norm(kind, axes):
    layer = build(kind, axes, layers=1)
    x, states = inputs(layer, size=(5, 6)[:axes])
    before = layer(x, states)[0]
    weight = layer.weight_hh_l0.detach().clone()
    torch.nn.utils.parametrizations.spectral_norm(layer, "weight_hh_l0", n_power_iterations=30)
    layer.eval()
    largest = torch.linalg.matrix_norm(weight.flatten(1), 2)
    torch.testing.assert_close(layer.weight_hh_l0, weight / largest, rtol=1e-3, atol=1e-4)
    after = layer(x, states)[0]
    assert not torch.allclose(after, before)
    plain = build(kind, axes, layers=1)
    plain.load_state_dict(
        {"weight_hh_l0": weight / largest} | {k: v for k, v in layer.state_dict().items() if "." not in k}
    )
    torch.testing.assert_close(after, plain(x, states)[0], rtol=1e-3, atol=1e-4)
    after.square().sum().backward()
    assert layer.parametrizations.weight_hh_l0.original.grad.any()
    assert layer.weight_ih_l0.grad.any()
