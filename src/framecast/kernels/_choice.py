"""The table of kernels, and the choice among them.

A kernel runs a whole stack of layers, or one pass of one layer in one direction, and gives the results of
:func:`framecast.functional.layer_pass`. Each says of a call whether it can take it and, if not, why.
"""

from __future__ import annotations

import functools
import importlib
import os
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

from ._again import run_reference
from ._call import Call, PassResult, StackResult, run_normal
from ._passes import first_pass
from ._torch_rnn import run_torch, torch_refuses

AUTO = "auto"
_VARIABLE = "FRAMECAST_KERNEL"
# `in os.environ` raises and catches an error where a variable is not set: 2 of a small dense layer's 100 microseconds.
_VARIABLES: Any = getattr(os.environ, "_data", os.environ)
_KEY: Any = _VARIABLE if _VARIABLES is os.environ else os.environ.encodekey(_VARIABLE)
Result = TypeVar("Result")


class KernelWarning(UserWarning):
    """The kernel that was asked for cannot run a call; another does."""


@dataclass(frozen=True, eq=False, repr=False)
class Kernel(Generic[Result]):
    """One way to run a call.

    Args:
        name: its name.
        about: what it is, in a few words.
        refuses: why it cannot take a call; None if it can.
        run: runs a call that it can take.
        automatic: whether ``"auto"`` may choose it.
        instead: the kernel that runs what this one was asked for and refuses.
        details: how it runs a call, for an explanation.
    """

    name: str
    about: str
    refuses: Callable[[Call], str | None]
    run: Callable[[Call], Result]
    automatic: bool = True
    instead: str = "reference"
    details: Callable[[Call], str] = lambda call: ""


def _of(module: str, name: str) -> Callable[[Call], Any]:
    """A function of a module that is imported at its first call: `import framecast` waits for no kernel's module."""

    @functools.cache
    def function() -> Callable[[Call], Any]:
        return getattr(importlib.import_module(module, __package__), name)

    return lambda call: function()(call)


STACK_KERNELS: tuple[Kernel[StackResult], ...] = (
    Kernel("torch", "the fused operator of torch.nn", torch_refuses, run_torch),
)
"""Kernels of a whole stack, the one to prefer first."""
PASS_KERNELS: tuple[Kernel[PassResult], ...] = (
    Kernel(
        "tiles",
        "an LSTM's pass as one function on the matrix unit",
        _of(".cpu._lstm", "tiles_refuse"),
        partial(run_normal, _of(".cpu._lstm", "run_tiles")),
        instead="sequence",
        details=_of(".cpu._passes", "tiles_details"),
    ),
    Kernel(
        "graphs",
        "the pass with steps in Triton, replayed from CUDA graphs",
        _of(".cuda._passes", "graphs_refuse"),
        _of(".cuda._passes", "run_graphs"),
        automatic=False,
        instead="triton",
    ),
    Kernel(
        "triton",
        "the sequence pass with steps in Triton",
        _of(".cuda._passes", "triton_refuses"),
        _of(".cuda._passes", "run_triton"),
    ),
    Kernel(
        "sequence",
        "all steps as one node with its own backward",
        _of(".sequence._refusals", "sequence_refuses"),
        partial(run_normal, _of(".cpu._passes", "run_compiled_sequence")),
        details=_of(".cpu._passes", "sequence_details"),
    ),
    Kernel("reference", "plain PyTorch, step by step", lambda call: None, run_reference),
)
"""Kernels of one pass, the one to prefer first; the last takes every pass."""
_ALL: tuple[Kernel[Any], ...] = (*STACK_KERNELS, *PASS_KERNELS)
KERNELS: Mapping[str, Kernel[Any]] = {kernel.name: kernel for kernel in _ALL}
"""All kernels by name."""


@dataclass(frozen=True)
class Choice:
    """The kernel chosen for a pass: its name, what it is, why the others cannot take the pass, and how it runs."""

    kernel: str
    about: str
    refused: tuple[tuple[str, str], ...]
    details: str = ""


_wanted: ContextVar[str | None] = ContextVar("framecast_kernel", default=None)
_choices: ContextVar[list[Choice] | None] = ContextVar("framecast_choices", default=None)
_warned: ContextVar[set[tuple[str, str]]] = ContextVar("framecast_warned", default=set())  # noqa: B039, of the process


def wanted() -> str:
    """The kernel asked for: by :func:`use`, else by the environment, else ``"auto"``."""
    name = _wanted.get()
    if name is None:
        name = _checked(os.environ[_VARIABLE] or AUTO, _VARIABLE) if _KEY in _VARIABLES else AUTO
    return name


@contextmanager
def use(kernel: str) -> Iterator[None]:
    """Run layers with one kernel; what it cannot take goes to another, with a warning that says why.

    The environment variable ``FRAMECAST_KERNEL`` does the same for a whole program.

    Args:
        kernel: a name in the table of kernels, or ``"auto"`` for the first that can take a call.

    Raises:
        ValueError: if there is no such kernel.

    Example:
        >>> from framecast import kernels, nn
        >>> layer = nn.ConvGRU2d(1, 2)
        >>> with kernels.use("reference"):
        ...     output, h_n = layer(torch.zeros(3, 1, 1, 8, 8))
    """
    name, warned = _wanted.set(_checked(kernel, "kernel")), _warned.set(set())
    try:
        yield
    finally:
        _wanted.reset(name)
        _warned.reset(warned)


def choose_for_stack(call: Call) -> Kernel[StackResult] | None:
    """The kernel that runs a whole stack; None if its passes are to be run one by one."""
    name = wanted()
    for kernel in STACK_KERNELS:
        if name in (AUTO, kernel.name):
            reason = kernel.refuses(call)
            if reason is None:
                if _choices.get() is not None:
                    _note_stack(kernel, call)
                return kernel
            if name != AUTO:
                _warn(kernel.name, reason, kernel.instead)
    return None


def choose_for_pass(call: Call, stack: Call) -> Kernel[PassResult]:
    """The kernel that runs a pass of a stack."""
    name = wanted()
    if name == AUTO:
        kernel = next(k for k in PASS_KERNELS if k.automatic and k.refuses(call) is None)
    else:
        kernel = _asked_for(name, call)
    if _choices.get() is not None:
        reasons = {k.name: k.refuses(stack) for k in STACK_KERNELS} | {k.name: k.refuses(call) for k in PASS_KERNELS}
        _note(kernel, kernel.details(call), reasons)
    return kernel


def _asked_for(name: str, call: Call) -> Kernel[PassResult]:
    """The kernel asked for, or the one that takes its place."""
    by_name = {kernel.name: kernel for kernel in PASS_KERNELS}
    kernel = by_name.get(name) or by_name[KERNELS[name].instead]
    first = kernel.refuses(call)
    if first is None:
        return kernel
    while kernel.refuses(call) is not None:
        kernel = by_name[kernel.instead]
    _warn(name, first, kernel.name)
    return kernel


def _warn(name: str, reason: str, instead: str) -> None:
    """Say once why the kernel asked for does not run a call."""
    warned = _warned.get()
    if (name, reason) not in warned:
        warned.add((name, reason))
        warnings.warn(f"kernel {name!r} cannot run this call ({reason}): {instead!r} runs it", KernelWarning)


@contextmanager
def recording() -> Iterator[list[Choice]]:
    """Collect the choices that are made."""
    choices: list[Choice] = []
    token = _choices.set(choices)
    try:
        yield choices
    finally:
        _choices.reset(token)


def _note_stack(kernel: Kernel[StackResult], call: Call) -> None:
    one = first_pass(call)
    reasons = {k.name: k.refuses(call) for k in STACK_KERNELS} | {k.name: k.refuses(one) for k in PASS_KERNELS}
    for _ in range(len(call.layers.specs) * call.layers.directions):
        _note(kernel, kernel.details(call), reasons)


def _note(kernel: Kernel[Any], details: str, reasons: Mapping[str, str | None]) -> None:
    choices = _choices.get()
    if choices is not None:
        refused = tuple((name, reason) for name, reason in reasons.items() if reason)
        choices.append(Choice(kernel.name, kernel.about, refused, details))


def _checked(name: str, source: str) -> str:
    if name != AUTO and name not in KERNELS:
        raise ValueError(f"`{source}` must be one of {', '.join(map(repr, (*KERNELS, AUTO)))}, got {name!r}")
    return name
