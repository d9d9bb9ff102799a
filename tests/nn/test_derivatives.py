"""First and second derivatives, forward mode and torch.func, for every cell and rank, in float64."""

import pytest
import torch
from torch.autograd import forward_ad, gradcheck, gradgradcheck
from torch.func import functional_call, grad, jacfwd, jacrev, jvp, stack_module_state, vmap

from framecast import nn

# torch's own forward mode says this of itself.
pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning")

SIZES = {0: (), 1: (3,), 2: (3, 2), 3: (2, 3, 2)}
CELLS = ["RNN", "LSTM", "GRU", "GRU-before"]
VARIANTS = {
    "plain": {},
    "peephole": {"peephole": "channel"},
    "conv peephole": {"peephole": "conv"},
    "groups": {"groups": 2},
    "stride": {"stride": 2},
    "norm": {"norm": "group"},
    "two directions": {"bidirectional": True},
}


def cases():
    for cell in CELLS:
        for axes in SIZES:
            yield cell, axes, "plain"
            yield cell, axes, "groups"
            if axes:
                yield cell, axes, "stride"
            if cell == "LSTM":
                yield cell, axes, "peephole"
    yield "LSTM", 2, "conv peephole"
    yield "LSTM", 0, "two directions"
    yield "GRU", 2, "norm"


def build(cell, axes, variant="plain", layers=1, **options):
    name, *before = cell.split("-")
    options |= VARIANTS[variant]
    options |= {"reset_after": False} if before else {}
    options |= {"kernel_size": (2, 3, 2)[:axes]} if axes else {}
    layer = getattr(nn, f"Conv{name}{axes}d" if axes else name)(2, 2, layers, dtype=torch.float64, **options)
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter, std=0.6)
    return layer


def arguments(layer, axes, steps=2, batch=1):
    """Input, states that are not zero, and parameters: everything there is a derivative for."""
    x = torch.randn(steps, batch, 2, *SIZES[axes], dtype=torch.float64)
    _, final = layer(x)
    states = final if isinstance(final, tuple) else (final,)
    states = [torch.randn_like(s) for s in states]
    return [t.detach().clone().requires_grad_() for t in (x, *states, *layer.parameters())]


def as_function(layer, count):
    """The layer as a function of input, ``count`` states and all parameters, to outputs and final states."""
    names = [name for name, _ in layer.named_parameters()]

    def function(x, *rest):
        hx = rest[:count] if count > 1 else rest[0]
        output, final = functional_call(layer, dict(zip(names, rest[count:], strict=True)), (x, hx))
        return (output, *final) if isinstance(final, tuple) else (output, final)

    return function


@pytest.mark.parametrize(("cell", "axes", "variant"), list(cases()))
def test_gradients_of_first_and_second_order(cell, axes, variant):
    layer = build(cell, axes, variant)
    inputs = arguments(layer, axes, steps=2 if axes == 3 else 3)
    function = as_function(layer, 2 if cell == "LSTM" else 1)
    assert gradcheck(function, inputs, fast_mode=True, check_forward_ad=True, check_batched_grad=axes < 2)
    assert gradgradcheck(function, inputs, fast_mode=True)


@pytest.mark.parametrize("cell", ["RNN", "LSTM", "GRU"])
def test_gradients_through_two_layers_and_lengths(cell):
    layer = build(cell, 1, "two directions", layers=2)
    function = as_function(layer, 2 if cell == "LSTM" else 1)
    layer.register_forward_pre_hook(lambda _, args, options: (args, options | {"lengths": [1, 3]}), with_kwargs=True)
    inputs = arguments(layer, 1, steps=3, batch=2)
    assert gradcheck(function, inputs, fast_mode=True)
    assert gradgradcheck(function, inputs, fast_mode=True)


@pytest.mark.parametrize("axes", [0, 2])
@pytest.mark.parametrize("cell", CELLS)
def test_vmap_over_weights_is_a_loop(cell, axes):
    layers = [build(cell, axes, layers=2, bidirectional=True) for _ in range(3)]
    parameters, buffers = stack_module_state(layers)
    x = torch.randn(3, 4, 2, 2, *SIZES[axes], dtype=torch.float64)

    def loss(parameters, buffers, x):
        output, final = functional_call(layers[0], (parameters, buffers), (x,))
        return (output * output.cos()).sum(), (output, final)

    found, (outputs, finals) = vmap(grad(loss, has_aux=True))(parameters, buffers, x)
    for k, layer in enumerate(layers):
        output, final = layer(x[k])
        torch.testing.assert_close(outputs[k], output)
        for a, b in zip(finals if cell == "LSTM" else (finals,), final if cell == "LSTM" else (final,), strict=True):
            torch.testing.assert_close(a[k], b)
        gradients = torch.autograd.grad((output * output.cos()).sum(), list(layer.parameters()))
        for (name, _), gradient in zip(layer.named_parameters(), gradients, strict=True):
            torch.testing.assert_close(found[name][k], gradient)


@pytest.mark.parametrize("axes", SIZES)
@pytest.mark.parametrize("cell", CELLS)
def test_jvp_is_a_finite_difference(cell, axes):
    layer = build(cell, axes, layers=2)
    function = as_function(layer, 2 if cell == "LSTM" else 1)
    primals = tuple(t.detach() for t in arguments(layer, axes))
    tangents = tuple(torch.randn_like(t) for t in primals)
    values, slopes = jvp(function, primals, tangents)
    step = 1e-6
    ahead, behind = (function(*(p + way * step * t for p, t in zip(primals, tangents, strict=True))) for way in (1, -1))
    for value, expected, slope, a, b in zip(values, function(*primals), slopes, ahead, behind, strict=True):
        torch.testing.assert_close(value, expected)
        torch.testing.assert_close(slope, (a - b) / (2 * step), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("axes", [0, 2])
@pytest.mark.parametrize("cell", CELLS)
def test_forward_mode_beside_a_graph(cell, axes):
    """The parameters want gradients, as in training, and only the input has a tangent."""
    layer = build(cell, axes, layers=2)
    x, tangent = torch.randn(2, 3, 2, 2, *SIZES[axes], dtype=torch.float64)
    with forward_ad.dual_level():
        output, _ = layer(forward_ad.make_dual(x, tangent))
        slope = forward_ad.unpack_dual(output).tangent
    _, expected = jvp(lambda x: layer(x)[0], (x,), (tangent,))
    torch.testing.assert_close(slope, expected)
    gradients = torch.autograd.grad(slope.square().sum(), list(layer.parameters()), allow_unused=True)
    assert all(g is not None and g.any() for g in gradients)


@pytest.mark.parametrize("axes", [0, 1])
@pytest.mark.parametrize("cell", CELLS)
def test_jacobians_of_all_makes_agree(cell, axes):
    layer = build(cell, axes)
    function = as_function(layer, 2 if cell == "LSTM" else 1)
    inputs = tuple(t.detach() for t in arguments(layer, axes))
    places = tuple(range(len(inputs)))
    backward, forward = jacrev(function, places)(*inputs), jacfwd(function, places)(*inputs)
    expected = torch.autograd.functional.jacobian(function, inputs)
    batched = torch.autograd.functional.jacobian(function, inputs, vectorize=True)
    for rows in zip(backward, forward, batched, expected, strict=True):
        for a, b, c, d in zip(*rows, strict=True):
            for found in (a, b, c):
                torch.testing.assert_close(found, d)
    assert any(d.any() for row in expected for d in row)


class Critic(torch.nn.Module):
    def __init__(self, layer, axes):
        super().__init__()
        self.layer = layer
        self.head = torch.nn.Linear(layer.output_size, 1, dtype=torch.float64)
        self.axes = axes

    def forward(self, clip):
        output, _ = self.layer(clip)
        return self.head(output.flatten(3).mean(3) if self.axes else output).mean(0)

    def penalty(self, real, fake, mix):
        """Loss of a Wasserstein critic with gradient penalty (Gulrajani et al. 2017)."""
        between = (mix * real + (1 - mix) * fake).requires_grad_()
        (slope,) = torch.autograd.grad(self(between).sum(), between, create_graph=True)
        norm = slope.transpose(0, 1).flatten(1).norm(dim=1)
        return (self(fake) - self(real)).mean() + 10 * (norm - 1).square().mean()


@pytest.mark.parametrize("axes", [0, 2])
@pytest.mark.parametrize("cell", ["LSTM", "GRU"])
def test_a_gradient_penalty_step(cell, axes):
    variant = {"stride": 2, "peephole": "channel"} if (cell, axes) == ("LSTM", 2) else {}
    critic = Critic(build(cell, axes, layers=2, **variant), axes)
    size = (5, 4)[:axes]
    real, fake = torch.randn(2, 3, 2, 2, *size, dtype=torch.float64)
    mix = torch.rand(1, 2, 1, *(1,) * axes, dtype=torch.float64)
    parameters = {name: p for name, p in critic.named_parameters() if name != "head.bias"}  # which cancels
    gradients = torch.autograd.grad(critic.penalty(real, fake, mix), list(parameters.values()))
    step = 1e-5
    for (name, parameter), gradient in zip(parameters.items(), gradients, strict=True):
        for direction in (gradient / gradient.norm(), torch.randn_like(parameter)):
            with torch.no_grad():
                parameter.add_(step * direction)
            ahead = critic.penalty(real, fake, mix).item()
            with torch.no_grad():
                parameter.sub_(2 * step * direction)
            behind = critic.penalty(real, fake, mix).item()
            with torch.no_grad():
                parameter.add_(step * direction)
            expected = (gradient * direction).sum().item()
            assert (ahead - behind) / (2 * step) == pytest.approx(expected, rel=1e-5, abs=1e-7), name
