"""Layers against torch.nn's own, in float64: torch's fused operator and the reference alike."""

from itertools import product

import pytest
import torch
from torch.nn.utils.rnn import PackedSequence, pack_sequence

from framecast import nn
from framecast.kernels import _choice
from framecast.kernels._torch_rnn import Operator, _operator

KINDS = ["RNN", "RNN-relu", "LSTM", "GRU"]
DENSE = ["RNN", "LSTM", "GRU"]


def flat(states):
    return states if isinstance(states, tuple) else (states,)


def close(actual, expected):
    torch.testing.assert_close(actual, expected, rtol=1e-12, atol=1e-12)


def pair(kind, **options):
    """A layer of torch and ours, with the same seed."""
    name, *nonlinearity = kind.split("-")
    options |= {"nonlinearity": nonlinearity[0]} if nonlinearity else {}
    layers = []
    for module in (torch.nn, nn):
        torch.manual_seed(3)
        layers.append(getattr(module, name)(3, 5, dtype=torch.float64, **options))
    return layers


def states(kind, *shape, proj_size=None):
    h = torch.randn(*shape[:-1], proj_size or shape[-1], dtype=torch.float64)
    return (h, torch.randn(*shape, dtype=torch.float64)) if kind == "LSTM" else h


def results(layer, input, hx=None):
    """Output, states, and the gradients of input, states and parameters under one random weighting."""
    leaves = [t.clone().requires_grad_() for t in (input.data, *(() if hx is None else flat(hx)))]
    fed = leaves[0]
    if isinstance(input, PackedSequence):
        fed = PackedSequence(fed, input.batch_sizes, input.sorted_indices, input.unsorted_indices)
    given = None if hx is None else tuple(leaves[1:]) if isinstance(hx, tuple) else leaves[1]
    torch.manual_seed(7)  # of the dropout masks
    output, final = layer(fed, given)
    values = [output.data, *flat(final)]
    loss = sum((torch.randn_like(t) * t).sum() for t in values)
    return [*values, *torch.autograd.grad(loss, [*leaves, *layer.parameters()])]


def assert_same(theirs, ours, input, hx=None):
    for a, b in zip(results(theirs, input, hx), results(ours, input, hx), strict=True):
        close(b, a)


def forms(kind, layers, batch_first, directions):
    """The forms an input can have, each with a state and one without."""
    x, rows = torch.randn(7, 4, 3, dtype=torch.float64), layers * directions
    packed = pack_sequence([torch.randn(n, 3, dtype=torch.float64) for n in (2, 6, 4)], enforce_sorted=False)
    yield (x.transpose(0, 1) if batch_first else x), states(kind, rows, 4, 5)
    yield (x.transpose(0, 1) if batch_first else x), None
    yield x[:, 0], states(kind, rows, 5)
    yield packed, states(kind, rows, 3, 5)


def without_operator(monkeypatch):
    """Leave every stack to kernels of one pass."""
    monkeypatch.setattr(_choice, "STACK_KERNELS", ())


@pytest.mark.parametrize("path", ["fused", "reference"])
@pytest.mark.parametrize(
    ("layers", "dropout", "bidirectional", "bias", "batch_first"),
    [c for c in product([1, 2, 3], [0.0, 0.4], *[[False, True]] * 3) if c[0] > 1 or not c[1]],
)
@pytest.mark.parametrize("kind", KINDS)
def test_outputs_states_and_gradients(
    kind, layers, dropout, bidirectional, bias, batch_first, path, device, monkeypatch
):
    if dropout and device.type != "cpu":
        pytest.skip("the same masks are promised on the CPU")
    options = {"num_layers": layers, "bias": bias, "batch_first": batch_first, "bidirectional": bidirectional}
    theirs, ours = pair(kind, dropout=dropout, **options)
    assert isinstance(_operator(ours._layers), Operator)
    if path == "reference":
        without_operator(monkeypatch)
    for input, hx in forms(kind, layers, batch_first, 1 + bidirectional):
        assert_same(theirs, ours, input, hx)
    if dropout:
        ours.eval(), theirs.eval()
        assert_same(theirs, ours, input, hx)


@pytest.mark.parametrize("path", ["fused", "reference"])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("layers", [1, 3])
def test_projected_lstm(layers, bidirectional, path, monkeypatch):
    theirs, ours = pair("LSTM", num_layers=layers, proj_size=2, bidirectional=bidirectional)
    if path == "reference":
        without_operator(monkeypatch)
    rows = layers * (1 + bidirectional)
    assert_same(theirs, ours, torch.randn(7, 4, 3, dtype=torch.float64), states("LSTM", rows, 4, 5, proj_size=2))
    packed = pack_sequence([torch.randn(n, 3, dtype=torch.float64) for n in (5, 3)])
    assert_same(theirs, ours, packed, states("LSTM", rows, 2, 5, proj_size=2))


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("kind", DENSE)
def test_same_seed_same_names_and_state_dicts_both_ways(kind, bias):
    theirs, ours = pair(kind, num_layers=2, bidirectional=True, bias=bias)
    assert [(n, p.shape) for n, p in ours.named_parameters()] == [(n, p.shape) for n, p in theirs.named_parameters()]
    for a, b in zip(theirs.parameters(), ours.parameters(), strict=True):
        assert torch.equal(a, b)
    for source, target in ((theirs, ours), (ours, theirs)):
        source.reset_parameters()
        assert not torch.equal(target.weight_hh_l1, source.weight_hh_l1)
        target.load_state_dict(source.state_dict(), strict=True)
        for a, b in zip(source.all_weights[-1], target.all_weights[-1], strict=True):
            assert torch.equal(a, b)


def second_derivatives(layer, input, hx, chunks=1):
    """Derivatives of a penalty on the gradient, when the layer runs ``chunks`` times with the state carried."""
    leaves = [t.clone().requires_grad_() for t in (input, *flat(hx))]
    hx = tuple(leaves[1:]) if isinstance(hx, tuple) else leaves[1]
    torch.manual_seed(7)
    for part in leaves[0].chunk(chunks):
        output, hx = layer(part, hx)
    loss = output.square().sum() + flat(hx)[0].sum()
    first = torch.autograd.grad(loss, [*leaves, *layer.parameters()], create_graph=True)
    second = torch.autograd.grad(sum(g.square().sum() for g in first), [*leaves, *layer.parameters()])
    return [*first, *second]


@pytest.mark.parametrize("chunks", [1, 3])
@pytest.mark.parametrize("dropout", [0.0, 0.4])
@pytest.mark.parametrize("kind", KINDS)
def test_double_backward(kind, dropout, chunks, device, monkeypatch):
    if device.type != "cpu":
        pytest.skip("torch's own operators cannot be differentiated twice there")
    theirs, ours = pair(kind, num_layers=2, bidirectional=True, dropout=dropout)
    x, hx = torch.randn(6, 2, 3, dtype=torch.float64), states(kind, 4, 2, 5)
    expected = second_derivatives(theirs, x, hx, chunks)
    for path in ("fused", "reference"):
        if path == "reference":
            without_operator(monkeypatch)
        for a, b in zip(second_derivatives(ours, x, hx, chunks), expected, strict=True):
            close(a.detach(), b.detach())


def test_a_draw_of_the_mask_moves_the_generator_as_torch_does():
    states = []
    for layer in pair("GRU", num_layers=2, dropout=0.5):
        torch.manual_seed(7)
        output, _ = layer(torch.ones(3, 2, 3, dtype=torch.float64))
        torch.autograd.grad(output.sum(), layer.weight_hh_l0, create_graph=True)
        states.append(torch.rand(3))
    assert torch.equal(*states)


@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_convolutions_of_one_pixel_are_dense_layers(kind, axes):
    name, *nonlinearity = kind.split("-")
    options = {"num_layers": 2, "bidirectional": True, "dtype": torch.float64}
    options |= {"nonlinearity": nonlinearity[0]} if nonlinearity else {}
    dense = getattr(torch.nn, name)(3, 5, **options)
    layer = getattr(nn, f"Conv{name}{axes}d")(3, 5, kernel_size=1, **options)
    ones = (1,) * axes
    with torch.no_grad():
        for key, parameter in layer.named_parameters():
            source = getattr(dense, key)
            if key.startswith("bias_ih") and not hasattr(layer, key.replace("ih", "hh")):
                source = source + getattr(dense, key.replace("ih", "hh"))
            parameter.copy_(source.view(parameter.shape))
    x, hx = torch.randn(6, 4, 3, dtype=torch.float64), states(kind, 4, 4, 5)
    conv_hx = tuple(s.view(*s.shape, *ones) for s in flat(hx))
    expected = results(dense, x, hx)
    found = results(layer, x.view(*x.shape, *ones), conv_hx if kind == "LSTM" else conv_hx[0])
    count = len(expected) - len(list(dense.parameters()))
    for a, b in zip(found[:count], expected[:count], strict=True):
        close(a.flatten(-axes).squeeze(-1), b)
    gradients = dict(zip([n for n, _ in dense.named_parameters()], expected[count:], strict=True))
    for (key, _), a in zip(layer.named_parameters(), found[count:], strict=True):
        close(a.view(gradients[key].shape), gradients[key])


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_cells(kind, bias):
    name, *nonlinearity = kind.split("-")
    options = {"bias": bias, "dtype": torch.float64} | ({"nonlinearity": nonlinearity[0]} if nonlinearity else {})
    theirs, ours = getattr(torch.nn, f"{name}Cell")(3, 5, **options), getattr(nn, f"{name}Cell")(3, 5, **options)
    ours.load_state_dict(theirs.state_dict())
    theirs.load_state_dict(ours.state_dict())
    x, hx = torch.randn(4, 3, dtype=torch.float64), states(kind, 4, 5)
    one = tuple(s[0] for s in flat(hx))
    for input, state in ((x, None), (x, hx), (x[0], one if kind == "LSTM" else one[0])):
        found = []
        for cell in (theirs, ours):
            values = flat(cell(input, state))
            loss = sum((k + v.square()).sum() for k, v in enumerate(values))
            found.append([*values, *torch.autograd.grad(loss, list(cell.parameters()))])
        for a, b in zip(*found, strict=True):
            close(b, a)
