"""Detects what only plain PyTorch can go through: torch.func, compilers, modes around a call, batched gradients."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor
from torch._C import _get_tracing_state, _len_torch_dispatch_stack
from torch._C._functorch import peek_interpreter_stack
from torch.autograd import forward_ad


def transforms_active() -> bool:
    """Whether torch.func, forward mode, compilation, export, tracing or a mode that sees operations is at work."""
    return torch.compiler.is_compiling() or modes_active()


def modes_active() -> bool:
    """The same where nothing is compiled or exported, as is known inside :func:`framecast.kernels.run`."""
    return (
        _get_tracing_state() is not None
        or peek_interpreter_stack() is not None
        or forward_ad._current_level >= 0
        or (_len_torch_dispatch_stack() > 0 and not _modes_only_observe())
    )


def _modes_only_observe() -> bool:
    """Whether all dispatch modes say that they change and keep nothing, by an attribute ``observes_only``."""
    modes = map(torch._C._get_dispatch_stack_at, range(_len_torch_dispatch_stack()))
    return all(getattr(mode, "observes_only", False) for mode in modes)


def are_batched(gradients: Iterable[Tensor | None]) -> bool:
    """Whether gradients come many at once, as ``torch.autograd.grad(..., is_grads_batched=True)`` makes them."""
    return any(g is not None and "Batched" in repr(torch._C._dispatch_keys(g)) for g in gradients)
