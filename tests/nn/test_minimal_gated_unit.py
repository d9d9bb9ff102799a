"""The example of a cell of one's own: short, right, and with all that the base gives."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

PATH = Path(__file__).parents[2] / "examples" / "minimal_gated_unit.py"


@pytest.fixture(scope="module")
def example():
    spec = importlib.util.spec_from_file_location("minimal_gated_unit", PATH)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses look for it
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.fixture
def layer(example):
    torch.manual_seed(1)
    layer = example.ConvMGU2d(2, 3, 2, kernel_size=3, bidirectional=True, dtype=torch.float64)
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    return layer


def convolve(x, weight):
    """3x3 correlation of ``x (C, H, W)`` with zeros around: sums written out."""
    padded, result = np.pad(x, ((0, 0), (1, 1), (1, 1))), 0
    for dy, dx in np.ndindex(3, 3):
        window = padded[:, dy : dy + x.shape[1], dx : dx + x.shape[2]]
        result = result + np.einsum("oc,chw->ohw", weight[:, :, dy, dx], window)
    return result


def minimal_gated_unit(frames, h, p):
    outputs = []
    (w_f, w_n), (u_f, u_n), (b_f, b_n) = (np.split(p[name], 2) for name in ("weight_ih", "weight_hh", "bias_ih"))
    for x in frames:
        f = 1 / (1 + np.exp(-(convolve(x, w_f) + b_f[:, None, None] + convolve(h, u_f))))
        n = np.tanh(convolve(x, w_n) + b_n[:, None, None] + convolve(f * h, u_n))
        h = (1 - f) * h + f * n
        outputs.append(h)
    return np.stack(outputs), h


def test_under_forty_lines_and_runs():
    assert len(PATH.read_text().splitlines()) < 40
    done = subprocess.run([sys.executable, str(PATH)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "(6, 3, 8, 10, 12) (4, 3, 4, 10, 12)" in done.stdout


def test_equations_in_two_layers_and_both_directions(layer):
    x = torch.randn(5, 2, 2, 5, 4, dtype=torch.float64)
    hx = torch.randn(4, 2, 3, 5, 4, dtype=torch.float64)
    output, h_n = layer(x, hx)
    for row in range(2):
        seen, states = x[:, row].cpu().numpy(), hx[:, row].cpu().numpy()
        for k in range(2):
            halves = []
            for d, suffix in enumerate((f"_l{k}", f"_l{k}_reverse")):
                own = {n.removesuffix(suffix): v for n, v in layer.state_dict().items() if n.endswith(suffix)}
                p = {name: v.cpu().numpy() for name, v in own.items()}
                half, h = minimal_gated_unit(seen[::-1] if d else seen, states[2 * k + d], p)
                halves.append(half[::-1] if d else half)
                np.testing.assert_allclose(h_n[2 * k + d, row].detach().cpu().numpy(), h, rtol=1e-11, atol=1e-12)
            seen = np.concatenate(halves, 1)
        np.testing.assert_allclose(output[:, row].detach().cpu().numpy(), seen, rtol=1e-11, atol=1e-12)


def test_packed_and_lengths(layer):
    x, hx = torch.randn(5, 3, 2, 5, 4, dtype=torch.float64), torch.randn(4, 3, 3, 5, 4, dtype=torch.float64)
    lengths = [2, 5, 3]
    output, h_n = layer(pack_padded_sequence(x, lengths, enforce_sorted=False), hx)
    padded, padded_h_n = layer(x, hx, lengths=lengths)
    torch.testing.assert_close(pad_packed_sequence(output)[0], padded)
    torch.testing.assert_close(h_n, padded_h_n)
    for row, length in enumerate(lengths):
        own, own_h_n = layer(x[:length, row], hx[:, row])
        torch.testing.assert_close(padded[:length, row], own)
        torch.testing.assert_close(h_n[:, row], own_h_n)


def test_options_of_the_base(example):
    """Groups, normalisation, strides and a gradient for every parameter, without a line about them."""
    layer = example.ConvMGU2d(2, 4, 2, kernel_size=3, groups=2, norm="group", stride=2, zoneout=0.1, dropout=0.1)
    layer(torch.randn(3, 2, 2, 9, 7))[0].square().sum().backward()
    assert all(p.grad is not None and p.grad.any() for p in layer.parameters())
    with pytest.raises(ValueError, match="ConvMGU2d has no such option"):
        example.ConvMGU2d(2, 4, peephole="channel")
