"""What may be at work around a call that only plain PyTorch can go through."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

HALF_TYPES = (torch.bfloat16, torch.float16)


def transformed() -> bool:
    """Whether torch.func, forward mode, compilation, export, tracing or a mode that sees operations is at work."""
    return (
        torch.compiler.is_compiling()
        or torch._C._get_tracing_state() is not None
        or torch._C._functorch.peek_interpreter_stack() is not None
        or torch.autograd.forward_ad._current_level >= 0
        or (torch._C._len_torch_dispatch_stack() > 0 and not _only_observed())
    )


def _only_observed() -> bool:
    """Whether all dispatch modes say that they change and keep nothing, by an attribute ``observes_only``."""
    modes = map(torch._C._get_dispatch_stack_at, range(torch._C._len_torch_dispatch_stack()))
    return all(getattr(mode, "observes_only", False) for mode in modes)


def compute_type(weight: Tensor) -> torch.dtype:
    """The type in which a convolution with this weight computes: autocast's, where it is on, but for float64."""
    if weight.dtype == torch.float64 or not torch.is_autocast_enabled(weight.device.type):
        return weight.dtype
    return torch.get_autocast_dtype(weight.device.type)


def batched(gradients: Iterable[Tensor | None]) -> bool:
    """Whether gradients come many at once, as ``torch.autograd.grad(..., is_grads_batched=True)`` makes them."""
    return any(g is not None and "Batched" in repr(torch._C._dispatch_keys(g)) for g in gradients)
