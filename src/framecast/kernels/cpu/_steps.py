"""The functions of `_pointwise` compiled from ``steps.c``: one pass over memory each, on the CPU.

What cannot be done in C (another type, device or layout, no compiler) is done by the plain function.
"""

from __future__ import annotations

import ctypes
from typing import NamedTuple

import torch
from torch import Tensor

from ..sequence import _pointwise
from . import _library as _compiled


class _Layout(NamedTuple):
    """What a step's tensor must be: of the data's type or of the state's, and of so many elements."""

    of_state: bool
    per_row: int  # times H
    fixed: int = 0  # times H


_H, _C = _Layout(False, 1), _Layout(True, 1)
_THREE, _FOUR = _Layout(False, 3), _Layout(False, 4)
_PEEPHOLE = _Layout(True, 0, 3)

# The steps in the order in which ``steps.c`` numbers them, and their tensors in the order of their arguments.
_STEPS = {
    "lstm": (_FOUR, _FOUR, _C, _PEEPHOLE, _H, _C),
    "lstm_state": (_FOUR, _C, _C),
    "lstm_backward": (_FOUR, _C, _C, _H, _H, _C, _PEEPHOLE, _FOUR, _H),
    "gru": (_THREE, _THREE, _H, _H, _H),
    "gru_backward": (_THREE, _H, _H, _H, _H, _C, _THREE, _THREE),
}
_NUMBERS = {step: number for number, step in enumerate(_STEPS)}
_TYPES = (torch.float32, torch.bfloat16)


def _run(step: str, gates: Tensor, *others: Tensor | None) -> bool:
    """Run the compiled step, if there is one and the tensors suit it."""
    library, data = _compiled.loaded(), gates.dtype
    if isinstance(library, str) or data not in _TYPES:
        return False
    layouts = _STEPS[step]
    rows, hidden = gates.shape[0], gates.shape[1] // layouts[0].per_row
    pointers: list[int | None] = []
    for tensor, (of_state, per_row, fixed) in zip((gates, *others), layouts, strict=True):
        if tensor is None:
            pointers.append(None)
        elif (
            tensor.dtype is (torch.float32 if of_state else data)
            and tensor.numel() == (rows * per_row + fixed) * hidden
            and tensor.is_contiguous()
            and tensor.is_cpu
        ):
            pointers.append(tensor.data_ptr())
        else:
            return False
    array = (ctypes.c_void_p * len(pointers))(*pointers)
    number, is_bf16 = _NUMBERS[step], data is torch.bfloat16
    library.functions.framecast_step(number, rows, hidden, is_bf16, _compiled.threads(), library.openmp, array)
    return True


def lstm(
    gates: Tensor, added: Tensor | None, c_prev: Tensor | None, peephole: Tensor | None, h: Tensor, c: Tensor
) -> None:
    """As `_pointwise.lstm`."""
    if not _run("lstm", gates, added, c_prev, peephole, h, c):
        _pointwise.lstm(gates, added, c_prev, peephole, h, c)


def lstm_state(gates: Tensor, c_prev: Tensor | None, c: Tensor) -> None:
    """As `_pointwise.lstm_state`."""
    if not _run("lstm_state", gates, c_prev, c):
        _pointwise.lstm_state(gates, c_prev, c)


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
    if not _run("lstm_backward", gates, c_prev, c, grad_h, added, grad_c, peephole, grad_gates, h):
        _pointwise.lstm_backward(gates, c_prev, c, grad_h, added, grad_c, peephole, grad_gates, h)


def gru(gates: Tensor, recurrent: Tensor | None, h_prev: Tensor | None, h: Tensor, hidden_n: Tensor) -> None:
    """As `_pointwise.gru`."""
    if not _run("gru", gates, recurrent, h_prev, h, hidden_n):
        _pointwise.gru(gates, recurrent, h_prev, h, hidden_n)


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
    if not _run("gru_backward", gates, hidden_n, h_prev, grad_h, added, carried, grad_gates, grad_recurrent):
        _pointwise.gru_backward(gates, hidden_n, h_prev, grad_h, added, carried, grad_gates, grad_recurrent)
