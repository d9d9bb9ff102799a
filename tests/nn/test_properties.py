"""What must hold for every cell, rank and set of options.

Shape letters: T time, N batch, C input channels, H hidden channels, P output channels, D directions, S spatial axes.
"""

import inspect

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
from torch.utils._pytree import tree_flatten, tree_map

from framecast import nn

KINDS = ["RNN", "LSTM", "GRU"]
LAYERS = KINDS + [f"Conv{kind}{axes}d" for kind in KINDS for axes in (1, 2, 3)]
CONVOLUTIONS = [name for name in LAYERS if name.startswith("Conv")]
SIZE = (5, 4, 3)
CHANNELS = 4

few = settings(max_examples=10, deadline=None, derandomize=True, database=None)


def axes_of(name):
    return int(name[4 + 3 + ("LSTM" in name)]) if name.startswith("Conv") else 0


def takes(name):
    return set(inspect.signature(getattr(nn, name)).parameters)


@st.composite
def options_of(draw, name):
    """Options that the class takes, drawn at random."""
    groups = draw(st.sampled_from([1, 2]))
    peepholes = [None, "channel", "pixel", "conv"] if axes_of(name) else [None, "channel"]
    values = {
        "num_layers": st.sampled_from([1, 2]),
        "bias": st.booleans(),
        "bidirectional": st.booleans(),
        "proj_size": st.sampled_from([0, 2]),
        "nonlinearity": st.sampled_from(["tanh", "relu", "softsign"]),
        "kernel_size": st.integers(1, 3),
        "recurrent_kernel_size": st.sampled_from([None, 1, 2]),
        "stride": st.sampled_from([1, 1, 2]),
        "dilation": st.sampled_from([1, 2]),
        "padding_mode": st.sampled_from(["zeros", "replicate", "circular"]),
        "peephole": st.sampled_from(peepholes),
        "norm": st.sampled_from([None, "group"]),
        "activation": st.sampled_from(["tanh", "elu"]),
        "reset_after": st.booleans(),
        "zoneout": st.sampled_from([0.0, 0.2]),
    }
    options = {key: draw(value) for key, value in values.items() if key in takes(name)}
    options |= {"groups": groups, "hidden_size": CHANNELS}
    if options.get("peephole") == "pixel":
        options["spatial_size"] = SIZE[: axes_of(name)]
    if draw(st.booleans()) and options["num_layers"] == 2 and not options.get("proj_size"):
        options["hidden_size"] = [CHANNELS, 2 * CHANNELS]
    return options


def build(name, options):
    """A layer in float64 and evaluation mode (where zoneout is an expectation), with all its weights at random."""
    torch.manual_seed(0)
    layer = getattr(nn, name)(CHANNELS, dtype=torch.float64, **options)
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return layer.eval()


def clip(name, steps, batch, size=SIZE):
    return torch.randn(steps, batch, CHANNELS, *size[: axes_of(name)], dtype=torch.float64)


def random_states(layer, x):
    return tree_map(torch.randn_like, layer(x)[1])


def assert_equal(actual, expected):
    actual, expected = (tree_flatten(tree)[0] for tree in (actual, expected))
    for a, b in zip(actual, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("name", LAYERS)
@few
@given(data=st.data())
def test_steps_in_two_calls_equal_steps_in_one(name, data):
    options = data.draw(options_of(name)) | {"bidirectional": False}
    layer, x = build(name, options), clip(name, 5, 2)
    hx, first = random_states(layer, x), data.draw(st.integers(1, 4))
    output, states = layer(x, hx)
    begun, middle = layer(x[:first], hx)
    ended, final = layer(x[first:], middle)
    assert_equal((torch.cat([begun, ended]), final), (output, states))


@pytest.mark.parametrize("name", LAYERS)
@few
@given(data=st.data())
def test_permuting_the_batch_permutes_the_output(name, data):
    layer, x = build(name, data.draw(options_of(name))), clip(name, 3, 3)
    hx, order = random_states(layer, x), data.draw(st.permutations(range(3)))
    output, states = layer(x, hx)
    assert_equal(
        layer(x[:, order], tree_map(lambda s: s[:, order], hx)),
        (output[:, order], tree_map(lambda s: s[:, order], states)),
    )


@pytest.mark.parametrize("name", LAYERS)
@few
@given(data=st.data())
def test_a_padded_or_packed_batch_equals_each_sequence_on_its_own(name, data):
    layer, x = build(name, data.draw(options_of(name))), clip(name, 4, 3)
    hx, lengths = random_states(layer, x), data.draw(st.lists(st.integers(0, 4), min_size=3, max_size=3))
    output, states = layer(x, hx, lengths=lengths)
    for row, length in enumerate(lengths):
        final = tree_map(lambda s, row=row: s[:, row : row + 1], hx)
        if length:
            alone, final = layer(x[:length, row : row + 1], final)
            assert_equal(output[:length, row], alone[:, 0])
        assert not output[length:, row].any()
        assert_equal(tree_map(lambda s, row=row: s[:, row : row + 1], states), final)
    if all(lengths):
        packed, packed_states = layer(pack_padded_sequence(x, torch.tensor(lengths), enforce_sorted=False), hx)
        assert_equal((pad_packed_sequence(packed)[0], packed_states), (output[: max(lengths)], states))


@pytest.mark.parametrize("name", LAYERS)
@few
@given(data=st.data())
def test_reversing_time_and_swapping_the_directions_agree(name, data):
    options = data.draw(options_of(name)) | {"bidirectional": True}
    layer, mirror, x = build(name, options), build(name, options), clip(name, 4, 2)
    swapped = {}
    for key, value in layer.state_dict().items():
        if "weight_ih_l1" in key:  # what was the forward half of the layer below is now the other one
            value = value.unflatten(1, (2, -1)).flip(1).flatten(1, 2)
        swapped[key.removesuffix("_reverse") if key.endswith("_reverse") else f"{key}_reverse"] = value
    mirror.load_state_dict(swapped)

    def other_way(s):
        return s.unflatten(0, (-1, 2)).flip(1).flatten(0, 1)

    hx = random_states(layer, x)
    output, states = layer(x, hx)
    result, final = mirror(x.flip(0), tree_map(other_way, hx))
    assert_equal(result.flip(0).unflatten(2, (2, -1)).flip(2).flatten(2, 3), output)
    assert_equal(tree_map(other_way, final), states)


@pytest.mark.parametrize("name", CONVOLUTIONS)
@few
@given(data=st.data())
def test_translating_a_frame_away_from_the_borders_translates_the_output(name, data):
    options = data.draw(options_of(name)) | {"num_layers": 1, "norm": None, "hidden_size": CHANNELS, "zoneout": 0.0}
    options.pop("spatial_size", None)
    if options.get("peephole") == "pixel":
        options["peephole"] = "conv"
    layer, steps, stride = build(name, options), 2, options["stride"]
    # How far the border is felt: through the input, and through the state at every step but the first.
    kernel = options["recurrent_kernel_size"] or options["kernel_size"]
    felt = -(-options["dilation"] * (options["kernel_size"] - 1) // stride) + 2 * (kernel - 1) * steps
    size = (stride * (2 * felt + 3), stride * 3, stride * 2)
    x = clip(name, steps, 1, (size[0] + stride, *size[1:]))
    here, there = layer(x[:, :, :, :-stride])[0], layer(x[:, :, :, stride:])[0]
    inner = here[:, :, :, felt + 1 : here.shape[3] - felt]
    assert inner.any()
    assert_equal(there[:, :, :, felt : here.shape[3] - felt - 1], inner)


@pytest.mark.parametrize("name", CONVOLUTIONS)
@few
@given(data=st.data())
def test_with_circular_padding_rolling_the_frame_rolls_the_output(name, data):
    options = data.draw(options_of(name)) | {"padding_mode": "circular"}
    options.pop("spatial_size", None)
    if options.get("peephole") == "pixel":
        options["peephole"] = "channel"
    layer, axis = build(name, options), data.draw(st.integers(-axes_of(name), -1))
    stride = options["stride"] ** options["num_layers"]
    x = clip(name, 3, 2, (8, 4, 8))
    hx = random_states(layer, x)
    output, states = layer(x, hx)
    strides = [options["stride"] ** (options["num_layers"] - 1 - k) for k in range(options["num_layers"])]

    def rolled(states):
        if options["stride"] == 1 or options["num_layers"] == 1:
            return tree_map(lambda s: s.roll(1, axis), states)
        pair = states if isinstance(states[0], tuple) else (states,)
        moved = tuple(tuple(s.roll(by, axis) for s, by in zip(part, strides, strict=True)) for part in pair)
        return moved if isinstance(states[0], tuple) else moved[0]

    assert_equal(layer(x.roll(stride, axis), rolled(hx)), (output.roll(1, axis), rolled(states)))


SPATIAL = [
    {"kernel_size": 5},
    {"recurrent_kernel_size": 1},
    {"stride": 2},
    {"padding": "valid"},
    {"padding": 2},
    {"dilation": 2},
    {"recurrent_dilation": 2},
    {"padding_mode": "reflect"},
    {"padding_mode": "replicate"},
    {"padding_mode": "circular"},
]
ALTERED = [
    {"num_layers": 2},
    {"bias": False},
    {"batch_first": True},
    {"num_layers": 2, "dropout": 0.5},
    {"bidirectional": True},
    {"proj_size": 2},
    {"nonlinearity": "relu"},
    {"groups": 2},
    {"peephole": "channel"},
    {"peephole": "pixel", "spatial_size": True},
    {"peephole": "conv"},
    {"norm": "group"},
    {"activation": "softsign"},
    {"recurrent_activation": "hard_sigmoid"},
    {"reset_after": False},
    {"recurrent_dropout": 0.5},
    {"zoneout": 0.3},
    {"zoneout": (0.3, 0.0)},
    {"zoneout": (0.0, 0.3)},
    {"forget_bias": 2.0},
    *SPATIAL,
]


def has_meaning(name, options):
    if not axes_of(name) and options.get("peephole") in ("pixel", "conv"):
        return False
    if "LSTM" not in name and isinstance(options.get("zoneout"), tuple):
        return False
    return set(options) <= takes(name)


@pytest.mark.parametrize(
    ("name", "options"), [(n, o) for n in LAYERS for o in ALTERED if has_meaning(n, o)], ids=lambda value: str(value)
)
def test_every_option_changes_the_output(name, options):
    size = (6, 7, 5)[: axes_of(name)]
    if "spatial_size" in options:
        options = options | {"spatial_size": size}
    x, outputs = torch.randn(3, 2, 4, *size, dtype=torch.float64), []
    given = {"num_layers": options["num_layers"]} if "dropout" in options else {}
    for chosen in (given, options):
        torch.manual_seed(1)
        layer = getattr(nn, name)(4, 4, dtype=torch.float64, **chosen)
        for key, parameter in layer.named_parameters():
            if "weight_ch" in key:
                torch.nn.init.ones_(parameter)
        outputs.append(layer(x)[0])
    assert outputs[0].shape != outputs[1].shape or (outputs[0] - outputs[1]).abs().max() > 1e-4


def everything(name, cell=False):
    """All options that add parameters."""
    options = {"norm": "group", "peephole": "conv" if axes_of(name) else "channel", "proj_size": 2, "groups": 2}
    options |= {} if cell else {"num_layers": 2, "bidirectional": True}
    return {key: value for key, value in options.items() if key in takes(name + "Cell" * cell)}


def assert_all_have_gradients(module):
    for name, parameter in module.named_parameters():
        assert parameter.grad is not None, name
        rows = parameter.grad.flatten(1) if parameter.dim() > 1 else parameter.grad.unsqueeze(1)
        assert rows.any(1).all(), f"rows of {name} without a gradient"


@pytest.mark.parametrize("plain", [True, False], ids=["plain", "everything"])
@pytest.mark.parametrize("name", LAYERS)
def test_every_parameter_receives_a_gradient(name, plain):
    layer = build(name, {"hidden_size": 4, **({} if plain else everything(name))}).train()
    x = clip(name, 3, 2)
    output, _ = layer(x, random_states(layer, x))
    output.square().sum().backward()
    assert_all_have_gradients(layer)


@pytest.mark.parametrize("name", LAYERS)
def test_every_parameter_of_a_cell_receives_a_gradient(name):
    cell, x = build(f"{name}Cell", {"hidden_size": 4, **everything(name, cell=True)}), clip(name, 1, 2)[0]
    new = cell(x, cell(x))
    (new if isinstance(new, torch.Tensor) else new[0]).square().sum().backward()
    assert_all_have_gradients(cell)
