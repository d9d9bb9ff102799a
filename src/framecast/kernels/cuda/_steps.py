"""The pointwise part of a step on a GPU, each function as one Triton kernel.

The functions have the names, arguments and results of `_pointwise`. Triton is imported when one of them first runs.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import os
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor

from ..sequence import _pointwise

# Elements per program: four warps, eight elements a thread, which in bfloat16 are one read of 16 bytes.
BLOCK = 1024
# Places that 32 bits can count.
PLACES = 2**31


def available(device: torch.device | str) -> bool:
    """Whether the kernels run on ``device``."""
    return why_not(device) is None


def why_not(device: torch.device | str) -> str | None:
    """Why the kernels do not run on ``device``; None if they do.

    Example:
        >>> why_not("cpu")
        'tensors are on the CPU'
    """
    device = torch.device(device)
    if device.type == "cpu" and not _interpreted():
        return "tensors are on the CPU"
    if device.type not in ("cpu", "cuda"):
        return f"tensors are on a device of type {device.type}"
    if importlib.util.find_spec("triton") is None:
        return "triton is not installed"
    if device.type == "cuda" and torch.version.hip is None:
        major, minor = torch.cuda.get_device_capability(device)
        if major < 7:
            return f"the GPU's compute capability (={major}.{minor}) is below 7.0"
    return None


def lstm(
    gates: Tensor, added: Tensor | None, c_prev: Tensor | None, peephole: Tensor | None, h: Tensor, c: Tensor
) -> None:
    """As `_pointwise.lstm`."""
    _run("lstm", h, gates, added, c_prev, peephole, h, c)


def lstm_state(gates: Tensor, c_prev: Tensor | None, c: Tensor) -> None:
    """As `_pointwise.lstm_state`."""
    _run("lstm_state", c, gates, c_prev, c)


def lstm_backward(
    gates: Tensor,
    c_prev: Tensor | None,
    c: Tensor,
    grad_h: Tensor | None,
    added: Tensor | None,
    grad_c: Tensor,
    peephole: Tensor | None,
    grad_gates: Tensor,
    h: Tensor | None,
) -> None:
    """As `_pointwise.lstm_backward`."""
    _run("lstm_backward", c, gates, c_prev, c, grad_h, added, grad_c, peephole, grad_gates, h)


def gru(gates: Tensor, recurrent: Tensor | None, h_prev: Tensor | None, h: Tensor, hidden_n: Tensor) -> None:
    """As `_pointwise.gru`."""
    _run("gru", h, gates, recurrent, h_prev, h, hidden_n)


def gru_backward(
    gates: Tensor,
    hidden_n: Tensor,
    h_prev: Tensor | None,
    grad_h: Tensor | None,
    added: Tensor | None,
    carried: Tensor,
    grad_gates: Tensor,
    grad_recurrent: Tensor,
) -> None:
    """As `_pointwise.gru_backward`."""
    _run("gru_backward", carried, gates, hidden_n, h_prev, grad_h, added, carried, grad_gates, grad_recurrent)


def _run(name: str, filled: Tensor, *arguments: Tensor | None) -> None:
    """Run the kernel ``name`` over the elements of the matrix ``filled (R, H)``; what it does not take, plainly."""
    if filled.dtype == torch.float64 or not all(tensor is None or tensor.is_contiguous() for tensor in arguments):
        getattr(_pointwise, name)(*arguments)
        return
    elements = filled.numel()
    if not elements:
        return
    # Places among four gates are the first to pass 32 bits; the last program reaches beyond the end.
    large = 4 * (elements + BLOCK) > PLACES
    launch = getattr(_kernels(), name)[(-(-elements // BLOCK),)]
    elsewhere = filled.is_cuda and filled.device.index != torch.cuda.current_device()
    with torch.cuda.device(filled.device) if elsewhere else nullcontext():
        # Triton 3.9 warns where fused multiply-add is left to its default.
        launch(*arguments, elements, filled.shape[1], BLOCK, large, enable_fp_fusion=True)


def _interpreted() -> bool:
    """Whether Triton was told to run kernels in its interpreter, which takes tensors on the CPU."""
    return os.environ.get("TRITON_INTERPRET", "0").lower() in ("1", "on", "true", "yes", "y")


@functools.cache
def _kernels() -> Any:
    return importlib.import_module("framecast.kernels.cuda._triton_kernels")
