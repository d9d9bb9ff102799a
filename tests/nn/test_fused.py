"""Dense layers that run by torch's operators: second derivatives, whatever is asked of them."""

import weakref

import pytest
import torch
from torch.nn.utils import parametrize
from torch.nn.utils.rnn import PackedSequence, pack_sequence
from torch.utils.checkpoint import checkpoint

from framecast import kernels, nn
from framecast.kernels import _torch_rnn


@pytest.fixture(autouse=True, params=[False, True], ids=["torch's own", "guarded"])
def guarded(request, monkeypatch):
    """Whether second derivatives go through the reference, as they do on a GPU; torch's operators run under "auto"."""
    monkeypatch.setenv("FRAMECAST_KERNEL", "auto")
    if request.param:
        monkeypatch.setattr(_torch_rnn, "is_trusted", lambda frames: False)
    return request.param


def layer_and_input(**options):
    layer = nn.LSTM(3, 4, **options)
    return layer, torch.randn(4, 2, 3, requires_grad=True)


def second(layer, x, make_loss, kernel):
    """The gradient of a gradient's square."""
    with kernels.use(kernel):
        (first,) = torch.autograd.grad(make_loss(*layer(x)), x, create_graph=True)
        return [first, *torch.autograd.grad(first.square().sum(), list(layer.parameters()), allow_unused=True)]


def assert_same(found, expected):
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)


LOSSES = {
    "output": lambda output, final: output.sum(),
    "h_n": lambda output, final: final[0].square().sum(),
    "c_n": lambda output, final: final[1].square().sum(),
    "all": lambda output, final: output.square().sum() + final[0].sum() + final[1].square().sum(),
}


@pytest.mark.parametrize("options", [{}, {"batch_first": True}, {"num_layers": 2, "bidirectional": True}], ids=str)
@pytest.mark.parametrize("loss", LOSSES)
def test_second_derivatives_of_some_results(loss, options):
    layer, x = layer_and_input(**options)
    assert_same(second(layer, x, LOSSES[loss], "auto"), second(layer, x, LOSSES[loss], "reference"))


def test_hooks_of_the_user_are_heard():
    layer, x = layer_and_input()

    def loss(output, final):
        output.register_hook(lambda gradient: 2 * gradient)
        return output.sum()

    assert_same(second(layer, x, loss, "auto"), second(layer, x, loss, "reference"))


@pytest.mark.parametrize("batch_first", [False, True])
def test_gradients_of_an_earlier_backward_are_forgotten(batch_first):
    layer, x = layer_and_input(batch_first=batch_first)
    found = []
    for kernel in ("auto", "reference"):
        with kernels.use(kernel):
            output, (h_n, _) = layer(x)
            torch.autograd.grad(h_n.sum(), h_n, retain_graph=True)
            torch.autograd.grad(output.sum(), output, retain_graph=True)
            torch.autograd.grad(output.sum(), x, retain_graph=True)
            found.append(torch.autograd.grad(h_n.square().sum(), x, create_graph=True))
    assert_same(*found)


def test_masks_are_those_of_the_call(guarded):
    layer, x = layer_and_input(num_layers=2, dropout=0.5)
    output, _ = layer(x)
    (expected,) = torch.autograd.grad(output.sum(), x, retain_graph=True)
    if guarded:
        with pytest.raises(RuntimeError, match="dropout cannot be differentiated twice"):
            torch.autograd.grad(output.sum(), x, create_graph=True)
    else:
        (found,) = torch.autograd.grad(output.sum(), x, create_graph=True)
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)


def test_mode_is_that_of_the_call():
    layer, x = layer_and_input(num_layers=2, dropout=0.5)
    output, _ = layer.eval()(x)
    (expected,) = torch.autograd.grad(output.sum(), x, retain_graph=True)
    layer.train()
    (found,) = torch.autograd.grad(output.sum(), x, create_graph=True)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)


def test_autocast_at_the_time_of_the_backward_has_no_say_where_we_differentiate(guarded):
    layer, x = layer_and_input()
    output, _ = layer(x)
    (expected,) = torch.autograd.grad(output.sum(), x, retain_graph=True)
    with torch.autocast("cpu", torch.bfloat16):
        (found,) = torch.autograd.grad(output.sum(), x, create_graph=True)
    tolerance = {"rtol": 1e-5, "atol": 1e-6} if guarded else {"rtol": 0.1, "atol": 0.01}
    torch.testing.assert_close(found, expected, **tolerance)


def twice(run, first, second):
    """Gradients of what ``run`` gives, and of their squares, by torch's operator and by the reference."""
    found = []
    for kernel in ("auto", "reference"):
        with kernels.use(kernel):
            torch.manual_seed(3)
            results = run()
            gradients = torch.autograd.grad(sum(r.square().sum() for r in results), first, create_graph=True)
            squares = sum(g.square().sum() for g in gradients)
            found.append([*gradients, *torch.autograd.grad(squares, second, allow_unused=True)])
    return found


def everything(layer, *inputs):
    """What a layer gives: its output and its final states."""
    output, final = layer(*inputs)
    return [output.data if isinstance(output, PackedSequence) else output, *final]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"batch_first": True},
        {"bias": False},
        pytest.param({"proj_size": 2}, marks=pytest.mark.filterwarnings("ignore:LSTM with projections:UserWarning")),
        {"num_layers": 3, "dropout": 0.5, "bidirectional": True},
        {"num_layers": 2, "batch_first": True, "bidirectional": True},
    ],
    ids=str,
)
def test_all_second_derivatives(options, guarded):
    layer, x = layer_and_input(**options)
    layer.train(not guarded)  # it has no masks
    leaves = [x, *layer.parameters()]
    assert_same(*twice(lambda: everything(layer, x), leaves, leaves))
    hx = [torch.randn_like(final).requires_grad_() for final in layer(x)[1]]
    leaves += hx
    assert_same(*twice(lambda: everything(layer, x, tuple(hx)), leaves, leaves))


def test_first_gradients_of_one_tensor_alone():
    layer, x = layer_and_input(num_layers=2)
    hx = tuple(torch.randn(2, 2, 4, requires_grad=True) for _ in range(2))
    leaves = [x, *hx, *layer.parameters()]
    for leaf in leaves:
        assert_same(*twice(lambda: everything(layer, x, hx), [leaf], leaves))


@pytest.mark.parametrize("frozen", ["weight_hh_l0", "_l0", "_reverse", "_l1", "l"])
def test_frozen_parameters(frozen):
    layer, x = layer_and_input(num_layers=2, bidirectional=True)
    for name, parameter in layer.named_parameters():
        parameter.requires_grad_(frozen not in name)
    free = [p for p in layer.parameters() if p.requires_grad]
    for leaves in ([x, *free], free):
        x.requires_grad_(leaves is not free)
        if leaves:
            assert_same(*twice(lambda: everything(layer, x), leaves, leaves))


@pytest.mark.parametrize("lengths", [(3, 3), (4, 2)])
@pytest.mark.parametrize("options", [{}, {"num_layers": 2, "bidirectional": True}], ids=str)
def test_packed_sequences(lengths, options):
    layer = nn.LSTM(3, 4, **options)
    rows = [torch.randn(n, 3, requires_grad=True) for n in lengths]
    leaves = [*rows, *layer.parameters()]
    assert_same(*twice(lambda: everything(layer, pack_sequence(rows)), leaves, leaves))


def test_layers_on_top_of_each_other_and_states_carried_on():
    lower, x = layer_and_input()
    upper = nn.LSTM(4, 5, batch_first=True)

    def run():
        first, hx = lower(x[:2])
        rest, hx = lower(x[2:], hx)
        return [upper(torch.cat([first, rest]).transpose(0, 1))[0], *hx]

    leaves = [x, *lower.parameters(), *upper.parameters()]
    assert_same(*twice(run, leaves, leaves))


def test_tensors_made_of_each_other():
    layer, x = layer_and_input()
    leaves = [x, *layer.parameters()]

    def run():
        hx = x[:1, :, :1] * layer.weight_hh_l0[:1]
        return everything(layer, x, (hx, hx.cos()))

    assert_same(*twice(run, leaves, leaves))


def test_derivatives_of_the_third_order():
    layer, x = layer_and_input()
    found = []
    for kernel in ("auto", "reference"):
        with kernels.use(kernel):
            value = layer(x)[0].square().sum()
            for _ in range(3):
                (gradient,) = torch.autograd.grad(value, x, create_graph=True)
                value = gradient.pow(3).sum()
            found.append([gradient])
    assert_same(*found)


def test_several_gradients_at_once():
    layer, x = layer_and_input()
    found = []
    for kernel in ("auto", "reference"):
        with kernels.use(kernel):
            output = layer(x)[0]
        many = torch.eye(output.numel()).view(-1, *output.shape)
        (jacobian,) = torch.autograd.grad(output, x, many, create_graph=True, is_grads_batched=True)
        found.append([jacobian, *torch.autograd.grad(jacobian.square().sum(), list(layer.parameters()))])
    assert_same(*found)


def test_a_graph_that_is_kept_gives_the_same_again():
    layer, x = layer_and_input(num_layers=2)
    output, _ = layer(x)
    plain = torch.autograd.grad(output.sum(), x, retain_graph=True)
    for graph in (True, False, True):
        assert_same(torch.autograd.grad(output.sum(), x, retain_graph=True, create_graph=graph), plain)


@pytest.mark.parametrize("how", ["checkpoint", "on the CPU"])
@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_what_is_saved_elsewhere(how, dropout, guarded):
    layer, x = layer_and_input(num_layers=2, dropout=dropout)
    layer.train(not guarded)
    leaves = [x, *layer.parameters()]

    def run():
        if how == "checkpoint":
            return checkpoint(everything, layer, x, use_reentrant=False)
        with torch.autograd.graph.save_on_cpu():
            return everything(layer, x)

    assert_same(*twice(run, leaves, leaves))


@pytest.mark.parametrize("batch_first", [False, True])
def test_on_a_cpu_nothing_stands_around_the_operator(batch_first, guarded):
    names = []
    for module in (nn, torch.nn):
        node = module.LSTM(3, 4, batch_first=batch_first)(torch.ones(4, 2, 3))[0].grad_fn
        names.append([])
        while node is not None:
            names[-1].append(node.name())
            node = node.next_functions[0][0] if node.next_functions else None
    assert (names[0] == names[1]) != guarded


def test_a_guard_stands_where_there_is_no_cpu():
    layer = nn.LSTM(3, 4, device="meta")
    node = layer(torch.ones(4, 2, 3, device="meta"))[0].grad_fn
    nodes = [node]
    for node in nodes:
        nodes += [following for following, _ in node.next_functions if following not in (None, *nodes)]
    assert "_GuardBackward" in {node.name() for node in nodes}


def test_the_input_is_held_no_longer_than_by_torch():
    layer, _ = layer_and_input()
    x = torch.randn(4, 2, 3)
    seen = weakref.ref(x)
    loss = layer(x)[0].sum()
    loss.backward()
    del x
    assert seen() is None
    with pytest.raises(RuntimeError, match="second time"):
        loss.backward()


def test_weights_made_of_others():
    class Twice(torch.nn.Module):
        def forward(self, weight):
            return 2 * weight

    layer, x = layer_and_input()
    with torch.no_grad():
        layer.weight_ih_l0.div_(2)
    before, _ = layer(x)
    parametrize.register_parametrization(layer, "weight_ih_l0", Twice())
    original = layer.parametrizations.weight_ih_l0.original
    with torch.no_grad():
        original.div_(2)
    torch.testing.assert_close(layer(x)[0], before)
    assert_same(*twice(lambda: everything(layer, x), [x, original], [x, original]))


def test_what_the_operator_does_not_take_goes_the_long_way():
    layer, _ = layer_and_input()
    with pytest.raises(ValueError, match="has 5 channels"):
        layer(torch.zeros(4, 2, 5))
    with pytest.raises(ValueError, match="no time steps"):
        layer(torch.zeros(0, 2, 3))
    assert layer(torch.zeros(4, 0, 3))[0].shape == (4, 0, 4)
