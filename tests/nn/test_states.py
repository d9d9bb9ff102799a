"""States by name, any number of them: a cell of three, in layers and alone, against its equations."""

import re
from dataclasses import dataclass
from typing import ClassVar

import pytest
import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from framecast import functional, nn

T, N, C, H, S = 5, 3, 2, 3, (4, 3)


@dataclass(frozen=True)
class MemoryStep(functional.StepRule):
    """Three states: the output h, a sum c, and a memory m of its own width that learns by ``weight_m``."""

    gates: ClassVar[int] = 2
    states: ClassVar[tuple[str, ...]] = ("h", "c", "m")

    def __call__(self, x, state, maps):
        h, c, m = state
        a, b = (x + maps.recurrent(h, 0, 2)).chunk(2, 1)
        c = c / 2 + torch.tanh(a)
        m = m + maps.weight("weight_m").view(1, -1, *(1,) * (m.dim() - 2)) * c.mean(1, keepdim=True)
        return torch.tanh(b + c + m.sum(1, keepdim=True)), c, m

    def weights(self, spec):
        return {"weight_m": (2,)}

    def state_channels(self, spec):
        return spec.output_size, spec.hidden_size, 2


class ConvMemory2d(nn.Convolutional, nn.RecurrentLayer):
    step_rule = MemoryStep
    spatial_axes = 2


class ConvMemory2dCell(nn.Convolutional, nn.RecurrentCell):
    step_rule = MemoryStep
    spatial_axes = 2


def step(x, state, weights, zoneout=(0.0, 0.0, 0.0)):
    """The equations, without the rule."""
    old = state
    h, c, m = state
    convolve = torch.nn.functional.conv2d
    gates = convolve(x, weights["weight_ih"], weights["bias_ih"], padding=1) + convolve(
        h, weights["weight_hh"], padding=1
    )
    c = c / 2 + torch.tanh(gates[:, :H])
    m = m + torch.stack([weights["weight_m"][k] * c.mean(1) for k in range(2)], 1)
    h = torch.tanh(gates[:, H:] + c + (m[:, :1] + m[:, 1:]))
    return tuple(new + p * (before - new) for before, new, p in zip(old, (h, c, m), zoneout, strict=True))


def run(layer, x, states, zoneout=(0.0, 0.0, 0.0)):
    """One sequence ``x (T, 1, C, *S)`` through two layers in two directions."""
    finals = []
    for level in range(2):
        outputs = []
        for direction, suffix in enumerate((f"_l{level}", f"_l{level}_reverse")):
            weights = {n.removesuffix(suffix): p for n, p in layer.named_parameters() if n.endswith(suffix)}
            state, steps = states[2 * level + direction], []
            for frame in reversed(x) if direction else x:
                state = step(frame, state, weights, zoneout)
                steps.append(state[0])
            outputs.append(torch.stack(steps[::-1] if direction else steps))
            finals.append(state)
        x = torch.cat(outputs, 2)
    return x, [torch.stack(column) for column in zip(*finals, strict=True)]


@pytest.fixture
def layer():
    layer = ConvMemory2d(C, H, 2, kernel_size=3, bidirectional=True, dtype=torch.float64).eval()
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    return layer


def states():
    return tuple(torch.randn(4, N, channels, *S, dtype=torch.float64) for channels in (H, H, 2))


def compare(layer, output, final, x, hx, lengths, **options):
    for row, length in enumerate(lengths):
        own = [tuple(s[k, row : row + 1] for s in hx) for k in range(4)]
        expected, expected_final = run(layer, x[:length, row : row + 1], own, **options)
        torch.testing.assert_close(output[:length, row : row + 1], expected)
        assert not output[length:, row].any()
        for s, e in zip(final, expected_final, strict=True):
            torch.testing.assert_close(s[:, row : row + 1], e)


def test_lengths_layers_and_directions(layer):
    x, hx, lengths = torch.randn(T, N, C, *S, dtype=torch.float64), states(), [2, 5, 3]
    output, final = layer(x, hx, lengths=lengths)
    assert [tuple(s.shape) for s in final] == [(4, N, channels, *S) for channels in (H, H, 2)]
    compare(layer, output, final, x, hx, lengths)
    packed, packed_final = layer(pack_padded_sequence(x, lengths, enforce_sorted=False), hx)
    torch.testing.assert_close(pad_packed_sequence(packed)[0], output)
    torch.testing.assert_close(packed_final, final)
    (output.sum() + sum(s.sum() for s in final)).backward()
    assert all(p.grad is not None and p.grad.any() for p in layer.parameters())


def test_one_zoneout_for_every_state(layer):
    zoneout = (0.1, 0.4, 0.7)
    other = ConvMemory2d(C, H, 2, kernel_size=3, bidirectional=True, zoneout=zoneout, dtype=torch.float64).eval()
    other.load_state_dict(layer.state_dict())
    x, hx = torch.randn(T, N, C, *S, dtype=torch.float64), states()
    compare(other, *other(x, hx), x, hx, [T] * N, zoneout=zoneout)
    alike = ConvMemory2d(C, H, kernel_size=3, zoneout=0.4)
    assert alike._specs[0].zoneout == (0.4, 0.4, 0.4)


def test_a_cell_and_its_recurrence(layer):
    cell = ConvMemory2dCell(C, H, kernel_size=3, dtype=torch.float64)
    weights = {n.removesuffix("_l0"): p.detach() for n, p in layer.named_parameters() if n.endswith("_l0")}
    cell.load_state_dict(weights)
    x, hx = torch.randn(T, N, C, *S, dtype=torch.float64), tuple(s[0] for s in states())
    state, outputs = hx, []
    for frame in x:
        torch.testing.assert_close(cell(frame, state), step(frame, state, weights))
        state = cell(frame, state)
        outputs.append(state[0])
    output, final = nn.Recurrent(cell)(x, tuple(s.unsqueeze(0) for s in hx))
    torch.testing.assert_close(output, torch.stack(outputs))
    torch.testing.assert_close(final, tuple(s.unsqueeze(0) for s in state))
    assert [tuple(s.shape) for s in cell(x[0, 0])] == [(channels, *S) for channels in (H, H, 2)]


WRONG = [
    (lambda layer, x, hx: layer(x, hx[:2]), "`hx` must be a tuple of 3 (h_0, c_0, m_0), got a tuple of 2"),
    (lambda layer, x, hx: layer(x, (*hx[:2], hx[0])), "`m_0` must have shape (4, 3, 2, 4, 3), got (4, 3, 3, 4, 3)"),
    (
        lambda layer, x, hx: ConvMemory2dCell(C, H, dtype=torch.float64)(x[0], hx[0]),
        "`hx` must be a tuple of 3 (h, c, m), got a tensor of shape (4, 3, 3, 4, 3)",
    ),
    (
        lambda layer, x, hx: ConvMemory2d(C, H, zoneout=(0.1, 0.2)),
        "`zoneout` must be a probability or a tuple of 3 (h, c, m), got (0.1, 0.2)",
    ),
]


@pytest.mark.parametrize(("call", "message"), WRONG, ids=[message for _, message in WRONG])
def test_errors_name_the_states(layer, call, message):
    with pytest.raises(ValueError, match=rf"\A{re.escape(message)}\Z"):
        call(layer, torch.randn(T, N, C, *S, dtype=torch.float64), states())
