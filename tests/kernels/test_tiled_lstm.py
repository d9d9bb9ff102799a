"""The pass of a convolutional LSTM by the matrix unit: against the reference in float64, in poisoned memory.

Shape letters: T time, N batch, C input channels, H hidden channels, S spatial axes.
"""

import contextlib
import copy

import pytest
import torch

from framecast import kernels, nn
from framecast.functional import Batch
from framecast.kernels.cpu import _library as _compiled
from framecast.kernels.cpu import _lstm as _tiled_lstm


def has_tiles():
    library = _compiled.loaded()
    return not isinstance(library, str) and library.tiles


pytestmark = pytest.mark.skipif(not has_tiles(), reason="no matrix unit for bfloat16 (AMX), or no compiler")

CLOSE = 1e-5
SIZES = {1: (7,), 2: (9, 18), 3: (3, 5, 6)}
FORMS = {
    "plain": {},
    "peephole": {"peephole": "channel"},
    "two layers, two directions": {"num_layers": 2, "bidirectional": True},
    "another kernel for the state": {"kernel_size": 3, "recurrent_kernel_size": 5},
    "a smaller kernel for the state": {"kernel_size": 4, "recurrent_kernel_size": 1},
    "dilation": {"kernel_size": 5, "recurrent_kernel_size": 3, "dilation": 2, "recurrent_dilation": 3},
    "no bias": {"bias": False, "peephole": "channel"},
    "redone": {"checkpoint": True},
    "in segments": {"checkpoint": 3},
}


@pytest.fixture(autouse=True)
def _poisoned_memory():
    """New memory is full of NaN."""
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)


@pytest.fixture(autouse=True)
def passes(monkeypatch):
    """Passes that were run by the matrix unit, and those that it gave up."""
    done, right = {"run": 0, "given up": 0}, _tiled_lstm.tiled_pass

    def tiled_pass(*given):
        found = right(*given)
        done["given up" if found is None else "run"] += 1
        return found

    monkeypatch.setattr(_tiled_lstm, "tiled_pass", tiled_pass)
    return done


def build(axes=2, channels=5, hidden=18, **options):
    layer = getattr(nn, f"ConvLSTM{axes}d")(channels, hidden, **{"kernel_size": 3} | options)
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return layer


def frames(axes=2, steps=4, batch=2, channels=5):
    return torch.randn(steps, batch, channels, *SIZES[axes])


def everything(layer, x, hx=None, kernel="auto", **call):
    """Output, final states, and the gradients of input, states and parameters, of a loss that weighs all unequally."""
    inputs = [x.clone().requires_grad_(), *(s.clone().requires_grad_() for s in hx or ())]
    with kernels.use(kernel):
        output, final = layer(inputs[0], tuple(inputs[1:]) or None, **call)
    results, generator = [output, *final], torch.Generator().manual_seed(1)
    loss = sum((r * torch.randn(r.shape, generator=generator).to(r)).sum() for r in results)
    return [*results, *torch.autograd.grad(loss, [*inputs, *layer.parameters()])]


def expected(layer, x, hx=None, **call):
    wide = copy.deepcopy(layer).double()
    return everything(wide, x.double(), None if hx is None else tuple(s.double() for s in hx), "reference", **call)


def assert_same(found, exact, tolerance=CLOSE):
    for ours, theirs in zip(found, exact, strict=True):
        error = ((ours.double() - theirs).norm() / theirs.norm().clamp_min(1e-3)).detach()
        assert error < tolerance, (error.item(), tuple(theirs.shape))


@pytest.mark.parametrize("with_state", [False, True])
@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("form", FORMS)
def test_numbers_are_those_of_the_reference(form, axes, with_state, passes):
    layer, x = build(axes, **FORMS[form]), frames(axes)
    directions = layer.num_layers * (1 + layer.bidirectional)
    hx = tuple(torch.randn(directions, 2, 18, *SIZES[axes]) for _ in range(2)) if with_state else None
    assert_same(everything(layer, x, hx), expected(layer, x, hx))
    assert passes == {"run": 2 if form == "in segments" else directions, "given up": 0}


@pytest.mark.parametrize("sizes", [(1, 1), (3, 16), (16, 3), (40, 33)])
@pytest.mark.parametrize("batch", [2, 5, 9])
def test_any_number_of_channels_and_sequences(sizes, batch, passes):
    channels, hidden = sizes
    layer, x = build(2, channels, hidden), frames(2, 3, batch, channels)
    assert_same(everything(layer, x), expected(layer, x))
    assert passes["given up"] == 0


@pytest.mark.parametrize("form", ["plain", "another kernel for the state", "dilation"])
@pytest.mark.parametrize("axes", [1, 2, 3])
def test_few_channels_whose_kernel_fits_one_tile(axes, form, passes):
    layer, x = build(axes, 1, 2, **FORMS[form]), frames(axes, channels=1)
    assert_same(everything(layer, x), expected(layer, x))
    assert passes == {"run": 1, "given up": 0}


def test_frames_of_more_than_one_share_at_a_time(passes):
    layer, x = build(2, 40, 40), torch.randn(2, 2, 40, 70, 50)
    assert_same(everything(layer, x), expected(layer, x))
    assert passes["run"] == 1


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7])
def test_any_number_of_threads(count, passes):
    """Where some would idle, the pass goes step by step."""
    layer, x, before = build(), frames(batch=4), torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        found = everything(layer, x)
    finally:
        torch.set_num_threads(before)
    assert_same(found, expected(layer, x))
    assert passes["run"] == (count in (1, 2, 4))


def test_without_a_gradient_nothing_is_held_and_numbers_are_the_same(passes):
    layer, x = build(num_layers=2, bidirectional=True), frames()
    with torch.no_grad():
        output, final = layer(x)
    assert_same([output, *final], expected(layer, x)[:3])
    assert passes["run"] == 4


@pytest.mark.parametrize("checkpoint", [False, True])
def test_a_second_backward_of_the_same_graph(checkpoint):
    layer, x = build(checkpoint=checkpoint), frames()
    loss, parameters = layer(x)[0].square().sum(), list(layer.parameters())
    first = torch.autograd.grad(loss, parameters, retain_graph=True)
    assert_same(torch.autograd.grad(loss, parameters), [g.double() for g in first], 1e-6)


@pytest.mark.parametrize("wanted", [("output",), ("h_n",), ("c_n",), ("h_n", "c_n")])
def test_a_loss_of_some_results_only(wanted):
    layer, x, found = build(), frames(), []
    for kind, kernel in ((layer, "auto"), (copy.deepcopy(layer).double(), "reference")):
        with kernels.use(kernel):
            output, (h_n, c_n) = kind(x.to(kind.weight_hh_l0))
        results = {"output": output, "h_n": h_n, "c_n": c_n}
        found.append(torch.autograd.grad(sum(results[name].square().sum() for name in wanted), list(kind.parameters())))
    assert_same(*found)


@pytest.mark.parametrize("frozen", ["weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "weight_ch_l0"])
def test_a_frozen_parameter(frozen):
    layer, x = build(peephole="channel"), frames()
    whole = dict(zip([name for name, _ in layer.named_parameters()], expected(layer, x)[4:], strict=True))
    getattr(layer, frozen).requires_grad_(False)
    results = [(output := layer(x))[0], *output[1]]
    generator = torch.Generator().manual_seed(1)
    sum((r * torch.randn(r.shape, generator=generator)).sum() for r in results).backward()
    for name, parameter in layer.named_parameters():
        assert (parameter.grad is None) == (name == frozen)
        if name != frozen:
            assert_same([parameter.grad], [whole[name]])


TURNED = torch.autograd.graph.saved_tensors_hooks(
    lambda t: t.permute(*range(t.dim())[::-1]).contiguous().permute(*range(t.dim())[::-1]), lambda t: t
)


@pytest.mark.parametrize("hooks", [TURNED, torch.autograd.graph.save_on_cpu()], ids=["turned", "on CPU"])
def test_saved_tensors_that_come_back_in_another_order(hooks):
    layer, x = build(peephole="channel"), frames()
    with hooks:
        found = everything(layer, x)
    assert_same(found, expected(layer, x))


def test_frames_too_large_for_the_workspace_go_step_by_step(monkeypatch, passes):
    monkeypatch.setattr(_tiled_lstm, "LARGEST_WORKSPACE", 1000)
    layer, x = build(), frames()
    assert_same(everything(layer, x), expected(layer, x))
    assert passes["run"] == 0


@pytest.mark.parametrize(
    ("which", "change"),
    [
        ("c", lambda t: t.double()),
        ("c", lambda t: t.bfloat16()),
        *((which, change) for which in "hc" for change in (lambda t: t[:1, :1, :1, :1], lambda t: t[:, :9])),
    ],
    ids=["c float64", "c bfloat16", "h of one number", "h of half size", "c of one number", "c of half size"],
)
def test_states_that_do_not_fit_are_left_to_others(which, change, passes):
    layer, state = build(), {name: torch.randn(2, 18, *SIZES[2]) for name in "hc"}
    state[which] = change(state[which])
    states = [(s,) for s in state.values()]
    call = kernels.Call(layer._layers, layer._tensors(layer._names), Batch.from_padded(frames()), states)
    with contextlib.suppress(RuntimeError):
        kernels.run(call)
    assert passes["run"] == 0


def test_a_lazily_negated_gradient():
    layer, x = build(), frames()
    output = layer(x)[0]
    grad = torch.randn_like(output)
    expected = torch.autograd.grad(output, list(layer.parameters()), -grad, retain_graph=True)
    found = torch.autograd.grad(output, list(layer.parameters()), torch._neg_view(grad))
    assert_same(found, [g.double() for g in expected], 1e-6)


def test_second_derivatives():
    layer, x = build(hidden=3), frames(steps=3).requires_grad_()
    found = []
    for kind, kernel in ((layer, "auto"), (copy.deepcopy(layer).double(), "reference")):
        given = x.detach().to(kind.weight_hh_l0).requires_grad_()
        with kernels.use(kernel):
            loss = kind(given)[0].square().sum()
            first = torch.autograd.grad(loss, [given, *kind.parameters()], create_graph=True)
            found.append(torch.autograd.grad(sum(g.square().sum() for g in first), [given, *kind.parameters()]))
    assert_same(*found, 1e-4)


@pytest.mark.parametrize("value", [1e4, -1e4, 1e30, torch.inf, -torch.inf, torch.nan])
@pytest.mark.parametrize("where", ["x", "h", "c", "weight_ih_l0", "weight_hh_l0", "bias_ih_l0"])
def test_extreme_numbers_give_what_the_reference_gives(where, value):
    layer, x = build(), frames(steps=3)
    hx = tuple(torch.randn(1, 2, 18, *SIZES[2]) for _ in range(2))
    target = {"x": x, "h": hx[0], "c": hx[1]}.get(where)
    target = getattr(layer, where).data if target is None else target
    target.view(-1)[target.numel() // 2 + 1] = value
    for ours, theirs in zip(everything(layer, x, hx), everything(layer, x, hx, "reference"), strict=True):
        torch.testing.assert_close(
            ours, theirs, rtol=1e-3, atol=1e-3 * float(theirs.detach().nan_to_num(0, 0, 0).abs().max()), equal_nan=True
        )


@pytest.mark.parametrize("value", [torch.inf, torch.nan])
def test_a_gradient_that_is_not_finite(value):
    layer, x = build(), frames(steps=3)
    grad, found = torch.randn(3, 2, 18, *SIZES[2]), []
    grad[1, 0, 3, 2, 4] = value
    for kernel in ("auto", "reference"):
        with kernels.use(kernel):
            output, _ = layer(x)
        found.append(torch.autograd.grad(output, list(layer.parameters()), grad))
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-3, equal_nan=True)


def test_the_fault_that_this_would_show(monkeypatch):
    """The state of another step is seen."""
    monkeypatch.setattr(_tiled_lstm.Track, "entering", lambda track: [(track.values, slice(0, len(track.values)))])
    layer, x = build(), frames()
    with pytest.raises(AssertionError):
        assert_same(everything(layer, x), expected(layer, x))
