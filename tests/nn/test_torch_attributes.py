"""What code written for ``torch.nn``'s recurrent modules reads, beside their results."""

import copy
import pickle

import pytest
import torch

from framecast import nn

KINDS = ["RNN", "LSTM", "GRU"]

# What torch's modules have and ours do not.
MISSING = {
    "__constants__": "for torch.jit.script, which does not take our layers",
    "__jit_unused_properties__": "for torch.jit.script",
    "_flat_weight_refs": "weak references that notice exchanged weights: ours are looked up at every call",
    "_init_flat_weights": "fills the list that ours makes when it is read",
    "_update_flat_weights": "the same",
    "_weights_have_changed": "the same",
    "check_input": "a step of torch's forward; our checks need no call",
    "check_forward_args": "a step of torch's forward",
    "check_hidden_size": "a step of torch's forward",
    "get_expected_hidden_size": "a step of torch's forward",
    "get_expected_cell_size": "a step of torch's forward",
    "permute_hidden": "a step of torch's forward",
}


def own_names(module):
    return set(dir(module)) - set(dir(torch.nn.Module()))


@pytest.mark.parametrize("name", [*KINDS, *(f"{kind}Cell" for kind in KINDS)])
def test_every_attribute_of_torchs_modules(name):
    ours, theirs = (getattr(source, name)(2, 3) for source in (nn, torch.nn))
    missing = own_names(theirs) - own_names(ours)
    assert missing <= set(MISSING)
    for attribute in own_names(theirs) - missing:
        value, expected = getattr(ours, attribute), getattr(theirs, attribute)
        if not callable(expected) and not isinstance(expected, (torch.Tensor, list)):
            assert value == expected, attribute


def test_no_reason_is_given_for_what_is_there():
    theirs = set().union(*(own_names(getattr(torch.nn, kind)(2, 3)) for kind in KINDS))
    ours = set().union(*(own_names(getattr(nn, kind)(2, 3)) for kind in KINDS))
    assert set(MISSING) <= theirs - ours


@pytest.mark.parametrize("options", [{}, {"num_layers": 2, "bidirectional": True, "bias": False}])
@pytest.mark.parametrize("kind", KINDS)
def test_lists_of_weights(kind, options):
    options = options | ({"proj_size": 2} if kind == "LSTM" else {})
    ours, theirs = (getattr(source, kind)(2, 3, **options) for source in (nn, torch.nn))
    assert ours._flat_weights_names == theirs._flat_weights_names
    assert ours._all_weights == theirs._all_weights
    assert ours.proj_size == theirs.proj_size
    assert all(w is getattr(ours, n) for n, w in zip(ours._flat_weights_names, ours._flat_weights, strict=True))
    ours.weight_hh_l0 = torch.nn.Parameter(torch.zeros_like(ours.weight_hh_l0))
    assert ours._flat_weights[1] is ours.weight_hh_l0


def test_modes_and_nonlinearities():
    assert nn.RNN(2, 3, 1, "relu").mode == torch.nn.RNN(2, 3, 1, "relu").mode == "RNN_RELU"
    assert (nn.RNN(2, 3, 1, torch.sin).mode, nn.ConvRNN2d(2, 3).mode) == ("RNN", "RNN_TANH")
    assert (nn.ConvLSTM1d(2, 3).mode, nn.ConvGRU3d(2, 3).mode) == ("LSTM", "GRU")
    assert nn.RNNCell(2, 3, True, "relu").nonlinearity == "relu"
    assert nn.ConvGRU2dCell(2, 3, False).bias is False


@pytest.mark.parametrize("options", [{}, {"bias": False}, {"nonlinearity": "relu"}])
def test_printed_as_torch_prints(options):
    for name in ("RNN", "RNNCell"):
        ours, theirs = (repr(getattr(source, name)(2, 3, **options)) for source in (nn, torch.nn))
        # torch prints a cell's nonlinearity and not a layer's.
        assert ours.replace(", nonlinearity='relu'", "") == theirs.replace(", nonlinearity=relu", "")
    assert ("nonlinearity='relu'" in repr(nn.RNNCell(2, 3, **options))) == ("nonlinearity" in options)


def test_a_cell_prints_its_options():
    cell = nn.ConvLSTM2dCell(2, 4, kernel_size=(3, 5), peephole="pixel", spatial_size=7, zoneout=(0.1, 0.2), groups=2)
    assert eval(repr(cell), vars(nn)).state_dict().keys() == cell.state_dict().keys()
    assert repr(cell) == (
        "ConvLSTM2dCell(2, 4, spatial_size=7, kernel_size=(3, 5), peephole='pixel', groups=2, zoneout=(0.1, 0.2))"
    )


def test_an_activation_that_is_a_module_is_no_child():
    layer = nn.ConvGRU2d(1, 2, activation=torch.nn.PReLU())
    assert not list(layer.children())
    assert all("activation" not in name for name in layer.state_dict())


@pytest.mark.parametrize("name", ["LSTM", "ConvLSTM2d", "ConvGRU2dCell"])
def test_a_pickle_written_before_options_were_attributes(name):
    """As of version 0.1: what differs from the defaults is in ``_shown``."""
    options = {"peephole": "channel"} if "LSTM" in name else {"kernel_size": 5}
    module = getattr(nn, name)(2, 3, **options)
    state = module.__reduce_ex__(2)[2]
    old = {key: value for key, value in state.items() if key not in module._options}
    old |= {"input_size": 2, "hidden_size": 3, "_shown": options} | {"bias": True, "batch_first": False}
    old |= {"dropout": 0.0, "bidirectional": False, "num_layers": 1, "checkpoint": False} if name[-4:] != "Cell" else {}
    other = copy.copy(module)
    vars(other).clear()
    other.__setstate__(old)
    assert repr(other) == repr(module)
    assert other.proj_size == 0
    x = torch.randn(2, 3, 2, *((5, 4) if "Conv" in name else ()))
    x = x[0] if name.endswith("Cell") else x
    torch.testing.assert_close(other(x)[0], module(x)[0])
    pickle.dumps(other)


def test_a_state_dict_of_torchs_layer_without_projection():
    theirs = torch.nn.LSTM(2, 3, 2)
    ours = nn.LSTM(2, 3, 2)
    ours.load_state_dict({name: tensor for name, tensor in theirs.state_dict().items() if "hr" not in name})
    x = torch.randn(4, 1, 2)
    torch.testing.assert_close(ours(x)[0], theirs(x)[0])


@pytest.mark.parametrize("peephole", ["channel", "pixel", "conv"])
def test_a_memory_format_for_volumes(peephole):
    layer = nn.ConvLSTM3d(2, 3, peephole=peephole, spatial_size=(4, 3, 5))
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    x, weight = torch.randn(3, 2, 2, 4, 3, 5), layer.weight_ch_l0.detach().clone()
    expected, before = layer(x)[0], layer.weight_ch_l0
    layer.to(memory_format=torch.channels_last_3d)
    assert layer.weight_ih_l0.is_contiguous(memory_format=torch.channels_last_3d)
    assert layer.weight_ch_l0 is before
    torch.testing.assert_close(layer.weight_ch_l0, weight, rtol=0, atol=0)
    torch.testing.assert_close(layer(x)[0], expected, rtol=1e-4, atol=1e-5)
    assert layer.double().weight_ch_l0.dtype == torch.float64
    assert layer.share_memory().weight_ch_l0.is_shared()
    assert layer.to("meta").weight_ch_l0.shape == weight.shape


@pytest.mark.filterwarnings("ignore:.torch.jit.*is deprecated:DeprecationWarning")
@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")
@pytest.mark.parametrize("name", ["ConvRNN2d", "ConvLSTM2d", "ConvGRU2d"])
def test_a_trace_is_fixed_in_its_steps(name):
    layer, x = getattr(nn, name)(2, 3), torch.randn(3, 2, 2, 5, 5)
    traced = torch.jit.trace(layer, (x,))
    other = torch.randn(3, 4, 2, 7, 6)
    torch.testing.assert_close(traced(other)[0], layer(other)[0])
    with pytest.raises(RuntimeError, match="split"):
        traced(torch.randn(5, 2, 2, 5, 5))
