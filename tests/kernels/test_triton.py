"""The Triton kernels: on the CPU in Triton's interpreter, on a GPU as they are."""

import importlib.util
import inspect
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from framecast import nn
from framecast.kernels import use
from framecast.kernels._choice import recording
from framecast.kernels.cuda import _steps as _triton
from framecast.kernels.cuda._steps import triton_steps
from framecast.kernels.sequence._cells import STEPS
from framecast.kernels.sequence._lstm import LSTM

NAMES = tuple(name for name, step in STEPS.items() if step.compiled)
SIZES = [(1, 10), (10, 33), (33, 1), (33, 33)]
# Half a unit in the last place, and a little for the arithmetic in float32.
TOLERANCE = {torch.float32: 2e-6, torch.bfloat16: 2**-8 * 1.01, torch.float16: 2**-11 * 1.01}


@pytest.fixture
def kernels(monkeypatch, device):
    """The functions, with kernels that run on the device of the tests."""
    pytest.importorskip("triton")
    if device.type == "cpu":
        # What Triton decorates is for its interpreter if the variable is set at that moment: so a copy of the module.
        monkeypatch.setenv("TRITON_INTERPRET", "1")
        module = load_kernels()
        monkeypatch.setattr(_triton, "_kernels", lambda: module)
    return _triton


def load_kernels():
    spec = importlib.util.spec_from_file_location(
        "kernels_of_test", Path(_triton.__file__).with_name("_triton_kernels.py")
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def gates_of(name):
    return 3 if name.startswith("gru") else 4


def arguments_of(name, R, H, dtype=torch.float32, absent=()):
    """Random arguments of a function by name; what it fills holds NaN, the memory around them 7."""
    wide = torch.promote_types(dtype, torch.float32)
    gates = (R, gates_of(name) * H)
    shapes = dict.fromkeys(("gates", "grad_gates", "grad_recurrent", "recurrent"), gates)
    shapes |= {"peephole": (3, H), "added": gates if name == "lstm" else (R, H)}
    wides = ("c", "c_prev", "grad_c", "peephole", "carried")
    filled = {"lstm": ("h", "c"), "lstm_state": ("c",), "lstm_backward": ("grad_gates", "h")}
    filled |= {"gru": ("h", "hidden_n"), "gru_backward": ("grad_gates", "grad_recurrent")}
    arguments = {}
    for argument in inspect.signature(STEPS[name].plain).parameters:
        shape = shapes.get(argument, (R, H))
        value = torch.full(shape, torch.nan) if argument in filled[name] else torch.randn(shape).clamp(-2, 2)
        if argument == "gates" and name not in ("lstm", "gru"):
            tanh = slice(2 * H, 3 * H)
            value, activated = value.sigmoid(), value.tanh()
            value[:, tanh] = activated[:, tanh]
        around = torch.full((shape[0] + 2, shape[1]), 7.0, dtype=wide if argument in wides else dtype)
        arguments[argument] = None if argument in absent else around[1:-1].copy_(value)
    return arguments


def agree(actual, expected):
    """Compare by name, and see that nothing was written beside the rows."""
    for name, value in expected.items():
        tensor = actual[name]
        # The interpreter cuts bfloat16 off, where a GPU rounds it to the nearest.
        rounding = 2 if tensor.dtype == torch.bfloat16 and not tensor.is_cuda else 1
        torch.testing.assert_close(tensor.double(), value, rtol=rounding * TOLERANCE[tensor.dtype], atol=1e-6)
        assert (tensor._base[[0, -1]] == 7).all(), name


def optional(name):
    parameters = inspect.signature(STEPS[name].plain).parameters.values()
    return [parameter.name for parameter in parameters if "None" in parameter.annotation]


def absences():
    for name in NAMES:
        names = optional(name)
        yield from ((name, absent) for absent in dict.fromkeys([(), tuple(names), *((n,) for n in names)]))


def doubles_of(name, arguments):
    """Arguments in float64, with zeros instead of None; a peephole of zeros does nothing."""
    R, columns = arguments["gates"].shape
    H = columns // gates_of(name)
    shapes = {"peephole": (3, H), "recurrent": (R, columns), "added": (R, columns if name == "lstm" else H)}
    return {
        key: torch.zeros(shapes.get(key, (R, H)), dtype=torch.float64) if tensor is None else tensor.double().clone()
        for key, tensor in arguments.items()
    }


# The textbook's equations in float64, of sums; their gradients are autograd's.
def lstm_equations(sums, c_prev, peephole):
    i, f, g, o = sums.chunk(4, 1)
    i, f, g = (i + peephole[0] * c_prev).sigmoid(), (f + peephole[1] * c_prev).sigmoid(), g.tanh()
    c = f * c_prev + i * g
    o = (o + peephole[2] * c).sigmoid()
    return torch.cat((i, f, g, o), 1), c, o * c.tanh()


def gru_equations(of_input, of_state, h_prev):
    (r, z, n), (to_r, to_z, to_n) = of_input.chunk(3, 1), of_state.chunk(3, 1)
    r, z = (r + to_r).sigmoid(), (z + to_z).sigmoid()
    n = (n + r * to_n).tanh()
    return torch.cat((r, z, n), 1), (1 - z) * n + z * h_prev


def expected_lstm(gates, added, c_prev, peephole, h, c):
    gates, c, h = lstm_equations(gates + added, c_prev, peephole)
    return {"gates": gates, "c": c, "h": h}


def expected_lstm_state(gates, c_prev, c):
    i, f, g, _ = gates.chunk(4, 1)
    return {"c": f * c_prev + i * g}


def expected_lstm_backward(gates, c_prev, c, grad_h, added, grad_c, peephole, grad_gates, h):
    i, f, g, o = gates.chunk(4, 1)
    parts = (i.logit() - peephole[0] * c_prev, f.logit() - peephole[1] * c_prev, g.atanh(), o.logit() - peephole[2] * c)
    sums, c_prev = torch.cat(parts, 1).requires_grad_(), c_prev.requires_grad_()
    _, c, h = lstm_equations(sums, c_prev, peephole)
    grad_gates, grad_c = torch.autograd.grad((h, c), (sums, c_prev), (grad_h + added, grad_c))
    return {"grad_gates": grad_gates, "grad_c": grad_c, "h": h.detach()}


def expected_gru(gates, recurrent, h_prev, h, hidden_n):
    gates, h = gru_equations(gates, recurrent, h_prev)
    return {"gates": gates, "h": h, "hidden_n": recurrent.chunk(3, 1)[2]}


def expected_gru_backward(gates, hidden_n, h_prev, grad_h, added, carried, grad_gates, grad_recurrent):
    r, z, n = gates.chunk(3, 1)
    of_input = torch.cat((r.logit(), z.logit(), n.atanh() - r * hidden_n), 1).requires_grad_()
    of_state = torch.cat((torch.zeros_like(r), torch.zeros_like(r), hidden_n), 1).requires_grad_()
    h_prev.requires_grad_()
    _, h = gru_equations(of_input, of_state, h_prev)
    grads = torch.autograd.grad(h, (of_input, of_state, h_prev), carried + grad_h + added)
    return dict(zip(("grad_gates", "grad_recurrent", "carried"), grads, strict=True))


def equations(name, arguments):
    """What the function should write, by the name of the argument. Gives a backward the cell state of its gates."""
    doubles = doubles_of(name, arguments)
    if name == "lstm_backward":
        state = expected_lstm_state(doubles["gates"], doubles["c_prev"], None)["c"]
        arguments["c"].copy_(state)
        doubles["c"] = state
    expected = globals()[f"expected_{name}"](**doubles)
    return {key: value for key, value in expected.items() if arguments[key] is not None}


@pytest.mark.parametrize(("R", "H"), SIZES)
@pytest.mark.parametrize("name", NAMES)
def test_kernels_give_the_equations_at_awkward_sizes(kernels, name, R, H):
    arguments = arguments_of(name, R, H)
    expected = equations(name, arguments)
    triton_steps(STEPS[name], *arguments.values())
    agree(arguments, expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize(("name", "absent"), list(absences()))
def test_none_is_zero_in_every_type(kernels, name, absent, dtype):
    arguments = arguments_of(name, 3, 5, dtype, absent)
    expected = equations(name, arguments)
    triton_steps(STEPS[name], *arguments.values())
    agree(arguments, expected)


SMALL = [0.0, 1e-30, -1e-6, 1e-3, -0.05, 0.3, 0.624, -0.626, 5.0]
LARGE = [-17.0, 60.0, -86.0, 1e4, -1e4]
BEYOND = [torch.inf, -torch.inf, torch.nan]
# NumPy, with which the interpreter computes, warns of what has to happen here.
INTERPRETER = pytest.mark.filterwarnings("ignore:(overflow|invalid value) encountered:RuntimeWarning")


@INTERPRETER
def test_activations_are_right_to_the_last_digits_for_tiny_and_huge_sums(kernels):
    sums = torch.tensor(SMALL + LARGE)
    H = len(sums)
    gates, c, h = sums.repeat(2, 4), torch.empty(2, H), torch.empty(2, H)
    triton_steps(LSTM, gates, None, None, None, h, c)
    i, f, g, o = gates.double().chunk(4, 1)
    for value in (i, f, o):
        torch.testing.assert_close(value, sums.double().sigmoid().repeat(2, 1), rtol=1e-6, atol=0)
    torch.testing.assert_close(g, sums.double().tanh().repeat(2, 1), rtol=1e-6, atol=0)
    torch.testing.assert_close(h.double(), o * (i * g).tanh(), rtol=1e-6, atol=1e-37)


@INTERPRETER
@pytest.mark.parametrize("name", NAMES)
def test_extreme_values_go_where_the_plain_functions_send_them(kernels, name):
    values = torch.tensor(LARGE + BEYOND)
    R, H = 40, 11
    arguments = arguments_of(name, R, H)
    for tensor in arguments.values():
        # One value in eight is extreme.
        extreme = torch.rand(tensor.shape) < 0.125
        tensor.copy_(torch.where(extreme, values[torch.randint(len(values), tensor.shape)], tensor))
    plain = {key: tensor.clone() for key, tensor in arguments.items()}
    STEPS[name].plain(**plain)
    triton_steps(STEPS[name], *arguments.values())
    for key, tensor in arguments.items():
        torch.testing.assert_close(tensor, plain[key], rtol=1e-4, atol=1e-3, equal_nan=True)


@pytest.mark.parametrize("name", ["lstm_backward", "gru_backward"])
def test_the_gradient_may_take_the_place_of_the_gates(kernels, name):
    arguments = arguments_of(name, 10, 33)
    expected = equations(name, arguments)
    triton_steps(STEPS[name], *(arguments | {"grad_gates": arguments["gates"]}).values())
    agree(arguments | {"grad_gates": arguments["gates"]}, expected)


@pytest.mark.parametrize("name", NAMES)
def test_matrices_beyond_32_bits_are_the_same_in_places_of_64(kernels, name, monkeypatch):
    arguments = arguments_of(name, 33, 33)
    expected = equations(name, arguments)
    monkeypatch.setattr(_triton, "PLACES", 0)
    triton_steps(STEPS[name], *arguments.values())
    agree(arguments, expected)


@pytest.mark.parametrize("kind", ["float64", "columns of a wider matrix"])
@pytest.mark.parametrize("name", NAMES)
def test_what_a_kernel_does_not_take_is_left_to_the_plain_function(name, kind, monkeypatch):
    monkeypatch.setattr(_triton, "_kernels", lambda: pytest.fail("a kernel was asked for"))
    arguments = arguments_of(name, 3, 5, torch.float64 if kind == "float64" else torch.float32)
    expected = equations(name, arguments)
    if kind != "float64":
        arguments = {key: torch.cat((tensor, tensor), 1)[:, : tensor.shape[1]] for key, tensor in arguments.items()}
    triton_steps(STEPS[name], *arguments.values())
    for key, value in expected.items():
        torch.testing.assert_close(arguments[key].double(), value, rtol=2e-6, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_no_rows_are_no_work(name, monkeypatch):
    monkeypatch.setattr(_triton, "_kernels", lambda: pytest.fail("a kernel was asked for"))
    triton_steps(STEPS[name], *arguments_of(name, 0, 5).values())


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("absent", [False, True])
def test_kernels_compile_for_a_gpu_that_is_not_here(name, absent, monkeypatch, tmp_path):
    pytest.importorskip("triton")
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource, compile

    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    kernel = getattr(load_kernels(), name)
    arguments = arguments_of(name, 1, 1, torch.bfloat16, optional(name) if absent else ())
    types = {torch.bfloat16: "*bf16", torch.float32: "*fp32"}
    constants = {key: None for key, tensor in arguments.items() if tensor is None}
    constants |= {"H": 33, "BLOCK": 1024, "LARGE": absent}
    signature = {key: types[tensor.dtype] for key, tensor in arguments.items() if tensor is not None}
    signature |= {"elements": "i64" if absent else "i32"} | dict.fromkeys(constants, "constexpr")
    source = ASTSource(kernel, {key: signature[key] for key in kernel.arg_names}, constants)
    options = {"enable_fp_fusion": True}
    code = compile(source, target=GPUTarget("cuda", 90, 32), options=options).asm["ptx"]
    # Only the backward of the state writes no data.
    assert "cvt.rn.bf16" in code or name == "lstm_state"


@pytest.mark.parametrize("redo", [False, True])
@pytest.mark.parametrize(
    ("kind", "options"), [("ConvLSTM2d", {"peephole": "channel"}), ("ConvGRU1d", {}), ("LSTM", {}), ("GRU", {})]
)
def test_layers_are_the_same_with_these_steps(kernels, kind, options, redo):
    axes = {"2d": (4, 5), "1d": (7,)}.get(kind[-2:], ())
    layer = getattr(nn, kind)(2, 3, bidirectional=True, **options)
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    x = torch.randn(4, 2, 2, *axes, requires_grad=True)
    results = {}
    for kernel in ("triton", "reference"):
        layer.checkpoint = redo and kernel == "triton"
        with use(kernel), recording() as choices:
            output, _ = layer(x, lengths=torch.tensor([4, 2], device="cpu"))
        assert {choice.kernel for choice in choices} == {kernel}
        results[kernel] = [output, *torch.autograd.grad(output.square().sum(), [x, *layer.parameters()])]
    for actual, expected in zip(*results.values(), strict=True):
        torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-5)


def test_why_not(monkeypatch):
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    assert _triton.why_not("cpu") == "tensors are on the CPU"
    assert _triton.why_not(torch.device("cpu"))
    assert _triton.why_not("meta") == "tensors are on a device of type meta"
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert _triton.why_not("cpu") == _triton.why_not("cuda") == "triton is not installed"
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)
    monkeypatch.setattr(torch.version, "hip", None)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (6, 1))
    assert _triton.why_not("cpu") is None
    assert _triton.why_not("cuda") == "the GPU's compute capability (=6.1) is below 7.0"
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (9, 0))
    assert _triton.why_not("cuda") is None


def test_triton_is_imported_only_when_a_kernel_runs():
    code = "import sys, framecast.kernels.cuda._steps as t; t.why_not('cpu'); sys.exit('triton' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
