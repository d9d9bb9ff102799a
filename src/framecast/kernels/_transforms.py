"""What may be at work around a call that only plain PyTorch can go through."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor


def transformed() -> bool:
    """Whether torch.func, forward mode, compilation, export or tracing is at work."""
    return (
        torch.compiler.is_compiling()
        or torch._C._get_tracing_state() is not None
        or torch._C._functorch.peek_interpreter_stack() is not None
        or torch.autograd.forward_ad._current_level >= 0
    )


def batched(gradients: Iterable[Tensor | None]) -> bool:
    """Whether gradients come many at once, as ``torch.autograd.grad(..., is_grads_batched=True)`` makes them."""
    return any(g is not None and "Batched" in repr(torch._C._dispatch_keys(g)) for g in gradients)
