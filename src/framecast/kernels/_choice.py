"""The table of kernels, and the choice among them.

Every kernel runs one layer in one direction and gives the results of :func:`framecast.functional.layer_pass`; each says
of a call whether it can take it and, if not, why.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from framecast import functional
from framecast.functional import LayerSpec, State, Weights

from ._transforms import compute_type, transformed
from .cpu import _library as _compiled
from .cpu import _steps as _native
from .cuda import _steps as _triton
from .cuda._graphs import Graphs, Tensors
from .sequence._node import sequence_pass
from .sequence._passes import PASSES, GRUPass, LSTMPass

AUTO = "auto"
_VARIABLE = "FRAMECAST_KERNEL"
_TYPES = {"cpu": (torch.float32, torch.float64, torch.bfloat16)}
_GRAPHS = Graphs()
_CUDA_TYPES = (*_TYPES["cpu"], torch.float16)


@dataclass(frozen=True)
class Call:
    """One pass of one layer in one direction; see :func:`framecast.functional.layer_pass` for the arguments."""

    spec: LayerSpec
    weights: Weights
    data: Tensor | None
    batch_sizes: Sequence[int]
    state: State
    reverse: bool = False
    training: bool = False
    mask: Tensor | None = None
    zero_state: bool = False
    redo: bool = False

    @property
    def device(self) -> torch.device:
        """Where it runs."""
        return self.state[0].device

    @property
    def dtype(self) -> torch.dtype:
        """What its convolutions compute in."""
        return compute_type(self.weights.weight_hh)

    def tensors(self) -> list[Tensor]:
        """All of its tensors."""
        return [t for t in (self.data, *self.state, *self.weights.tensors.values()) if t is not None]


@dataclass(frozen=True)
class Kernel:
    """One way to run a layer pass.

    Args:
        name: its name.
        about: what it is, in a few words.
        refuses: why it cannot take a call; None if it can.
        run: the pass.
    """

    name: str
    about: str
    refuses: Callable[[Call], str | None]
    run: Callable[[Call], tuple[Tensor, State]]


def _takes_all(call: Call) -> str | None:
    return None


def _run_reference(call: Call) -> tuple[Tensor, State]:
    return functional.layer_pass(
        call.spec,
        call.weights,
        call.data,
        call.batch_sizes,
        call.state,
        reverse=call.reverse,
        training=call.training,
        mask=call.mask,
    )


def _sequence_refuses(call: Call) -> str | None:
    spec = call.spec
    padded = any(k > 1 for k in spec.recurrent.kernel_size)
    for wrong, reason in (
        (transformed(), "torch.func, forward mode, compilation, export, tracing or a dispatch mode is at work"),
        (spec.rule not in PASSES, f"the activations of {type(spec.rule).__name__} are not the default ones"),
        (spec.peephole not in (None, "channel"), f"`peephole` is {spec.peephole!r}"),
        (spec.proj_size, f"`proj_size` is {spec.proj_size}"),
        (spec.norm, "the gates are normalised (`norm`)"),
        (any(spec.zoneout), f"`zoneout` is {spec.zoneout}"),
        (call.training and spec.recurrent_dropout, "recurrent dropout is drawn"),
        (spec.recurrent.padding_mode != "zeros" and padded, f"`padding_mode` is {spec.recurrent.padding_mode!r}"),
    ):
        if wrong:
            return reason
    return _tensors_refuse(call)


def _tensors_refuse(call: Call) -> str | None:
    if any(type(t) not in (Tensor, torch.nn.Parameter) for t in call.tensors()):
        return "tensors of another class than torch.Tensor"
    if call.device.type not in ("cpu", "cuda"):
        return f"tensors are on {call.device}"
    if call.dtype not in (_CUDA_TYPES if call.device.type == "cuda" else _TYPES["cpu"]):
        return f"the type is {call.dtype}"
    if any(t.is_neg() for t in call.tensors()):
        return "a tensor is negated lazily"
    if not _fits(call):
        return "weights, input and states do not fit together"
    if 0 in call.state[0].shape or min(call.batch_sizes) == 0:
        return "there is an empty batch or frame"
    return None


def _fits(call: Call) -> bool:
    """Whether weights and states have the layer's shapes and one type, and the input its own; else PyTorch says so."""
    spec, weights, data = call.spec, call.weights.tensors, call.data
    h, shapes = call.state[0], spec.shapes()
    if any(value.shape != shapes.get(name) for name, value in weights.items()):
        return False
    if any(state.shape != (len(h), spec.hidden_size, *h.shape[2:]) for state in call.state):
        return False
    if data is not None and (data.shape[1] != spec.input_size or spec.input.output_size(data.shape[2:]) != h.shape[2:]):
        return False
    types = {t.dtype for t in (*weights.values(), *([] if data is None else [data]))}
    return len(types) == 1 or torch.is_autocast_enabled(call.device.type)


def _run_sequence(call: Call) -> tuple[Tensor, State]:
    return _sequence_with(call, _native)


def _triton_refuses(call: Call) -> str | None:
    return _triton.why_not(call.device) or _sequence_refuses(call)


def _run_triton(call: Call) -> tuple[Tensor, State]:
    if not _graphed.get() or torch.is_grad_enabled():
        return _sequence_with(call, _triton)

    def run(inputs: Tensors, weights: Tensors) -> tuple[Tensor, ...]:
        data, *state = inputs
        tensors = {name: tensor for name, tensor in zip(names, weights, strict=True) if tensor is not None}
        given = replace(call, data=data, state=tuple(s for s in state if s is not None), weights=Weights(tensors))
        output, final = _sequence_with(given, _triton)
        return output, *final

    names, tensors = zip(*call.weights.tensors.items(), strict=True)
    name = (call.spec, tuple(call.batch_sizes), call.reverse, call.zero_state)
    output, *final = _GRAPHS(run, name, (call.data, *call.state), tensors)
    return output, tuple(final)


def _sequence_with(call: Call, steps: object) -> tuple[Tensor, State]:
    return sequence_pass(
        call.spec,
        call.weights,
        call.data,
        call.batch_sizes,
        call.state,
        reverse=call.reverse,
        zero_state=call.zero_state,
        redo=call.redo,
        steps=steps,
    )


KERNELS = {
    kernel.name: kernel
    for kernel in (
        Kernel("triton", "the sequence pass with Triton's pointwise steps", _triton_refuses, _run_triton),
        Kernel("sequence", "all steps as one node with its own backward", _sequence_refuses, _run_sequence),
        Kernel("reference", "plain PyTorch, step by step", _takes_all, _run_reference),
    )
}
"""By name, the one to prefer first; the last takes every call."""


@dataclass(frozen=True)
class Choice:
    """What was chosen for a pass: the kernel's name, what it is, why the others cannot take it, and how it runs."""

    kernel: str
    about: str
    refused: tuple[tuple[str, str], ...]
    details: str = ""


_wanted: ContextVar[str | None] = ContextVar("framecast_kernel", default=None)
_graphed: ContextVar[bool] = ContextVar("framecast_graphs", default=False)
_record: ContextVar[list[Choice] | None] = ContextVar("framecast_choices", default=None)


def wanted() -> str:
    """The kernel asked for: by :func:`use`, else by the environment, else ``"auto"``."""
    return _wanted.get() or _checked(os.environ.get(_VARIABLE) or AUTO, _VARIABLE)


@contextmanager
def use(kernel: str, *, graphs: bool = False) -> Iterator[None]:
    """Run layers with one kernel; what it cannot take goes to the reference.

    The environment variable ``FRAMECAST_KERNEL`` does the same for a whole program.

    Args:
        kernel: ``"reference"``, ``"sequence"``, ``"triton"``, or ``"auto"`` for the first that can take a call.
        graphs: replay Triton's passes over small frames from CUDA graphs, where no gradient is recorded. Parameters
            are read where they are; inputs and outputs are copied.

    Raises:
        ValueError: if there is no such kernel.

    Example:
        >>> from framecast import kernels, nn
        >>> layer = nn.ConvGRU2d(1, 2)
        >>> with kernels.use("reference"):
        ...     output, h_n = layer(torch.zeros(3, 1, 1, 8, 8))
    """
    token, graphed = _wanted.set(_checked(kernel, "kernel")), _graphed.set(graphs)
    try:
        yield
    finally:
        _wanted.reset(token)
        _graphed.reset(graphed)


def choose(call: Call) -> Kernel:
    """The kernel that runs a call."""
    name = wanted()
    able = (k for k in KERNELS.values() if name in (AUTO, k.name) and k.refuses(call) is None)
    kernel = next(able, KERNELS["reference"])
    if _record.get() is not None:
        reasons = ((other.name, other.refuses(call)) for other in KERNELS.values())
        details = _details(call) if kernel.run is _run_sequence else ""
        record(kernel.name, kernel.about, tuple((name, reason) for name, reason in reasons if reason), details)
    return kernel


def _details(call: Call) -> str:
    """How the sequence pass runs a call on a CPU."""
    library = _compiled.loaded()
    if call.device.type != "cpu":
        return ""
    if isinstance(library, str):
        return f"steps in plain PyTorch ({library})"
    in_c = PASSES[call.spec.rule] in (LSTMPass, GRUPass) and call.dtype in (torch.float32, torch.bfloat16)
    details = "steps in C" if in_c else "steps in plain PyTorch"
    convolutions = call.spec.input.axes > 0 and call.spec.recurrent.groups == 1 and call.dtype == torch.float32
    unit = "emulated" if _compiled.emulates_tiles() else "AMX"
    return details + f", convolutions by the matrix unit ({unit})" * (library.tiles and convolutions)


@contextmanager
def recording() -> Iterator[list[Choice]]:
    """Collect the choices that are made."""
    choices: list[Choice] = []
    token = _record.set(choices)
    try:
        yield choices
    finally:
        _record.reset(token)


def record(kernel: str, about: str, refused: tuple[tuple[str, str], ...] = (), details: str = "") -> None:
    """Note a choice, where someone collects them."""
    choices = _record.get()
    if choices is not None:
        choices.append(Choice(kernel, about, refused, details))


def _checked(name: str, source: str) -> str:
    if name != AUTO and name not in KERNELS:
        raise ValueError(f"`{source}` must be one of {', '.join(map(repr, (*KERNELS, AUTO)))}, got {name!r}")
    return name
