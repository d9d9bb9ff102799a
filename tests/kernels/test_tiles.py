"""Convolutions by the matrix unit: against PyTorch's in float64, at awkward sizes, in poisoned memory.

Shape letters: N batch, C input channels, O output channels, S spatial axes, K kernel.
"""

import os
import subprocess
import sys

import pytest
import torch

from framecast import kernels, nn
from framecast.functional import Projection
from framecast.kernels._layout import LAYOUTS
from framecast.kernels._layout import channels_last as ours_channels_last
from framecast.kernels.cpu import _library as _compiled
from framecast.kernels.cpu import _tiles
from framecast.kernels.sequence import _convolution
from framecast.kernels.sequence._convolution import bind


def has_tiles():
    library = _compiled.loaded()
    return not isinstance(library, str) and library.tiles


pytestmark = pytest.mark.skipif(not has_tiles(), reason="no matrix unit for bfloat16 (AMX), or no compiler")

# N, C, O, S, K, dilation: tiles in rows and across them, one and two tiles of rows and of columns, several frames to a
# share and several shares to a frame, dilation along each axis, kernels of even size, more than one chunk.
CASES = [
    (2, 16, 32, (16, 16), (3, 3), (1, 1)),
    (3, 3, 40, (25, 25), (3, 3), (1, 1)),
    (1, 5, 7, (1, 9), (1, 4), (1, 1)),
    (1, 1, 1, (1, 1), (3, 3), (1, 1)),
    (2, 17, 33, (9, 13), (4, 2), (2, 3)),
    (1, 33, 16, (5, 40), (7, 7), (1, 1)),
    (300, 2, 3, (4, 4), (3, 3), (1, 1)),
    (1, 64, 64, (96, 64), (5, 5), (1, 1)),
    (9, 40, 20, (25, 25), (3, 3), (1, 1)),
    (2, 18, 5, (4, 5, 6), (3, 2, 3), (1, 2, 1)),
    (1, 17, 20, (3, 7, 33), (3, 3, 5), (2, 1, 1)),
    (2, 16, 4, (5, 1, 3), (1, 1, 1), (1, 1, 1)),
    (3, 1, 40, (7, 35), (5, 5), (1, 1)),
    (3, 2, 7, (7, 16), (2, 3), (3, 2)),
    (2, 1, 9, (4, 5, 6), (3, 2, 3), (1, 2, 1)),
]
# Of float32 itself, with room: the sums here have up to 3,000 terms.
CLOSE = 1e-6


def channels_last(x):
    return x.contiguous(memory_format=LAYOUTS[x.dim() - 2])


def build(n, c, o, size, kernel, dilation):
    """Random projection, weight, bias, frames and a gradient of the result."""
    projection = Projection(len(size), kernel, (1,) * len(size), dilation)
    weight, bias = torch.randn(o, c, *kernel), torch.randn(o)
    return projection, weight, bias, channels_last(torch.randn(n, c, *size)), channels_last(torch.randn(n, o, *size))


def exact(projection, weight, bias, x, grad):
    """Result and gradients of input and weight, by autograd in float64."""
    x, weight = x.double().requires_grad_(), weight.double().requires_grad_()
    y = projection(x, weight, bias.double(), 1)
    return y.detach(), *torch.autograd.grad(y, (x, weight), grad.double())


def distance(found, expected):
    return ((found.double() - expected).norm() / expected.norm()).item()


@pytest.fixture(params=[1, 2, 5])
def threads(request):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def _poisoned_memory():
    """New memory is full of NaN."""
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("case", CASES, ids=str)
def test_numbers_are_those_of_float64(case):
    projection, weight, bias, x, grad = build(*case)
    y, to_x, to_weight = exact(projection, weight, bias, x, grad)
    bound = bind(projection, weight, 1, case[3], bias)
    assert isinstance(bound, _convolution._TiledConvolution)
    assert bound.tiles(x, bias) is not None
    assert bound.turned(grad, None) is not None
    found = bound(x)
    assert found.is_contiguous(memory_format=LAYOUTS[len(case[3])])
    assert distance(found, y) < CLOSE
    assert distance(bound.input_gradient(grad), to_x) < CLOSE
    found = _tiles.weight_gradient(projection, weight, x, grad)
    assert distance(found, to_weight) < CLOSE


def test_they_are_more_exact_than_vectors_of_float32():
    projection, weight, bias, x, grad = build(8, 64, 64, (16, 16), (5, 5), (1, 1))
    y, to_x, _ = exact(projection, weight, bias, x, grad)
    bound, plain = (
        kind(projection, weight, (16, 16), bias) for kind in (_convolution._TiledConvolution, _convolution._Convolution)
    )
    assert distance(bound(x), y) < distance(plain(x), y)
    assert distance(bound.input_gradient(grad), to_x) < distance(plain.input_gradient(grad), to_x)


@pytest.mark.parametrize("scale", [1e-18, 1e15])
def test_large_and_small_numbers_keep_their_digits(scale):
    projection, weight, bias, x, grad = build(2, 16, 16, (8, 8), (3, 3), (1, 1))
    x, grad, bias = x * scale, grad * scale, bias * scale
    y, to_x, to_weight = exact(projection, weight, bias, x, grad)
    bound = bind(projection, weight, 1, (8, 8), bias)
    assert distance(bound(x), y) < CLOSE
    assert distance(bound.input_gradient(grad), to_x) < CLOSE
    assert distance(_tiles.weight_gradient(projection, weight, x, grad / scale), to_weight / scale) < CLOSE


def test_products_below_the_smallest_normal_number_are_zero():
    projection, weight, bias, x, grad = build(2, 16, 16, (8, 8), (3, 3), (1, 1))
    bound = bind(projection, weight * 1e-20, 1, (8, 8), bias)
    assert torch.equal(bound(x * 1e-20), bias[:, None, None].expand_as(grad))
    assert not bound.input_gradient(grad * 1e-20).any()
    assert not bound.weight_gradient(x * 1e-20, grad * 1e-20).any()


def test_whole_numbers_are_exact():
    projection, weight, bias, x, grad = build(2, 16, 16, (8, 8), (3, 3), (1, 1))
    weight, bias, x, grad = ((t * 100).round() for t in (weight, bias, x, grad))
    y, to_x, to_weight = exact(projection, weight, bias, x, grad)
    bound = bind(projection, weight, 1, (8, 8), bias)
    assert torch.equal(bound(x).double(), y)
    assert torch.equal(bound.input_gradient(grad).double(), to_x)
    assert torch.equal(bound.weight_gradient(x, grad).double(), to_weight)


@pytest.mark.parametrize("value", [float("inf"), float("-inf"), float("nan"), 3.4e38])
@pytest.mark.parametrize("where", ["weight", "x", "grad"])
def test_what_is_not_finite_goes_to_pytorch(value, where):
    projection, weight, bias, x, grad = build(2, 16, 16, (6, 6), (3, 3), (1, 1))
    given = {"weight": weight, "x": x, "grad": grad}
    given[where].permute(1, 2, 3, 0)[3, 1, 2, 1] = value
    bound, plain = (
        kind(projection, weight, (6, 6), bias) for kind in (_convolution._TiledConvolution, _convolution._Convolution)
    )

    def same(found, expected):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4, equal_nan=True)

    same(bound(x), plain(x))
    same(bound.input_gradient(grad), plain.input_gradient(grad))
    same(bound.weight_gradient(x, grad), plain.weight_gradient(x, grad))


def test_the_gradient_of_a_weight_does_not_depend_on_the_number_of_threads():
    projection, weight, _, x, grad = build(3, 20, 56, (11, 9), (3, 3), (1, 1))
    before, found = torch.get_num_threads(), []
    for count in (1, 2, 3):
        torch.set_num_threads(count)
        found.append(_tiles.weight_gradient(projection, weight, x, grad))
    torch.set_num_threads(before)
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], found[2])


def test_sums_that_overflow_in_parts_only():
    """Numbers so large that the parts of their product are infinite, of either sign, where the product is not NaN."""
    projection, weight, bias, x, grad = build(2, 16, 16, (6, 6), (3, 3), (1, 1))
    weight, x, grad = weight * 1e19, x * 3e19, grad * 3e19
    bound, plain = (
        kind(projection, weight, (6, 6), bias) for kind in (_convolution._TiledConvolution, _convolution._Convolution)
    )
    for found, expected in (
        (bound(x), plain(x)),
        (bound.input_gradient(grad), plain.input_gradient(grad)),
        (bound.weight_gradient(x, grad), plain.weight_gradient(x, grad)),
    ):
        assert torch.equal(found.isnan(), expected.isnan())
        assert torch.equal(found.isinf(), expected.isinf())


def test_frames_too_large_for_the_workspace_go_to_pytorch(monkeypatch):
    projection, weight, bias, x, grad = build(2, 16, 16, (6, 6), (3, 3), (1, 1))
    y, to_x, to_weight = exact(projection, weight, bias, x, grad)
    monkeypatch.setattr(_tiles, "LARGEST_WORKSPACE", 1000)
    bound = bind(projection, weight, 1, (6, 6), bias)
    assert bound.tiles(x, bias) is None
    assert _tiles.weight_gradient(projection, weight, x, grad) is None
    assert distance(bound(x), y) < CLOSE
    assert distance(bound.input_gradient(grad), to_x) < CLOSE
    assert distance(bound.weight_gradient(x, grad), to_weight) < CLOSE


@pytest.mark.parametrize(("shape", "strides"), [((2, 1, 5, 6), (30, 1, 6, 1)), ((2, 1, 3, 5, 6), (90, 1, 30, 6, 1))])
def test_one_channel_is_said_to_be_last(shape, strides):
    """Else PyTorch takes it for first, and copies gradients of many channels to that order."""
    x = torch.randn(shape)
    assert ours_channels_last(x).stride() == strides
    assert torch.equal(ours_channels_last(x), x)


def test_a_default_device_has_no_say():
    projection, weight, bias, x, grad = build(2, 16, 16, (6, 6), (3, 3), (1, 1))
    bound = bind(projection, weight, 1, (6, 6), bias)
    with torch.device("meta"):
        found = bound(x), bound.input_gradient(grad), bound.weight_gradient(x, grad)
    for number, expected in zip(found, exact(projection, weight, bias, x, grad), strict=True):
        assert distance(number, expected) < CLOSE


@pytest.mark.parametrize(
    ("change", "takes"),
    [
        ({}, True),
        ({"dtype": torch.float64}, False),
        ({"dtype": torch.bfloat16}, False),
        ({"groups": 2}, False),
        ({"native": "0"}, False),
    ],
    ids=str,
)
def test_other_convolutions_are_left_to_pytorch(change, takes, monkeypatch):
    if "native" in change:
        monkeypatch.setattr(_compiled, "loaded", lambda: "switched off")
    projection = Projection(2, (3, 3), (1, 1), (1, 1), groups=change.get("groups", 1))
    weight = torch.randn(8, 4 // projection.groups, 3, 3, dtype=change.get("dtype"))
    bound = bind(projection, weight, 4, (6, 6))
    assert isinstance(bound, _convolution._TiledConvolution) == takes


@pytest.mark.parametrize("layer", [nn.ConvLSTM2d, nn.ConvGRU3d, nn.ConvRNN1d])
def test_layers_project_their_input_so_too(layer, monkeypatch):
    """Gradients of every order are those of the reference, and the input's own is one of them."""
    net, axes = layer(16, 5, kernel_size=3), int(layer.__name__[-2])
    x = torch.randn(3, 2, 16, *(6, 5, 4)[:axes], requires_grad=True)
    calls = []
    monkeypatch.setattr(
        _convolution, "weight_gradient", lambda *given: calls.append(given) or _tiles.weight_gradient(*given)
    )

    def run(kernel):
        with kernels.use(kernel):
            wanted = [x, *net.parameters()]
            first = torch.autograd.grad(net(x)[0].square().sum(), wanted)
            twice = torch.autograd.grad(net(x)[0].square().sum(), wanted, create_graph=True)
            return *first, *torch.autograd.grad(sum(g.square().sum() for g in twice), wanted)

    for found, expected in zip(run("sequence"), run("reference"), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4 * expected.abs().max().item())
    assert calls


FORK = """
import os
import torch
from framecast.functional import Projection
from framecast.kernels.sequence._convolution import bind
torch.set_num_threads(2)
x = torch.randn(2, 16, 32, 32).contiguous(memory_format=torch.channels_last)
run = lambda: bind(Projection(2, (3, 3), (1, 1), (1, 1)), torch.ones(16, 16, 3, 3), 1, (32, 32))(x)
expected = run()
child = os.fork()
if not child:
    os._exit(not torch.equal(run(), expected))
assert os.waitpid(child, 0)[1] == 0
"""


def test_a_forked_child_has_leave_to_use_the_unit_and_no_threads_to_wait_for():
    subprocess.run([sys.executable, "-W", "ignore", "-c", FORK], check=True, timeout=600, env=dict(os.environ))
