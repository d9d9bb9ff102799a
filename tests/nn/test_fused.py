"""Dense layers that run by torch's operators: second derivatives through the reference, whatever is asked of them."""

import pytest
import torch

from framecast import kernels, nn


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
            found.append(torch.autograd.grad(h_n.square().sum(), x, create_graph=True))
    assert_same(*found)


def test_masks_and_mode_are_those_of_the_call():
    layer, x = layer_and_input(num_layers=2, dropout=0.5)
    torch.manual_seed(3)
    output, _ = layer(x)
    (expected,) = torch.autograd.grad(output.sum(), x, retain_graph=True)
    layer.eval()
    (found,) = torch.autograd.grad(output.sum(), x, create_graph=True)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)


def test_autocast_at_the_time_of_the_backward_has_no_say():
    layer, x = layer_and_input()
    output, _ = layer(x)
    (expected,) = torch.autograd.grad(output.sum(), x, retain_graph=True)
    with torch.autocast("cpu", torch.bfloat16):
        (found,) = torch.autograd.grad(output.sum(), x, create_graph=True)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)
