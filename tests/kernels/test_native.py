"""The compiled steps: against equations in NumPy's float64, and against their plain forms."""

import inspect
import subprocess
import sys

import numpy as np
import pytest
import torch

from framecast.kernels.cpu import _library
from framecast.kernels.cpu._steps import compiled_steps, run_compiled
from framecast.kernels.sequence._cells import STEPS
from framecast.kernels.sequence._lstm import LSTM
from framecast.kernels.sequence._step import plain_steps

needs_library = pytest.mark.skipif(
    _library.why_not() is not None, reason=f"no compiled functions: {_library.why_not()}"
)

NAMES = tuple(name for name, step in STEPS.items() if step.compiled)
GATES = {name: 3 if name.startswith("gru") else 4 for name in NAMES}
FILLED = {
    "lstm": ("h", "c"),
    "lstm_state": ("c",),
    "lstm_backward": ("grad_gates", "h"),
    "gru": ("h", "hidden_n"),
    "gru_backward": ("grad_gates", "grad_recurrent"),
}
WIDE = ("c", "c_prev", "grad_c", "carried", "peephole")
# Rows and channels: less than a block, several blocks, a block of part of a row, no multiple of any vector.
SIZES = [(1, 1), (7, 10), (131, 10), (33, 33), (21, 64), (3, 1030)]
FLOAT32, BFLOAT16 = torch.float32, torch.bfloat16
# Half a unit in the last place of what is stored, and a little for the arithmetic in float32.
TOLERANCE = {FLOAT32: 2e-6, BFLOAT16: 2**-8 * 1.01}


def parameters_of(name):
    return inspect.signature(STEPS[name].plain).parameters


def optional(name):
    return [key for key, parameter in parameters_of(name).items() if "None" in parameter.annotation]


def absences():
    """Every function with all its arguments, with none of the optional ones, and with one of them missing."""
    for name in NAMES:
        choices = [(), tuple(optional(name)), *((key,) for key in optional(name))]
        yield from ((name, absent) for absent in dict.fromkeys(choices))


def shape_of(name, key, rows, hidden):
    if key == "peephole":
        return 3, hidden
    of_gates = key in ("gates", "grad_gates", "grad_recurrent", "recurrent") or (name, key) == ("lstm", "added")
    return rows, hidden * (GATES[name] if of_gates else 1)


def guarded(value, dtype):
    """The value as rows in the middle of memory that is NaN elsewhere."""
    rows = torch.full((len(value) + 2, value.shape[1]), torch.nan, dtype=dtype, device="cpu")
    return rows[1:-1].copy_(torch.as_tensor(value, device="cpu"))


def arguments_of(name, rows, hidden, dtype=FLOAT32, absent=()):
    """Random arguments by name; what a function is to fill holds NaN."""
    random, arguments = np.random.default_rng(0), {}
    for key in parameters_of(name):
        value = random.normal(size=shape_of(name, key, rows, hidden)).clip(-2, 2)
        if key == "gates" and name not in ("lstm", "gru"):
            tanh = slice(2 * hidden, 3 * hidden)
            value, value[:, tanh] = sigmoid(value), np.tanh(value[:, tanh])
        if key in FILLED[name]:
            value = np.full_like(value, np.nan)
        arguments[key] = None if key in absent else guarded(value, FLOAT32 if key in WIDE else dtype)
    if name == "lstm_backward":
        state = {"gates": arguments["gates"], "c_prev": arguments["c_prev"], "c": arguments["c"]}
        arguments["c"].copy_(torch.from_numpy(equations("lstm_state", state)["c"]))
    return arguments


def copies(arguments):
    return {key: None if tensor is None else guarded(tensor, tensor.dtype) for key, tensor in arguments.items()}


def run(steps, name, arguments):
    """Run the step; return its operands after it. The compiled one must have been compiled."""
    arguments = copies(arguments)
    if steps is compiled_steps:
        assert run_compiled(STEPS[name], *arguments.values())
    else:
        steps(STEPS[name], *arguments.values())
    return arguments


def agree(found, expected, roundings=1):
    """Compare by name, and see that nothing was written beside the rows."""
    for key, value in expected.items():
        if value is not None:
            tensor, value = found[key], torch.as_tensor(value, device="cpu").double()
            tolerance = {"rtol": roundings * TOLERANCE[tensor.dtype], "atol": 1e-6}
            torch.testing.assert_close(tensor.double(), value, **tolerance, msg=lambda text, key=key: f"{key}: {text}")
            assert tensor._base[[0, -1]].isnan().all(), f"{key}: written beside its rows"


# The equations in NumPy's float64, of sums; derivatives are those of the equations, by complex steps.
def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def logit(y):
    return np.log(y / (1 - y))


def lstm_equations(sums, c_prev, peephole):
    i, f, g, o = np.split(sums, 4, 1)
    i, f, g = sigmoid(i + peephole[0] * c_prev), sigmoid(f + peephole[1] * c_prev), np.tanh(g)
    c = f * c_prev + i * g
    o = sigmoid(o + peephole[2] * c)
    return np.concatenate((i, f, g, o), 1), c, o * np.tanh(c)


def gru_equations(of_input, of_state, h_prev):
    (r, z, n), (to_r, to_z, to_n) = np.split(of_input, 3, 1), np.split(of_state, 3, 1)
    r, z = sigmoid(r + to_r), sigmoid(z + to_z)
    n = np.tanh(n + r * to_n)
    return np.concatenate((r, z, n), 1), (1 - z) * n + z * h_prev


def derivative(function, x):
    """Of a function of elements, ``(R, H)``, by an argument ``(R, H)`` or ``(R, gates * H)``."""
    gradient, hidden = np.empty_like(x), function(x).shape[1]
    for start in range(0, x.shape[1], hidden):
        moved = x.astype(complex)
        moved[:, start : start + hidden] += 1e-30j
        gradient[:, start : start + hidden] = function(moved).imag / 1e-30
    return gradient


def expected_lstm(gates, added, c_prev, peephole, **_):
    gates, c, h = lstm_equations(gates + added, c_prev, peephole)
    return {"gates": gates, "c": c, "h": h}


def expected_lstm_state(gates, c_prev, **_):
    i, f, g, _ = np.split(gates, 4, 1)
    return {"c": f * c_prev + i * g}


def expected_lstm_backward(gates, c_prev, c, grad_h, added, grad_c, peephole, **_):
    i, f, g, o = np.split(gates, 4, 1)
    sums = (logit(i) - peephole[0] * c_prev, logit(f) - peephole[1] * c_prev, np.arctanh(g), logit(o) - peephole[2] * c)

    def loss(sums, c_prev):
        _, c, h = lstm_equations(sums, c_prev, peephole)
        return (grad_h + added) * h + grad_c * c

    sums = np.concatenate(sums, 1)
    return {
        "grad_gates": derivative(lambda x: loss(x, c_prev), sums),
        "grad_c": derivative(lambda x: loss(sums, x), c_prev),
        "h": o * np.tanh(c),
    }


def expected_gru(gates, recurrent, h_prev, **_):
    gates, h = gru_equations(gates, recurrent, h_prev)
    return {"gates": gates, "h": h, "hidden_n": np.split(recurrent, 3, 1)[2]}


def expected_gru_backward(gates, hidden_n, h_prev, grad_h, added, carried, **_):
    r, z, n = np.split(gates, 3, 1)
    of_input = np.concatenate((logit(r), logit(z), np.arctanh(n) - r * hidden_n), 1)
    of_state = np.concatenate((np.zeros_like(r), np.zeros_like(r), hidden_n), 1)

    def loss(of_input, of_state, h_prev):
        return (carried + grad_h + added) * gru_equations(of_input, of_state, h_prev)[1]

    return {
        "grad_gates": derivative(lambda x: loss(x, of_state, h_prev), of_input),
        "grad_recurrent": derivative(lambda x: loss(of_input, x, h_prev), of_state),
        "carried": derivative(lambda x: loss(of_input, of_state, x), h_prev),
    }


def equations(name, arguments):
    """What the function should write, by the argument's name."""
    rows, columns = arguments["gates"].shape
    doubles = {
        key: np.zeros(shape_of(name, key, rows, columns // GATES[name])) if tensor is None else tensor.double().numpy()
        for key, tensor in arguments.items()
    }
    expected = EXPECTED[name](**doubles)
    return {key: value for key, value in expected.items() if arguments[key] is not None}


EXPECTED = {
    "lstm": expected_lstm,
    "lstm_state": expected_lstm_state,
    "lstm_backward": expected_lstm_backward,
    "gru": expected_gru,
    "gru_backward": expected_gru_backward,
}


@needs_library
@pytest.mark.parametrize(("rows", "hidden"), SIZES)
@pytest.mark.parametrize("dtype", [FLOAT32, BFLOAT16], ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_compiled_functions_give_the_equations_at_awkward_sizes(name, dtype, rows, hidden):
    arguments = arguments_of(name, rows, hidden, dtype)
    found = run(compiled_steps, name, arguments)
    agree(found, equations(name, arguments))


@needs_library
@pytest.mark.parametrize("hidden", [10, 64])
@pytest.mark.parametrize("dtype", [FLOAT32, BFLOAT16], ids=str)
@pytest.mark.parametrize(("name", "absent"), list(absences()))
def test_none_is_zero(name, absent, dtype, hidden):
    arguments = arguments_of(name, 55, hidden, dtype, absent)
    found = run(compiled_steps, name, arguments)
    agree(found, equations(name, arguments))
    agree(found, run(plain_steps, name, arguments), roundings=2)


@needs_library
@pytest.mark.parametrize("name", ["lstm_backward", "gru_backward"])
@pytest.mark.parametrize("dtype", [FLOAT32, BFLOAT16], ids=str)
def test_the_gradient_may_take_the_place_of_the_gates(name, dtype):
    arguments = arguments_of(name, 131, 10, dtype)
    expected = equations(name, arguments)
    arguments["grad_gates"] = arguments["gates"]
    compiled_steps(STEPS[name], *arguments.values())
    agree(arguments, expected)


@needs_library
@pytest.mark.parametrize("hidden", [10, 64])
@pytest.mark.parametrize("name", NAMES)
def test_bfloat16_is_the_float32_result_rounded_to_nearest(name, hidden):
    arguments = arguments_of(name, 131, hidden, BFLOAT16)
    for key in ("grad_h", "hidden_n", "recurrent"):
        if key in arguments and key not in FILLED[name]:
            arguments[key][5, :3] = torch.tensor([torch.nan, torch.inf, -torch.inf])
    for key in ("c_prev", "grad_c"):
        if key in arguments:
            # NaN of a kind that rounding alone would turn into zero.
            arguments[key][6] = torch.tensor(0x7FFFFFFF, dtype=torch.int32).view(FLOAT32)
    in_float32 = {key: guarded(tensor, FLOAT32) for key, tensor in arguments.items()}
    narrow, wide = run(compiled_steps, name, arguments), run(compiled_steps, name, in_float32)
    for key, tensor in narrow.items():
        torch.testing.assert_close(tensor, wide[key].to(tensor.dtype), rtol=0, atol=0, equal_nan=True)


# Beside the ordinary: tiny ones, both ends of where exp(x) is finite and normal, far beyond, and no numbers.
TINY = [0.0, -0.0, 1e-40, 1e-30, -1e-20, 1e-6, -1e-6, 1e-3]
BEYOND = [17.0, -17.5, 87.0, -87.0, 88.5, -88.5, 104.0, -104.0, 1e4, -1e4, torch.inf, -torch.inf, torch.nan]


@needs_library
@pytest.mark.parametrize("dtype", [FLOAT32, BFLOAT16], ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_extreme_values_go_where_the_plain_functions_send_them(name, dtype):
    arguments, random = arguments_of(name, 301, 11, dtype), np.random.default_rng(1)
    for tensor in arguments.values():
        extreme = torch.from_numpy(random.choice(TINY + BEYOND, tensor.shape)).to(tensor.dtype)
        tensor.copy_(torch.where(torch.from_numpy(random.random(tensor.shape) < 0.2), extreme, tensor))
    found, expected = run(compiled_steps, name, arguments), run(plain_steps, name, arguments)
    for key, tensor in found.items():
        # Differences of large numbers keep few digits.
        torch.testing.assert_close(tensor, expected[key], rtol=1e-2, atol=1e-5, equal_nan=True, msg=key)


@needs_library
def test_activations_are_right_to_the_last_digits_everywhere():
    sizes = np.geomspace(1e-38, 86, 20000)
    x = torch.from_numpy(np.concatenate((-sizes[::-1], TINY, np.linspace(-20, 20, 40001), sizes))).float()[:, None]
    gates, h, c = x.repeat(1, 4), torch.empty_like(x), torch.empty_like(x)
    assert run_compiled(LSTM, gates, None, None, None, h, c)
    doubles = x.double().numpy()
    for k, exact in enumerate((sigmoid(doubles), sigmoid(doubles), np.tanh(doubles), sigmoid(doubles))):
        np.testing.assert_allclose(gates[:, k : k + 1].double().numpy(), exact, rtol=4e-7, atol=1e-45)
    np.testing.assert_array_equal(np.signbit(gates[:, 2].numpy()), np.signbit(doubles[:, 0]))


@needs_library
@pytest.mark.parametrize("name", NAMES)
def test_any_number_of_threads_gives_the_same(name):
    arguments = arguments_of(name, 4001, 10)
    threads, found = torch.get_num_threads(), []
    try:
        for number in (1, 2, 3):
            torch.set_num_threads(number)
            found.append(run(compiled_steps, name, arguments))
    finally:
        torch.set_num_threads(threads)
    agree(found[0], equations(name, arguments))
    for other in found[1:]:
        for key, tensor in found[0].items():
            assert torch.equal(tensor, other[key]), key


@needs_library
@pytest.mark.parametrize(("rows", "hidden"), [(0, 10), (3, 0)])
def test_nothing_is_no_work(rows, hidden):
    gates, h, c = (torch.empty(rows, columns * hidden, device="cpu") for columns in (4, 1, 1))
    assert run_compiled(LSTM, gates, None, None, None, h, c)


UNSUITED = {
    "float64": lambda tensor: tensor.double(),
    "columns of a wider matrix": lambda tensor: torch.cat((tensor, tensor), 1)[:, : tensor.shape[1]],
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("unsuited", UNSUITED)
def test_what_the_compiled_functions_cannot_take_goes_to_the_plain_ones(name, unsuited):
    arguments = arguments_of(name, 7, 10)
    changed = {key: UNSUITED[unsuited](tensor) for key, tensor in arguments.items()}
    assert not run_compiled(STEPS[name], *changed.values())
    compiled_steps(STEPS[name], *changed.values())
    for key, expected in equations(name, arguments).items():
        np.testing.assert_allclose(changed[key].double().numpy(), expected, rtol=2e-6, atol=1e-6)


@needs_library
@pytest.mark.parametrize("name", NAMES)
def test_one_unsuited_tensor_is_enough(name):
    arguments = arguments_of(name, 7, 10)
    for key, tensor in arguments.items():
        for wrong in (tensor.double(), tensor[:, :-1].contiguous(), UNSUITED["columns of a wider matrix"](tensor)):
            assert not run_compiled(STEPS[name], *(arguments | {key: wrong}).values()), key


FORK_WITH_THREADS = """
import os
import torch
from framecast.kernels.cpu._steps import run_compiled
from framecast.kernels.sequence._lstm import LSTM
torch.set_num_threads(2)
gates, h, c = torch.zeros(4000, 40), torch.empty(4000, 10), torch.empty(4000, 10)
run = lambda: run_compiled(LSTM, gates, None, None, None, h, c)
assert run()
child = os.fork()
if not child:
    os._exit(not run())
assert os.waitpid(child, 0)[1] == 0
"""


@needs_library
def test_a_forked_child_does_not_wait_for_threads_it_does_not_have():
    subprocess.run([sys.executable, "-W", "ignore", "-c", FORK_WITH_THREADS], check=True, timeout=600)
