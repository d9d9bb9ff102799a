"""Pointwise steps on a GPU, each as one Triton kernel. Triton is imported when one of them first runs."""

from __future__ import annotations

import functools
import importlib
import importlib.util
import os
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor

from ..sequence._step import Step, plain_steps

# Elements per program: four warps, eight elements a thread, which in bfloat16 are one read of 16 bytes.
BLOCK = 1024
# Places that 32 bits can count.
PLACES = 2**31


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


def triton_steps(step: Step, *tensors: Tensor | None) -> None:
    """Run ``step`` as a Triton kernel; what there is no kernel for, or what it does not take, in plain PyTorch.

    A program works on elements of a matrix ``(R, H)``.
    """
    gates = tensors[0]
    suits = all(tensor is None or tensor.is_contiguous() for tensor in tensors)
    if not step.compiled or gates is None or gates.dtype == torch.float64 or not suits:
        plain_steps(step, *tensors)
        return
    hidden = gates.shape[1] // step.operands[0].width
    elements = gates.shape[0] * hidden
    if not elements:
        return
    # Places among four gates are the first to pass 32 bits; the last program reaches beyond the end.
    large = 4 * (elements + BLOCK) > PLACES
    launch = getattr(_kernels(), step.name)[(-(-elements // BLOCK),)]
    elsewhere = gates.is_cuda and gates.device.index != torch.cuda.current_device()
    with torch.cuda.device(gates.device) if elsewhere else nullcontext():
        # Triton 3.9 warns where fused multiply-add is left to its default.
        launch(*tensors, elements, hidden, BLOCK, large, enable_fp_fusion=True)


def _interpreted() -> bool:
    """Whether Triton was told to run kernels in its interpreter, which takes tensors on the CPU."""
    return os.environ.get("TRITON_INTERPRET", "0").lower() in ("1", "on", "true", "yes", "y")


@functools.cache
def _kernels() -> Any:
    """The module with the kernels, each named as its step."""
    return importlib.import_module("framecast.kernels.cuda._triton_kernels")
