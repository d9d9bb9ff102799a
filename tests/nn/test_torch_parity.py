"""Layers against torch.nn's own, in float64."""

import pytest
import torch
from torch.nn.utils.rnn import pack_sequence

from framecast import nn

KINDS = ["RNN", "LSTM", "GRU"]


def flat(states):
    return states if isinstance(states, tuple) else (states,)


def pair(kind, **options):
    """A layer of torch and ours, with the same seed."""
    layers = []
    for module in (torch.nn, nn):
        torch.manual_seed(3)
        layers.append(getattr(module, kind)(3, 5, dtype=torch.float64, **options))
    return layers


def assert_same(theirs, ours, input, hx):
    """Outputs, states and all gradients."""
    results = []
    for layer in (theirs, ours):
        output, states = layer(input, hx)
        data = output.data if hasattr(output, "batch_sizes") else output
        torch.manual_seed(11)
        loss = sum((torch.randn_like(t) * t).sum() for t in (data, *flat(states)))
        layer.zero_grad()
        loss.backward()
        results.append([data, *flat(states), *(p.grad for p in layer.parameters())])
    for a, b in zip(*results, strict=True):
        torch.testing.assert_close(b, a, rtol=1e-12, atol=1e-12)


def states(kind, *shape):
    h = torch.randn(*shape, dtype=torch.float64)
    return (h, torch.randn(*shape, dtype=torch.float64)) if kind == "LSTM" else h


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_same_weights_outputs_states_and_gradients(kind, layers, bidirectional):
    theirs, ours = pair(kind, num_layers=layers, bidirectional=bidirectional)
    ours.load_state_dict(theirs.state_dict())
    directions = 2 if bidirectional else 1
    x = torch.randn(7, 4, 3, dtype=torch.float64)
    assert_same(theirs, ours, x, None)
    assert_same(theirs, ours, x, states(kind, layers * directions, 4, 5))
    assert_same(theirs, ours, x[:, 0], states(kind, layers * directions, 5))
    packed = pack_sequence([torch.randn(n, 3, dtype=torch.float64) for n in (2, 6, 4)], enforce_sorted=False)
    assert_same(theirs, ours, packed, states(kind, layers * directions, 3, 5))


@pytest.mark.parametrize("kind", KINDS)
def test_same_seed_gives_the_same_initial_weights(kind):
    theirs, ours = pair(kind, num_layers=2, bidirectional=True)
    assert list(theirs.state_dict()) == list(ours.state_dict())
    for a, b in zip(theirs.parameters(), ours.parameters(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("options", [{"bias": False}, {"batch_first": True}], ids=str)
def test_options(kind, options):
    theirs, ours = pair(kind, num_layers=2, **options)
    assert_same(theirs, ours, torch.randn(4, 7, 3, dtype=torch.float64), None)


def test_projected_lstm():
    theirs, ours = pair("LSTM", num_layers=2, proj_size=2, bidirectional=True)
    hx = torch.randn(4, 4, 2, dtype=torch.float64), torch.randn(4, 4, 5, dtype=torch.float64)
    assert_same(theirs, ours, torch.randn(7, 4, 3, dtype=torch.float64), hx)


@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_convolutions_of_one_pixel_are_dense_layers(kind, axes):
    dense = getattr(torch.nn, kind)(3, 5, num_layers=2, bidirectional=True, dtype=torch.float64)
    layer = getattr(nn, f"Conv{kind}{axes}d")(
        3, 5, num_layers=2, bidirectional=True, kernel_size=1, dtype=torch.float64
    )
    ones = (1,) * axes
    with torch.no_grad():
        for name, parameter in layer.named_parameters():
            source = getattr(dense, name)
            if name.startswith("bias_ih") and not hasattr(layer, name.replace("ih", "hh")):
                source = source + getattr(dense, name.replace("ih", "hh"))
            parameter.copy_(source.view(*source.shape, *ones) if source.dim() == 2 else source)
    x, hx = torch.randn(6, 4, 3, dtype=torch.float64), states(kind, 4, 4, 5)
    conv_hx = tuple(s.view(*s.shape, *ones) for s in flat(hx))
    output, final = dense(x, hx)
    conv_output, conv_final = layer(x.view(*x.shape, *ones), conv_hx if kind == "LSTM" else conv_hx[0])
    torch.testing.assert_close(conv_output.flatten(2), output, rtol=1e-12, atol=1e-12)
    for a, b in zip(flat(conv_final), flat(final), strict=True):
        torch.testing.assert_close(a.flatten(2), b, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_cells(kind):
    theirs = getattr(torch.nn, f"{kind}Cell")(3, 5, dtype=torch.float64)
    ours = getattr(nn, f"{kind}Cell")(3, 5, dtype=torch.float64)
    ours.load_state_dict(theirs.state_dict())
    x, hx = torch.randn(4, 3, dtype=torch.float64), states(kind, 4, 5)
    for state in (None, hx):
        for a, b in zip(flat(ours(x, state)), flat(theirs(x, state)), strict=True):
            torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)
    one = tuple(s[0] for s in flat(hx))
    one = one if kind == "LSTM" else one[0]
    for a, b in zip(flat(ours(x[0], one)), flat(theirs(x[0], one)), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)
