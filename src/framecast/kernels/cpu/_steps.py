"""Pointwise steps compiled from ``steps.c``: one pass over memory each, on the CPU.

What cannot be done in C (another type, device or layout, no compiler) is done by the step's plain form.
"""

from __future__ import annotations

import ctypes
import functools

import torch
from torch import Tensor

from ..sequence._step import Step, plain_steps
from . import _library

TYPES = (torch.float32, torch.bfloat16)
"""Types of data that the compiled steps take."""


def compiled_steps(step: Step, *tensors: Tensor | None) -> None:
    """Run ``step`` in C where its operands suit, else in plain PyTorch."""
    if not run_compiled(step, *tensors):
        plain_steps(step, *tensors)


def run_compiled(step: Step, *tensors: Tensor | None) -> bool:
    """Run ``step`` in C, if there is a compiled form and its operands suit; whether it was run."""
    library, gates = _library.loaded(), tensors[0]
    if isinstance(library, str) or not step.compiled or gates is None or gates.dtype not in TYPES:
        return False
    data, (rows, columns) = gates.dtype, gates.shape
    hidden = columns // step.operands[0].width
    addresses: list[int | None] = []
    for (of_state, per_row, besides), tensor in zip(step.forms, tensors, strict=True):
        if tensor is None:
            addresses.append(None)
        elif (
            tensor.dtype is (torch.float32 if of_state else data)
            and tensor.numel() == (rows * per_row + besides) * hidden
            and tensor.is_contiguous()
            and tensor.is_cpu
        ):
            addresses.append(tensor.data_ptr())
        else:
            return False
    array = (ctypes.c_void_p * len(addresses))(*addresses)
    number, is_bf16 = _numbers()[step.signature], data is torch.bfloat16
    library.functions.framecast_step(number, rows, hidden, is_bf16, _library.threads(), library.openmp, array)
    return True


@functools.cache
def _numbers() -> dict[str, int]:
    """The number of every compiled step, by its signature."""
    signature = _library.library().functions.framecast_step_signature
    numbers: dict[str, int] = {}
    while (text := signature(len(numbers))) is not None:
        numbers[text.decode()] = len(numbers)
    return numbers
