"""One frame in, a sequence out."""

import re

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from framecast import nn
from framecast.models import Rollout

LAYERS = {
    "dense": lambda **options: nn.LSTM(3, 3, 2, **options),
    "conv": lambda **options: nn.ConvGRU2d(3, 3, 2, kernel_size=3, **options),
    "strided": lambda **options: nn.ConvLSTM2d(3, 3, 2, kernel_size=(3, 2), stride=2, **options),
}


def make(name, **options):
    layer = LAYERS[name](dtype=torch.float64, **options)
    frame = torch.randn(2, 3, *(() if name == "dense" else (7, 6)), dtype=torch.float64)
    _, states = layer(frame.unsqueeze(0))
    return layer, frame, noise(states)


def noise(states):
    return torch.randn_like(states) if isinstance(states, torch.Tensor) else tuple(noise(s) for s in states)


def operations(function, *args):
    with FlopCounterMode(display=False) as counter:
        function(*args)
    return counter.get_total_flops()


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("name", LAYERS)
def test_a_repeated_frame(name, bidirectional):
    layer, frame, hx = make(name, bidirectional=bidirectional)
    for given in (None, hx):
        found = Rollout(layer, 5)(frame, given)
        expected = layer(torch.stack([frame] * 5), given)
        torch.testing.assert_close(found, expected)
        torch.testing.assert_close(Rollout(layer, 5, keep=[4, 1, 1])(frame, given)[0], expected[0][[4, 1, 1]])


@pytest.mark.parametrize("name", ["layer", "cell"])
def test_a_state_alone(name):
    """A layer, or any cell, without input."""
    layer = nn.ConvGRU2d(0, 3) if name == "layer" else nn.Recurrent(nn.ConvGRU2dCell(0, 3))
    hx = torch.randn(1, 2, 3, 5, 4)
    output, h_n = Rollout(layer, 5, keep=[4, 1])(None, hx)
    expected, expected_h_n = layer(None, hx, steps=5)
    torch.testing.assert_close(output, expected[[4, 1]])
    torch.testing.assert_close(h_n, expected_h_n)
    with pytest.raises(ValueError, match="`feedback` makes frames, but `frame` is None: the layer has no input"):
        Rollout(layer, 5, feedback=torch.sin)(None, hx)


def test_a_cell_of_another_library():
    cell = torch.nn.GRUCell(3, 3)
    frame, h, outputs = torch.randn(2, 3), torch.zeros(2, 3), []
    for _ in range(4):
        h = cell(frame, h)
        outputs.append(h)
    torch.testing.assert_close(Rollout(nn.Recurrent(cell), 4)(frame)[0], torch.stack(outputs))
    with pytest.raises(ValueError, match="`feedback` has no meaning for a bidirectional layer"):
        Rollout(nn.Recurrent(cell, cell), 4, feedback=torch.sin)


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
@pytest.mark.parametrize("axes", [0, 1, 2, 3])
def test_the_frame_is_projected_once(kind, axes, monkeypatch):
    """A step more costs a recurrent projection more, and no more."""
    cost = {}
    monkeypatch.setenv("FRAMECAST_KERNEL", "reference")
    for channels in (2, 9):
        layer = (
            getattr(nn, f"Conv{kind}{axes}d")(channels, 3, kernel_size=3) if axes else getattr(nn, kind)(channels, 3)
        )
        frame = torch.randn(1, channels, *(5, 4, 3)[:axes])
        _, hx = layer(frame.unsqueeze(0))
        cost[channels] = [operations(Rollout(layer, steps), frame, hx) for steps in (3, 7)]
        assert operations(layer, torch.stack([frame] * 7), hx) > cost[channels][1]
    (a, b), (c, d) = cost.values()
    assert b - a == d - c > 0
    assert c - a > 0


@pytest.mark.parametrize("steps", [1, 4])
def test_the_gradient_of_a_repeated_frame(steps):
    layer, frame, hx = make("conv")
    frame.requires_grad_()
    loss = Rollout(layer, steps)(frame, hx)[0].square().sum()
    expected = layer(torch.stack([frame] * steps), hx)[0].square().sum()
    leaves = [frame, *layer.parameters()]
    torch.testing.assert_close(torch.autograd.grad(loss, leaves), torch.autograd.grad(expected, leaves))


@pytest.mark.parametrize("keep", [None, [0], [5, 2]])
@pytest.mark.parametrize("name", ["dense", "conv"])
def test_feedback_is_the_loop_written_out(name, keep):
    layer, frame, hx = make(name)
    for given in (None, hx):
        found, states = Rollout(layer, 6, keep=keep, feedback=torch.sin)(frame, given)
        outputs, x, state = [], frame, given
        for _ in range(6):
            output, state = layer(x.unsqueeze(0), state)
            outputs.append(output[0])
            x = output[0].sin()
        expected = torch.stack([outputs[k] for k in (range(6) if keep is None else keep)])
        torch.testing.assert_close(found, expected)
        torch.testing.assert_close(states, state)


def test_feedback_may_have_parameters():
    layer = nn.ConvGRU2d(1, 4, kernel_size=3)
    rollout = Rollout(layer, 3, feedback=torch.nn.Conv2d(4, 1, 1))
    rollout(torch.randn(2, 1, 5, 4))[0].sum().backward()
    assert all(p.grad is not None and p.grad.any() for p in rollout.parameters())
    assert {name.split(".")[0] for name, _ in rollout.named_parameters()} == {"layer", "feedback"}


def test_every_argument_has_an_effect():
    layer, frame, hx = make("conv")
    base, states = Rollout(layer, 4)(frame)
    assert Rollout(layer, 5)(frame)[0].shape[0] == 5
    assert not torch.allclose(Rollout(layer, 5)(frame)[1], states)
    torch.testing.assert_close(Rollout(layer, 4, keep=[2])(frame)[0], base[2:3])
    assert not torch.allclose(Rollout(layer, 4, feedback=torch.sin)(frame)[0][1:], base[1:])
    assert not torch.allclose(Rollout(layer, 4)(frame, hx)[0], base)
    assert not torch.allclose(Rollout(layer, 4)(frame + 1)[0], base)
    assert not torch.allclose(Rollout(make("conv")[0], 4)(frame)[0], base)


LAYER = nn.ConvGRU2d(1, 1)
WRONG = [
    ((LAYER, 0), {}, "`steps` must be a positive whole number, got 0"),
    ((LAYER, 2.0), {}, "`steps` must be a positive whole number, got 2.0"),
    ((LAYER, True), {}, "`steps` must be a positive whole number, got True"),
    ((LAYER, 3), {"keep": [3]}, "`keep` must name steps from 0 to 2, got [3]"),
    ((LAYER, 3), {"keep": [-1]}, "`keep` must name steps from 0 to 2, got [-1]"),
    ((LAYER, 3), {"keep": []}, "`keep` must name steps from 0 to 2, got []"),
    ((LAYER, 3), {"keep": [1.0]}, "`keep` must name steps from 0 to 2, got [1.0]"),
    ((nn.ConvGRU2d(1, 1, batch_first=True), 3), {}, "`layer` must not be batch-first: a rollout starts from one frame"),
    (
        (nn.ConvGRU2d(1, 1, bidirectional=True), 3),
        {"feedback": torch.sin},
        "`feedback` has no meaning for a bidirectional layer, which reads the last frame first",
    ),
]


@pytest.mark.parametrize(("arguments", "options", "message"), WRONG, ids=[m for *_, m in WRONG])
def test_wrong_calls_say_what_is_wrong(arguments, options, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        Rollout(*arguments, **options)
