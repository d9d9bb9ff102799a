"""The sequence pass against the reference: every cell, rank, batch form and option it takes, with poisoned memory."""

import contextlib
import dataclasses
import functools

import pytest
import torch
from tests.support.comparison import assert_same
from torch.autograd import gradcheck, gradgradcheck
from torch.nn.utils.rnn import pack_padded_sequence
from torch.utils.checkpoint import checkpoint, create_selective_checkpoint_contexts

from framecast import functional, kernels, nn
from framecast.kernels._choice import recording
from framecast.kernels.cpu import _library as _compiled
from framecast.kernels.cpu import _steps, _tiles
from framecast.kernels.sequence import _gru, _input, _lstm, _rnn

SIZES = {0: (), 1: (5,), 2: (5, 4), 3: (3, 4, 2)}
CELLS = {
    "RNN": ("RNN", {}),
    "RNN relu": ("RNN", {"nonlinearity": "relu"}),
    "LSTM": ("LSTM", {}),
    "LSTM peephole": ("LSTM", {"peephole": "channel"}),
    "GRU": ("GRU", {}),
    "GRU before": ("GRU", {"reset_after": False}),
}
SPACES = {
    "plain": {},
    "groups": {"groups": 2},
    "stride": {"stride": 2},
    "even kernel": {"kernel_size": 2},
    "valid": {"kernel_size": 2, "padding": "valid", "recurrent_kernel_size": 3},
    "dilation": {"recurrent_dilation": 2, "bias": False},
}


@pytest.fixture(autouse=True)
def _poisoned_memory():
    """New memory is full of NaN."""
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)


@pytest.fixture(params=["tiles", "compiled", "plain"])
def steps(request, monkeypatch):
    """By the matrix unit where there is one, with pointwise steps in C where there is a compiler, in plain PyTorch."""
    if request.param != "plain" and _compiled.why_not():
        pytest.skip(_compiled.why_not())
    if request.param == "tiles" and not _compiled.loaded().tiles:
        pytest.skip("no matrix unit for bfloat16 (AMX)")
    if request.param != "tiles":
        monkeypatch.setattr(_tiles.Tiles, "take", lambda *_: False)
    if request.param == "plain":
        monkeypatch.setattr(_steps, "run_compiled", lambda *_: False)


def build(cell, axes, dtype=torch.float64, hidden=4, **options):
    name, own = CELLS[cell]
    layer = getattr(nn, f"Conv{name}{axes}d" if axes else name)(4, hidden, dtype=dtype, **own, **options)
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    return layer


def flat(states):
    return list(states) if isinstance(states, tuple) else [states]


def states_for(layer, x, **call):
    with kernels.use("reference"), torch.no_grad():
        _, final = layer(x, **call)
    made = [torch.randn_like(s.contiguous()) for s in flat(final)]
    return tuple(made) if isinstance(final, tuple) else made[0]


def everything(layer, x, hx=None, kernel="sequence", ran="sequence", **call):
    """Output, final states, and the gradients of input, states and parameters, of a loss that weighs all unequally."""
    inputs = [x.clone().requires_grad_(), *([s.clone().requires_grad_() for s in flat(hx)] if hx is not None else [])]
    given = None if hx is None else (tuple(inputs[1:]) if isinstance(hx, tuple) else inputs[1])
    with kernels.use(kernel), recording() as choices:
        output, final = layer(inputs[0], given, **call)
    assert {choice.kernel for choice in choices} == {ran if kernel != "reference" else "reference"}
    results = [output, *flat(final)]
    generator = torch.Generator(device="cpu").manual_seed(1)
    loss = sum(
        (r * torch.randn(r.shape, generator=generator, dtype=r.dtype, device="cpu").to(r)).sum() for r in results
    )
    return [*results, *torch.autograd.grad(loss, [*inputs, *layer.parameters()])]


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
@pytest.mark.parametrize("with_state", [False, True])
@pytest.mark.parametrize("axes", [0, 1, 2, 3])
@pytest.mark.parametrize("cell", CELLS)
def test_every_cell_and_rank(cell, axes, with_state, dtype, tolerance, steps):
    layer = build(cell, axes, dtype, bidirectional=True)
    x = torch.randn(5, 3, 4, *SIZES[axes], dtype=dtype)
    hx = states_for(layer, x) if with_state else None
    assert_same(everything(layer, x, hx), everything(layer, x, hx, "reference"), tolerance)


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("axes", [0, 1, 2, 3])
@pytest.mark.parametrize("cell", CELLS)
def test_every_form_of_convolution(cell, axes, space):
    if axes == 0 and space not in ("plain", "groups"):
        pytest.skip("a dense layer has no such option")
    layer = build(cell, axes, **SPACES[space])
    x = torch.randn(3, 2, 4, *SIZES[axes], dtype=torch.float64)
    hx = states_for(layer, x)
    assert_same(everything(layer, x, hx), everything(layer, x, hx, "reference"), 1e-12)


@pytest.mark.parametrize("lengths", [[4, 2, 0, 3], [4, 4, 4, 4], [1, 4, 1, 4], [2, 1, 1, 1]])
@pytest.mark.parametrize("with_state", [False, True])
@pytest.mark.parametrize("cell", CELLS)
def test_unequal_lengths(cell, with_state, lengths):
    layer = build(cell, 2, bidirectional=True)
    x = torch.randn(4, 4, 4, 5, 4, dtype=torch.float64)
    hx = states_for(layer, x) if with_state else None
    found, expected = (everything(layer, x, hx, kernel, lengths=lengths) for kernel in ("sequence", "reference"))
    assert_same(found, expected, 1e-12)
    if 0 not in lengths:
        packed = pack_padded_sequence(x, torch.tensor(lengths), enforce_sorted=False)
        with kernels.use("sequence"):
            output, final = layer(packed, hx)
        torch.testing.assert_close(flat(final), expected[1 : 1 + len(flat(final))], rtol=1e-12, atol=1e-12)
        with kernels.use("reference"):
            torch.testing.assert_close(output.data, layer(packed, hx)[0].data, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("cell", CELLS)
def test_without_input_and_with_one_frame_for_all_steps(cell):
    name, own = CELLS[cell]
    layer = getattr(nn, f"Conv{name}2d")(0, 4, dtype=torch.float64, **own)
    state = torch.randn(1, 2, 4, 5, 3, dtype=torch.float64)
    hx = (state, 2 * state) if name == "LSTM" else state
    with kernels.use("reference"):
        expected = layer(None, hx, steps=4)
    with kernels.use("sequence"):
        torch.testing.assert_close(layer(None, hx, steps=4), expected, rtol=1e-12, atol=1e-12)
    layer = build(cell, 2)
    x = torch.randn(2, 4, 5, 3, dtype=torch.float64).expand(4, 2, 4, 5, 3)
    assert_same(everything(layer, x), everything(layer, x, None, "reference"), 1e-12)


@pytest.mark.parametrize("space", ["plain", "groups", "even kernel", "stride", "dilation"])
@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("cell", CELLS)
def test_inference_step_by_step(cell, axes, space, monkeypatch):
    """As large frames are run where no gradient is recorded."""
    made = []
    build_sums = _input.StepwiseSums.__init__
    monkeypatch.setattr(_input, "_WORTH_A_STEP", 0)
    monkeypatch.setattr(_input.StepwiseSums, "__init__", lambda *a: (made.append(1), build_sums(*a))[1])
    layer = build(cell, axes, bidirectional=True, **SPACES[space])
    x = torch.randn(4, 3, 4, *SIZES[axes], dtype=torch.float64)
    for call in ({}, {"lengths": [4, 2, 3]}):
        with torch.no_grad():
            with kernels.use("sequence"):
                found = layer(x, **call)
            with kernels.use("reference"):
                torch.testing.assert_close(found, layer(x, **call), rtol=1e-12, atol=1e-12)
    assert bool(made) == (space != "stride")


@pytest.mark.parametrize("wanted", [("output",), ("h_n",), ("c_n",), ("h_n", "c_n")])
def test_a_loss_of_some_results_only(wanted):
    layer = build("LSTM", 2)
    x = torch.randn(3, 2, 4, 5, 4, dtype=torch.float64)
    found = []
    for kernel in ("sequence", "reference"):
        with kernels.use(kernel):
            output, (h_n, c_n) = layer(x)
        results = {"output": output, "h_n": h_n, "c_n": c_n}
        loss = sum(results[name].square().sum() for name in wanted)
        found.append(torch.autograd.grad(loss, list(layer.parameters())))
    assert_same(*found, 1e-12)


@pytest.mark.parametrize("frozen", ["weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "weight_ch_l0"])
def test_a_frozen_parameter(frozen):
    layer = build("LSTM peephole", 2)
    getattr(layer, frozen).requires_grad_(False)
    x = torch.randn(3, 2, 4, 5, 4, dtype=torch.float64)
    found = []
    for kernel in ("sequence", "reference"):
        layer.zero_grad()
        with kernels.use(kernel):
            layer(x)[0].square().sum().backward()
        assert getattr(layer, frozen).grad is None
        found.append([p.grad for p in layer.parameters() if p.grad is not None])
    assert_same(*found, 1e-12)


@pytest.mark.parametrize("checkpoint", [False, True, 1, 2, 3, 7])
@pytest.mark.parametrize("cell", CELLS)
def test_checkpoints_change_no_number(cell, checkpoint):
    layer = build(cell, 2, bidirectional=True, checkpoint=checkpoint)
    plain = build(cell, 2, bidirectional=True)
    plain.load_state_dict(layer.state_dict())
    x = torch.randn(5, 3, 4, 5, 4, dtype=torch.float64)
    hx = states_for(plain, x)
    for call in ({}, {"lengths": [5, 2, 3]}):
        expected = everything(plain, x, hx, "reference", **call)
        assert_same(everything(layer, x, hx, **call), expected, 1e-12)
        assert_same(everything(layer, x, hx, "reference", **call), expected, 1e-12)


@pytest.mark.parametrize("checkpoint", [True, 2])
def test_checkpoints_draw_the_same_masks(checkpoint):
    options = {"recurrent_dropout": 0.5, "zoneout": (0.3, 0.2)}
    layer, plain = build("LSTM", 2, checkpoint=checkpoint, **options), build("LSTM", 2, **options)
    plain.load_state_dict(layer.state_dict())
    x, found = torch.randn(5, 2, 4, 5, 4, dtype=torch.float64), []
    for each in (layer, plain):
        torch.manual_seed(7)
        output, _ = each(x)
        found.append([output, *torch.autograd.grad(output.square().sum(), list(each.parameters()))])
    assert_same(*found, 1e-12)


@pytest.mark.parametrize("checkpoint", [False, True, 2])
@pytest.mark.parametrize("cell", CELLS)
def test_a_second_backward_of_the_same_graph(cell, checkpoint):
    layer = build(cell, 2, checkpoint=checkpoint)
    loss = layer(torch.randn(4, 2, 4, 5, 4, dtype=torch.float64))[0].square().sum()
    parameters = list(layer.parameters())
    first = torch.autograd.grad(loss, parameters, retain_graph=True)
    assert_same(torch.autograd.grad(loss, parameters), first, 1e-14)


@pytest.mark.parametrize("checkpoint", [False, True])
@pytest.mark.parametrize("cell", CELLS)
def test_derivatives_of_both_orders(cell, checkpoint):
    layer = build(cell, 2, hidden=2, checkpoint=checkpoint)
    x = torch.randn(3, 1, 4, 3, 2, dtype=torch.float64, requires_grad=True)
    hx = states_for(layer, x.detach())
    inputs = [x, *(s.requires_grad_() for s in flat(hx)), *layer.parameters()]
    names = [name for name, _ in layer.named_parameters()]

    def function(x, *rest):
        given = rest[: len(flat(hx))]
        parameters = dict(zip(names, rest[len(given) :], strict=True))
        output, final = torch.func.functional_call(layer, parameters, (x, given if len(given) > 1 else given[0]))
        return output, *flat(final)

    with kernels.use("sequence"):
        assert gradcheck(function, inputs, fast_mode=True, check_batched_grad=not checkpoint)
        assert gradgradcheck(function, inputs, fast_mode=True)


@pytest.mark.parametrize("value", [1e4, -1e4, torch.inf, -torch.inf, torch.nan])
@pytest.mark.parametrize("cell", CELLS)
def test_extreme_gates_give_what_the_reference_gives(cell, value, steps):
    layer = build(cell, 2, torch.float32)
    x = torch.randn(3, 2, 4, 5, 4)
    x[1, 0, 2, 3, 1] = value
    found = []
    for kernel in ("sequence", "reference"):
        with kernels.use(kernel):
            output, final = layer(x)
        gradients = torch.autograd.grad(output.sum() + sum(s.sum() for s in flat(final)), list(layer.parameters()))
        found.append([output, *flat(final), *gradients])
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4, equal_nan=True)


@pytest.mark.parametrize("form", ["module", "autocast"])
@pytest.mark.parametrize("axes", [0, 1, 2, 3])
@pytest.mark.parametrize("cell", CELLS)
def test_bfloat16_is_as_near_to_float32_as_the_reference(cell, axes, form):
    """On the average of a few layers, and not for gradients of relu, which jump."""
    squares = {"sequence": {}, "reference": {}}
    for seed in range(4):
        torch.manual_seed(seed)
        wide = build(cell, axes, torch.float32, hidden=16)
        x = torch.randn(6, 4, 4, *SIZES[axes])
        exact = everything(wide, x, None, "reference")
        layer = build(cell, axes, torch.bfloat16, hidden=16) if form == "module" else wide
        layer.load_state_dict(wide.state_dict())
        for kernel, found in squares.items():
            with torch.autocast("cpu", torch.bfloat16, enabled=form == "autocast"):
                results = everything(layer, x.to(next(layer.parameters()).dtype), None, kernel)
            assert results[0].dtype == torch.bfloat16
            for k, (r, e) in enumerate(zip(results, exact, strict=True)):
                part = "outputs" if k < len(results) - len(list(layer.parameters())) - 1 else "gradients"
                found[part] = found.get(part, 0) + float(((r.float() - e).norm() / e.norm()).detach() ** 2)
    for part in ["outputs"] if cell == "RNN relu" else ["outputs", "gradients"]:
        assert squares["sequence"][part] <= 1.5**2 * squares["reference"][part], part


@pytest.mark.parametrize("kernel", ["auto", "reference"])
@pytest.mark.parametrize("form", ["module", "autocast"])
@pytest.mark.parametrize(
    ("depth", "options"), [(2, {}), (4, {"stride": 2}), (3, {"kernel_size": 5})], ids=["flat", "stride", "kernel"]
)
def test_volumes_less_deep_than_the_kernel_in_bfloat16(depth, options, form, kernel):
    """Where the volumes are channels-last, oneDNN's gradient of the weight is uninitialised memory."""
    wide = build("GRU", 3, torch.float32, groups=2, **options)
    x = torch.randn(2, 3, depth, 5, 4, 4).movedim(-1, 2)
    exact = everything(wide, x, None, "reference")
    layer = build("GRU", 3, torch.bfloat16, groups=2, **options) if form == "module" else wide
    layer.load_state_dict(wide.state_dict())
    with torch.autocast("cpu", torch.bfloat16, enabled=form == "autocast"):
        results = everything(layer, x.to(next(layer.parameters()).dtype), None, kernel, "reference")
    for result, value in zip(results, exact, strict=True):
        assert (result.float() - value).norm() <= 0.05 * value.norm()


def test_types_of_states_under_autocast():
    layer = build("LSTM", 2, torch.float32)
    x, found = torch.randn(3, 2, 4, 5, 4), {}
    for kernel in ("sequence", "reference"):
        with kernels.use(kernel), torch.autocast("cpu", torch.bfloat16):
            output, (h_n, c_n) = layer(x)
            again = layer(x, (h_n, c_n))
        found[kernel] = [t.dtype for t in (output, h_n, c_n, again[0], *again[1])]
    assert found["sequence"] == found["reference"]


def test_results_can_be_written_into():
    layer = build("LSTM", 2)
    output, (h_n, c_n) = layer(torch.randn(3, 2, 4, 5, 4, dtype=torch.float64))
    loss = output.relu_().sum() + h_n.mul_(2).sum() + c_n.add_(1).sum()
    loss.backward()
    assert layer.weight_hh_l0.grad.isfinite().all()


def test_gradients_of_functions_of_weights_are_let_through():
    """As with weight normalisation, where the weight is itself computed."""
    layer = build("GRU", 2)
    torch.nn.utils.parametrizations.weight_norm(layer, "weight_hh_l0")
    x, found = torch.randn(3, 2, 4, 5, 4, dtype=torch.float64), []
    for kernel in ("sequence", "reference"):
        with kernels.use(kernel):
            found.append(torch.autograd.grad(layer(x)[0].square().sum(), list(layer.parameters())))
    assert_same(*found, 1e-12)


@pytest.mark.parametrize("cell", ["LSTM", "GRU"])
def test_modes_that_keep_results_of_operations(cell):
    """Selective checkpoints keep what a convolution gave; gates written over it would be taken for it."""
    layer, x = build(cell, 2), torch.randn(3, 2, 4, 5, 4, dtype=torch.float64)
    keep = functools.partial(create_selective_checkpoint_contexts, [torch.ops.aten.convolution.default])
    output = checkpoint(lambda x: layer(x)[0], x, use_reentrant=False, context_fn=keep)
    found = torch.autograd.grad(output.square().sum(), list(layer.parameters()))
    with kernels.use("reference"):
        expected = torch.autograd.grad(layer(x)[0].square().sum(), list(layer.parameters()))
    assert_same(found, expected, 1e-12)


@pytest.mark.parametrize("make", [nn.ConvLSTM2d, nn.LSTM])
def test_gradients_of_an_expanded_input(make):
    """Each step has its own, as if the frame had been copied."""
    layer = make(2, 3, dtype=torch.float64)
    frame = torch.randn(1, 2, 2, *((5, 4) if make is nn.ConvLSTM2d else ()), dtype=torch.float64)
    shape = (4, *frame.shape[1:])
    gradients = []
    for x in (frame.expand(shape), frame.expand(shape).clone()):
        leaf = x.requires_grad_()
        gradients.append(torch.autograd.grad(layer(leaf)[0].square().sum(), leaf)[0])
    torch.testing.assert_close(*gradients)


@pytest.mark.parametrize("cell", ["LSTM", "GRU", "RNN"])
def test_a_backward_that_was_interrupted(cell, monkeypatch):
    """A second try does not take half overwritten gates for gates."""
    layer, x = build(cell, 2), torch.randn(4, 2, 4, 5, 4, dtype=torch.float64)
    parameters = list(layer.parameters())
    loss = layer(x)[0].square().sum()
    with monkeypatch.context() as patch:
        for module in (_lstm, _gru, _rnn):
            patch.setattr(module, "weight_gradient", lambda *a: (_ for _ in ()).throw(MemoryError()))
        with pytest.raises(MemoryError):
            torch.autograd.grad(loss, parameters, retain_graph=True)
    found = torch.autograd.grad(loss, parameters)
    assert_same(found, torch.autograd.grad(layer(x)[0].square().sum(), parameters), 1e-12)


def test_float64_under_autocast_stays_float64():
    layer, x = build("LSTM", 2), torch.randn(3, 2, 4, 5, 4, dtype=torch.float64)
    with torch.autocast("cpu", torch.bfloat16), kernels.use("sequence"):
        found = layer(x)
    torch.testing.assert_close(found, layer(x), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kernel", ["sequence", "reference"])
def test_checkpoints_keep_the_cell_state_wide(kernel):
    wide, x = build("LSTM", 2, torch.float32), torch.randn(20, 2, 4, 5, 4)
    narrow = {k: build("LSTM", 2, torch.bfloat16, checkpoint=k) for k in (False, 1, 3)}
    results = {}
    for k, layer in narrow.items():
        layer.load_state_dict(wide.state_dict())
        with kernels.use(kernel):
            results[k] = layer(x.bfloat16())[1][1]
    assert torch.equal(results[1], results[False])
    assert torch.equal(results[3], results[False])


@pytest.mark.parametrize("cell", CELLS)
def test_saved_tensors_that_come_back_in_another_order(cell):
    layer, x = build(cell, 2, torch.float32, hidden=16), torch.randn(4, 2, 4, 5, 4, requires_grad=True)
    hx = states_for(layer, x.detach())
    plain = torch.autograd.graph.saved_tensors_hooks(
        lambda t: t.clone(memory_format=torch.contiguous_format), lambda t: t
    )
    with plain:
        found = everything(layer, x.detach(), hx)
    assert_same(found, everything(layer, x.detach(), hx, "reference"), 1e-5)


@pytest.mark.parametrize("name", ["bias_ih_l0", "bias_hh_l0", "weight_ch_l0", "weight_hh_l0"])
@pytest.mark.parametrize("cell", ["LSTM peephole", "GRU", "RNN"])
def test_parameters_in_any_order_of_memory(cell, name):
    layer, x = build(cell, 2, torch.float32), torch.randn(3, 2, 4, 5, 4)
    if not hasattr(layer, name):
        pytest.skip("no such parameter")
    value = getattr(layer, name)
    value.data = torch.stack([value.data, value.data + 1], -1)[..., 0]
    assert_same(everything(layer, x), everything(layer, x, None, "reference"), 1e-5)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("bias_ih_l0", torch.zeros(16).double()),
        ("bias_ih_l0", torch.zeros(3)),
        ("weight_ih_l0", torch.zeros(16, 4, 1, 1)),
        ("weight_ih_l0", torch.zeros(16, 5, 3, 3)),
        ("weight_hh_l0", torch.zeros(32, 4, 3, 3)),
        ("weight_hh_l0", torch.zeros(16, 4, 5, 5)),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{tuple(value.shape)} {value.dtype}",
)
def test_parameters_that_do_not_fit_are_left_to_pytorch(name, value):
    layer, x = nn.ConvLSTM2d(4, 4, kernel_size=3), torch.randn(3, 2, 4, 5, 4)
    names = [choice.kernel for choice in kernels.explain(layer, x).choices]
    assert names in (["tiles"], ["sequence"])
    with recording() as choices, contextlib.suppress(RuntimeError):
        torch.func.functional_call(layer, {name: value}, (x,))
    assert [choice.kernel for choice in choices] == ["reference"]


def test_a_lazily_negated_weight():
    layer, x = nn.ConvGRU2d(4, 16, kernel_size=3), torch.randn(3, 2, 4, 5, 4)
    weight = torch.randn(48, 4, 3, 3, dtype=torch.complex64).conj().imag
    found = torch.func.functional_call(layer, {"weight_ih_l0": weight}, (x,))[0]
    expected = torch.func.functional_call(layer, {"weight_ih_l0": weight.resolve_neg()}, (x,))[0]
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("cell", ["LSTM", "GRU"])
def test_autocast_has_no_say_in_second_derivatives_of_what_was_recorded_without(cell):
    layer, x = build(cell, 2, torch.float32, hidden=16), torch.randn(3, 2, 4, 5, 4)
    parameters = list(layer.parameters())
    loss = layer(x)[0].square().sum()
    expected = torch.autograd.grad(loss, parameters, retain_graph=True)
    with torch.autocast("cpu", torch.bfloat16):
        assert_same(torch.autograd.grad(loss, parameters, create_graph=True), expected, 1e-5)


def test_replicas_without_parameters():
    """As DataParallel makes them: the weights are plain attributes."""
    layer = nn.ConvLSTM2d(2, 3)
    replica = layer._replicate_for_data_parallel()
    for name, value in layer.named_parameters():
        setattr(replica, name, value)
    x = torch.randn(3, 1, 2, 5, 4)
    torch.testing.assert_close(replica(x)[0], layer(x)[0])


def test_the_fault_that_this_would_show(monkeypatch):
    """A wrong pointwise step is seen."""
    right = _lstm.LSTM_BACKWARD

    def wrong(gates, c_prev, c, grad_h, added, grad_c, *rest):
        right.plain(gates, c_prev, c, grad_h, None, grad_c, *rest)

    monkeypatch.setattr(_lstm, "LSTM_BACKWARD", dataclasses.replace(right, plain=wrong))
    layer = build("LSTM", 2)
    x = torch.randn(3, 2, 4, 5, 4, dtype=torch.float64)
    with pytest.raises(AssertionError):
        assert_same(everything(layer, x), everything(layer, x, None, "reference"), 1e-6)


def test_the_reference_of_this_test_is_the_functional_one():
    layer = build("LSTM", 2)
    x = torch.randn(3, 2, 4, 5, 4, dtype=torch.float64)
    zero = torch.zeros(2, 4, 5, 4, dtype=torch.float64)
    expected, _ = functional.lstm(x, (zero, zero), layer.weight_ih_l0, layer.weight_hh_l0, layer.bias_ih_l0)
    with kernels.use("sequence"):
        torch.testing.assert_close(layer(x)[0], expected, rtol=1e-12, atol=1e-12)
