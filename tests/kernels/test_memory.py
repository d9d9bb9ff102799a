"""Tensors in any place, order and form of memory: kernels read many by address, and must know what lies there.

Every tensor of a call is replaced in turn by one of the same numbers that lies differently in memory; results and
gradients are compared with those of the reference on plain tensors.

Shape letters: T time, N batch, C input channels, H hidden channels, S spatial axes.
"""

import pytest
import torch
from tests.support.comparison import faults
from torch.nn.utils.rnn import PackedSequence

from framecast import kernels, nn
from framecast.kernels import _choice
from framecast.kernels.cpu import _library
from framecast.kernels.cuda import _steps as _triton
from framecast.kernels.sequence import _input

STEPS, BATCH, CHANNELS, HIDDEN = 3, 2, 16, 18
SIZES = {0: (), 1: (5,), 2: (3, 4), 3: (2, 3, 2)}
CELLS = {
    "RNN": ("RNN", {}),
    "RNN relu": ("RNN", {"nonlinearity": "relu"}),
    "LSTM": ("LSTM", {}),
    "LSTM peephole": ("LSTM", {"peephole": "channel"}),
    "GRU": ("GRU", {}),
    "GRU before": ("GRU", {"reset_after": False}),
}
# Form of a batch, and options of the layer.
FORMS = {
    "lengths": {},
    "packed": {},
    "batch first": {"batch_first": True},
    "unbatched": {},
    "no input": {},
    "no states": {},
    "groups": {"groups": 2},
    "even kernel": {"kernel_size": 2},
    "redone": {"checkpoint": True},
}


def strided(x):
    """Every second number of memory that holds NaN between."""
    return torch.stack([x, torch.full_like(x, torch.nan)], -1)[..., 0]


def offset(x):
    """The second half of its memory."""
    return torch.cat([torch.full_like(x, torch.nan), x])[len(x) :]


def misaligned(x):
    """One number behind where memory was allocated."""
    memory = torch.full((x.numel() + 1,), torch.nan, dtype=x.dtype, device=x.device)
    return memory[1:].copy_(x.flatten()).view(x.shape)


def transposed(x):
    """The axes in memory in the opposite order."""
    order = list(range(x.dim()))[::-1]
    return x.permute(order).contiguous().permute(order)


def channels_last(x):
    """The second axis is the last in memory."""
    return x.movedim(1, -1).contiguous().movedim(-1, 1) if x.dim() > 2 else x.clone()


def negative(x):
    """What is in memory is to be read with the other sign."""
    return torch._neg_view(-x)


def conjugate(x):
    """The imaginary part of a conjugate: strided, and to be read with the other sign."""
    return torch.complex(torch.zeros_like(x), -x).conj().imag


def expanded(x):
    """One place in memory for all numbers along the first axis."""
    return x[:1].clone().expand_as(x)


def expanded_last(x):
    """One place in memory for all numbers along the last axis."""
    return x[..., :1].clone().expand_as(x)


LAYOUTS = (strided, offset, misaligned, transposed, channels_last, negative, conjugate, expanded, expanded_last)


@pytest.fixture(autouse=True)
def _poisoned_memory():
    """New memory is full of NaN."""
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)


class Call:
    """A layer and all tensors of a call by name: parameters, `input`, `h`, `c`, and the gradients of the results."""

    gradients = True  # whether they are taken

    def __init__(self, cell, axes, dtype, form="padded"):
        name, options = CELLS[cell]
        channels = 0 if form == "no input" else CHANNELS
        kind = getattr(nn, f"Conv{name}{axes}d" if axes else name)
        self.layer = kind(channels, HIDDEN, dtype=dtype, **options, **FORMS.get(form, {}))
        self.form, self.states = form, ("h", "c") if name == "LSTM" else ("h",)
        space, generator = SIZES[axes], torch.Generator("cpu").manual_seed(0)

        def random(*shape):
            numbers = torch.randn(shape, generator=generator, dtype=torch.float64, device="cpu")
            return numbers.to(torch.get_default_device(), dtype)

        batch = () if form == "unbatched" else (BATCH,)
        self.tensors = {n: 0.3 * random(*p.shape) for n, p in self.layer.named_parameters()}
        frames = {"batch first": (BATCH, STEPS), "packed": (2 * STEPS - 1,)}.get(form, (STEPS, *batch))
        if channels:
            self.tensors["input"] = random(*frames, channels, *space)
        if form != "no states":
            self.tensors |= {s: random(1, *batch, HIDDEN, *space) for s in self.states}
        self.tensors["gradient of output"] = random(*frames, HIDDEN, *space)
        self.tensors |= {f"gradient of {s}": random(1, *batch, HIDDEN, *space) for s in self.states}
        self.inputs = [name for name in self.tensors if not name.startswith("gradient")]
        self.results = ["output", *(f"final {s}" for s in self.states), *(f"gradient of {n}" for n in self.inputs)]

    def run(self, tensors, kernel):
        """Output, final states, and gradients of everything that goes in."""
        given = {name: tensors[name].detach().requires_grad_() for name in self.inputs}
        hx = None if self.form == "no states" else tuple(given[s] for s in self.states)
        arguments, keywords = self.arguments(given.get("input")), {"hx": hx[0] if hx and len(hx) == 1 else hx}
        if self.form == "lengths":
            keywords["lengths"] = [STEPS - 1, STEPS]
        if self.form == "no input":
            keywords["steps"] = STEPS
        parameters = {name: given[name] for name, _ in self.layer.named_parameters()}
        with kernels.use(kernel), torch.set_grad_enabled(self.gradients):
            output, final = torch.func.functional_call(self.layer, parameters, arguments, keywords)
        output = output.data if isinstance(output, PackedSequence) else output
        results = [output, *(final if isinstance(final, tuple) else [final])]
        if not self.gradients:
            return results
        with kernels.use(kernel):
            gradients = torch.autograd.grad(
                results,
                list(given.values()),
                [tensors["gradient of output"], *(tensors[f"gradient of {s}"] for s in self.states)],
            )
        return [*results, *gradients]

    def arguments(self, input):
        if self.form != "packed":
            return (input,)
        sizes = [BATCH] * (STEPS - 1) + [BATCH - 1]
        return (PackedSequence(input, torch.tensor(sizes, device="cpu")),)


def differences(call, tolerance, kernel="sequence"):
    """What goes wrong, in words: each tensor in each form of memory."""
    with _choice.recording() as choices:
        call.run(call.tensors, kernel)
    assert {choice.kernel for choice in choices} == {"torch" if kernel == "auto" else kernel}
    found, plain = [], call.run(call.tensors, "reference")
    for name, tensor in call.tensors.items():
        if name.startswith("gradient") and not call.gradients:
            continue
        for layout in LAYOUTS:
            same = layout(tensor)
            expected = plain
            if layout in (expanded, expanded_last):
                expected = call.run(call.tensors | {name: same.clone().contiguous()}, "reference")
            try:
                results = call.run(call.tensors | {name: same}, kernel)
            except RuntimeError as error:
                found.append(f"{name}, {layout.__name__}: {error}")
                continue
            found += [
                f"{name}, {layout.__name__}: {fault}" for fault in faults(results, expected, tolerance, call.results)
            ]
    return found


def assert_none(differences):
    assert not differences, f"{len(differences)} differences:\n" + "\n".join(differences[:40])


@pytest.mark.parametrize("axes", SIZES)
@pytest.mark.parametrize("cell", CELLS)
def test_every_tensor_in_every_form_of_memory(cell, axes):
    assert_none(differences(Call(cell, axes, torch.float32), 1e-5))


@pytest.mark.parametrize("cell", ["RNN", "LSTM peephole", "GRU", "GRU before"])
def test_float64(cell):
    assert_none(differences(Call(cell, 2, torch.float64), 1e-12))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("cell", ["LSTM peephole", "GRU"])
def test_every_form_of_batch_and_of_convolution(cell, form):
    assert_none(differences(Call(cell, 2, torch.float32, form), 1e-5))


@pytest.mark.parametrize("form", ["padded", "packed"])
@pytest.mark.parametrize("cell", ["RNN", "LSTM", "GRU"])
def test_dense_layers_by_torchs_operator(cell, form):
    assert_none(differences(Call(cell, 0, torch.float32, form), 1e-5, "auto"))


def has_tiles():
    library = _library.loaded()
    return not isinstance(library, str) and library.tiles


@pytest.mark.skipif(not has_tiles(), reason="no matrix unit for bfloat16 (AMX), or no compiler")
@pytest.mark.parametrize("form", ["padded", "no states", "batch first", "unbatched", "redone"])
@pytest.mark.parametrize(("cell", "axes"), [("LSTM", 1), ("LSTM peephole", 2), ("LSTM peephole", 3)])
def test_a_pass_by_the_matrix_unit(cell, axes, form):
    assert_none(differences(Call(cell, axes, torch.float32, form), 1e-5, "tiles"))


@pytest.mark.parametrize("cell", ["LSTM peephole", "GRU"])
def test_triton(cell, device):
    if reason := _triton.why_not(device):
        pytest.skip(f"{reason}; TRITON_INTERPRET=1 takes them")
    assert_none(differences(Call(cell, 1, torch.float32), 1e-5, "triton"))


@pytest.mark.parametrize("cell", ["RNN", "LSTM peephole", "GRU", "GRU before"])
@pytest.mark.parametrize("large", [False, True], ids=["all steps at once", "step by step"])
def test_inference(cell, large, monkeypatch):
    """Where no gradient is recorded, the input of large frames is projected step by step."""
    monkeypatch.setattr(_input, "_WORTH_A_STEP", 0 if large else 2**62)
    call = Call(cell, 2, torch.float32)
    call.gradients = False
    assert_none(differences(call, 1e-5))
