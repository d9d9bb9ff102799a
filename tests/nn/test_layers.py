"""The contract of the layers: forms of input and state, lengths, names, messages."""

import copy
import pickle
import subprocess
import sys

import pytest
import torch
from torch.nn.utils.rnn import pack_padded_sequence

from framecast import nn

LAYERS = [f"Conv{kind}{axes}d" for kind in ("RNN", "LSTM", "GRU") for axes in (1, 2, 3)]
SIZE = (5, 4, 3)


def make(name, *args, **options):
    layer = getattr(nn, name)(*args, kernel_size=3, dtype=torch.float64, **options)
    return layer, SIZE[: int(name[-2])]


def flat(states):
    return states if isinstance(states, tuple) else (states,)


def test_the_classic_case():
    layer = nn.ConvLSTM2d(3, 10, 2, kernel_size=3)
    x, state = torch.randn(4, 10, 3, 25, 25), (torch.randn(2, 10, 10, 25, 25), torch.randn(2, 10, 10, 25, 25))
    output, (h_n, c_n) = layer(x, state)
    assert output.shape == (4, 10, 10, 25, 25)
    assert h_n.shape == c_n.shape == (2, 10, 10, 25, 25)
    assert not torch.allclose(output, layer(x)[0])
    assert torch.equal(output[-1], h_n[-1])
    assert not torch.allclose(output, layer(x, (state[0], torch.zeros_like(state[1])))[0])


@pytest.mark.parametrize("name", LAYERS)
def test_lengths_equal_each_sequence_on_its_own(name):
    layer, size = make(name, 2, 3, 2, bidirectional=True)
    x = torch.randn(6, 4, 2, *size, dtype=torch.float64)
    hx = tuple(torch.randn(4, 4, 3, *size, dtype=torch.float64) for _ in range(2 if "LSTM" in name else 1))
    hx = hx if "LSTM" in name else hx[0]
    lengths = [3, 0, 6, 2]
    output, states = layer(x, hx, lengths=lengths)
    for row, length in enumerate(lengths):
        own = tuple(s[:, row : row + 1] for s in flat(hx))
        if length:
            expected, expected_states = layer(x[:length, row : row + 1], own if "LSTM" in name else own[0])
            torch.testing.assert_close(output[:length, row], expected[:, 0])
            own = flat(expected_states)
        assert not output[length:, row].any()
        for a, b in zip(flat(states), own, strict=True):
            torch.testing.assert_close(a[:, row : row + 1], b)


@pytest.mark.parametrize("enforce_sorted", [True, False])
def test_packed_equals_lengths(enforce_sorted):
    layer, size = make("ConvGRU2d", 2, 3, 2, bidirectional=True)
    x = torch.randn(6, 3, 2, *size, dtype=torch.float64)
    lengths = torch.tensor([6, 4, 1] if enforce_sorted else [4, 1, 6])
    packed = pack_padded_sequence(x, lengths, enforce_sorted=enforce_sorted)
    output, h_n = layer(packed)
    expected, expected_h_n = layer(x, lengths=lengths)
    torch.testing.assert_close(torch.nn.utils.rnn.pad_packed_sequence(output)[0], expected)
    torch.testing.assert_close(h_n, expected_h_n)


@pytest.mark.parametrize("name", LAYERS)
def test_batch_first_and_unbatched(name):
    layer, size = make(name, 2, 3, 2, bidirectional=True)
    other, _ = make(name, 2, 3, 2, bidirectional=True, batch_first=True)
    other.load_state_dict(layer.state_dict())
    x = torch.randn(5, 2, 2, *size, dtype=torch.float64)
    output, states = layer(x)
    swapped, swapped_states = other(x.transpose(0, 1))
    torch.testing.assert_close(swapped.transpose(0, 1), output)
    single, single_states = layer(x[:, 1])
    torch.testing.assert_close(single, output[:, 1])
    for s, t, u in zip(flat(states), flat(swapped_states), flat(single_states), strict=True):
        torch.testing.assert_close(t, s)
        torch.testing.assert_close(u, s[:, 1])


def test_an_empty_batch():
    layer, size = make("ConvLSTM2d", 2, 3)
    output, (h_n, _) = layer(torch.randn(4, 0, 2, *size, dtype=torch.float64))
    assert output.shape == (4, 0, 3, *size)
    assert h_n.shape == (1, 0, 3, *size)


def test_states_per_layer_where_layers_differ():
    layer = nn.ConvLSTM2d(1, [4, 3], kernel_size=3, bidirectional=True)
    _, (h_n, c_n) = layer(torch.randn(3, 2, 1, 6, 5))
    assert [tuple(h.shape) for h in h_n] == [(2, 2, 4, 6, 5), (2, 2, 3, 6, 5)]
    assert [tuple(c.shape) for c in c_n] == [(2, 2, 4, 6, 5), (2, 2, 3, 6, 5)]
    layer(torch.randn(3, 2, 1, 6, 5), (h_n, c_n))
    strided = nn.ConvGRU2d(1, 3, 2, kernel_size=3, stride=2)
    output, h_n = strided(torch.randn(3, 2, 1, 9, 7))
    assert [tuple(h.shape) for h in h_n] == [(1, 2, 3, 5, 4), (1, 2, 3, 3, 2)]
    assert output.shape == (3, 2, 3, 3, 2)
    torch.testing.assert_close(strided(torch.zeros(3, 2, 1, 9, 7), h_n)[0].shape, output.shape)


@pytest.mark.parametrize(
    ("name", "options", "two"),
    [("GRU", {"reset_after": False}, False), ("LSTM", {}, True), ("RNN", {}, True), ("ConvGRU1d", {}, True)]
    + [(name, {}, False) for name in LAYERS if "GRU" not in name]
    + [("ConvGRU2d", {"reset_after": False}, False), ("ConvGRU3dCell", {"reset_after": False}, False)],
)
def test_a_second_bias_only_where_it_adds_something(name, options, two):
    biases = [key for key, _ in getattr(nn, name)(2, 3, **options).named_parameters() if key.startswith("bias")]
    assert [key.removesuffix("_l0") for key in biases] == ["bias_ih", "bias_hh"][: 1 + two]


def test_forget_bias():
    layer = nn.ConvLSTM2d(1, 2, kernel_size=1, forget_bias=3.0)
    assert layer.bias_ih_l0[2:4].tolist() == [3.0, 3.0]
    assert (layer.bias_ih_l0[[0, 1, 4, 5, 6, 7]].abs() < 1).all()
    dense = nn.LSTM(1, 2, forget_bias=3.0)
    assert dense.bias_ih_l0[2:4].tolist() == [3.0, 3.0]
    assert dense.bias_hh_l0[2:4].tolist() == [0.0, 0.0]


def test_initial_weights_stay_within_their_bound():
    layer = nn.ConvLSTM2d(6, 8, kernel_size=5, recurrent_kernel_size=3, groups=2, peephole="channel")
    bound = 1 / (3 * 25 + 4 * 9) ** 0.5
    for name, parameter in layer.named_parameters():
        largest = parameter.abs().max().item()
        assert largest == 0 if "weight_ch" in name else 0.9 * bound < largest <= bound


def test_repr_copy_pickle_and_state_dict():
    layer = nn.ConvLSTM2d(3, 10, 2, kernel_size=3, peephole="channel")
    assert repr(layer) == "ConvLSTM2d(3, 10, num_layers=2, kernel_size=3, peephole='channel')"
    x = torch.randn(2, 1, 3, 5, 5)
    expected = layer(x)[0]
    for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        torch.testing.assert_close(other(x)[0], expected)
    other = nn.ConvLSTM2d(3, 10, 2, kernel_size=3, peephole="channel")
    other.load_state_dict(layer.state_dict())
    torch.testing.assert_close(other(x)[0], expected)
    assert len(layer.all_weights) == 2
    layer.flatten_parameters()


def test_double_backward():
    layer, size = make("ConvLSTM2d", 2, 2, peephole="channel")
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    x = torch.randn(2, 1, 2, *size, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(lambda x: layer(x)[0].square().sum(), x, fast_mode=True)


def test_bfloat16_under_autocast():
    layer = nn.ConvLSTM2d(2, 3, kernel_size=3)
    x = torch.randn(3, 2, 2, 5, 5)
    expected = layer(x)[0]
    with torch.autocast("cpu", torch.bfloat16):
        output, (h_n, c_n) = layer(x)
    assert output.dtype == h_n.dtype == c_n.dtype == torch.bfloat16
    torch.testing.assert_close(output.float(), expected, rtol=0.05, atol=0.02)


def test_c_is_accumulated_in_float32():
    layer = nn.ConvLSTM1d(1, 1, kernel_size=1, dtype=torch.bfloat16)
    for parameter in layer.parameters():
        torch.nn.init.zeros_(parameter)
    with torch.no_grad():
        layer.bias_ih_l0.copy_(torch.tensor([20, 20, 0.001, 0]))  # c' = c + 0.001
    x, one = torch.zeros(64, 1, 1, 3, dtype=torch.bfloat16), torch.ones(1, 1, 1, 3, dtype=torch.bfloat16)
    _, (_, c_n) = layer(x, (one, one))
    assert c_n.dtype == torch.bfloat16
    torch.testing.assert_close(c_n.float(), torch.full((1, 1, 1, 3), 1.064), rtol=0, atol=0.004)


@pytest.mark.parametrize("options", [{"recurrent_dropout": 0.5}, {"dropout": 0.5, "num_layers": 2}], ids=str)
def test_dropout_in_training(options):
    layer, size = make("ConvLSTM2d", 2, 3, **options)
    x = torch.randn(4, 3, 2, *size, dtype=torch.float64)
    output, (h_n, _) = layer(x)
    assert torch.equal(output[-1], h_n[-1])  # nothing is dropped after the last layer
    assert not torch.equal(layer(x)[0], output)
    if "recurrent_dropout" in options:  # a sequence keeps its own mask when shorter ones have ended
        torch.manual_seed(1)
        output, _ = layer(x)
        torch.manual_seed(1)
        shorter, _ = layer(x, lengths=[4, 2, 1])
        for row, length in enumerate((4, 2, 1)):
            torch.testing.assert_close(shorter[:length, row], output[:length, row])


@pytest.mark.parametrize("differentiable", [False, True])
@pytest.mark.parametrize("axis", [0, 1], ids=["time", "batch"])
def test_expanded_input_equals_its_copies(axis, differentiable):
    layer, size = make("ConvGRU2d", 2, 3, 2, bidirectional=True)
    shape = (1, 3) if axis == 0 else (4, 1)
    x = torch.randn(*shape, 2, *size, dtype=torch.float64, requires_grad=differentiable)
    results = []
    for frames in (x.expand(4, 3, 2, *size), x.expand(4, 3, 2, *size).contiguous()):
        output, h_n = layer(frames)
        inputs = [*layer.parameters(), *([x] if differentiable else [])]
        results.append((output, h_n, *torch.autograd.grad(output.square().sum() + h_n.sum(), inputs)))
    for a, b in zip(*results, strict=True):
        torch.testing.assert_close(a, b)


def test_lengths_that_are_all_zero_give_back_the_states():
    layer, size = make("ConvLSTM2d", 2, 3, 2, bidirectional=True)
    hx = tuple(torch.randn(4, 2, 3, *size, dtype=torch.float64) for _ in range(2))
    output, states = layer(torch.randn(3, 2, 2, *size, dtype=torch.float64), hx, lengths=[0, 0])
    assert output.shape == (3, 2, 6, *size)
    assert not output.any()
    for a, b in zip(states, hx, strict=True):
        assert torch.equal(a, b)


def test_dropout_of_one_layer_warns_as_torch_does():
    with pytest.warns(UserWarning, match="acts between layers"):
        nn.ConvLSTM2d(3, 4, dropout=0.1)


def test_framecast_nn_needs_torch_alone():
    script = """
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        blocked = {"lightning", "torchmetrics", "matplotlib", "sklearn", "PIL", "jsonargparse", "jinja2", "av"}
        if name.split(".")[0] in blocked:
            raise ImportError(f"{name} is blocked")
sys.meta_path.insert(0, Blocker())
import framecast, framecast.nn, framecast.functional, framecast.kernels, framecast.models, framecast.losses
import torch
framecast.nn.ConvLSTM2d(1, 2)(torch.zeros(2, 1, 1, 4, 4))
try:
    import framecast.data
except ImportError:
    print("blocked as it should be")
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "blocked as it should be"
