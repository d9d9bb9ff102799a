"""How kernels run a call on a CPU, in words."""

from __future__ import annotations

import torch

from .._call import Call
from ..sequence._cells import PASSES
from . import _library
from ._steps import TYPES


def tiles_details(call: Call) -> str:
    """Say which matrix unit runs a pass of an LSTM."""
    return f"all of it by the matrix unit ({_unit()})"


def sequence_details(call: Call) -> str:
    """Say what runs the steps and the convolutions of a pass that the sequence pass takes; nothing on a GPU."""
    library, spec = _library.loaded(), call.spec
    if call.device.type != "cpu":
        return ""
    if isinstance(library, str):
        return f"steps in plain PyTorch ({library})"
    in_c = all(step.compiled for step in PASSES[spec.rule].steps) and call.dtype in TYPES
    steps = "steps in C" if in_c else "steps in plain PyTorch"
    if not library.tiles or spec.input.axes == 0 or spec.recurrent.groups > 1 or call.dtype != torch.float32:
        return steps
    return f"{steps}, convolutions by the matrix unit ({_unit()})"


def _unit() -> str:
    return "emulated" if _library.emulates_tiles() else "AMX"
