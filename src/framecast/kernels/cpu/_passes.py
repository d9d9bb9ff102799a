"""Passes on a CPU: the sequence pass with steps in C where they suit, and how passes are run, in words."""

from __future__ import annotations

import torch

from .._call import Call, PassResult
from ..sequence._cells import PASSES
from ..sequence._node import run_sequence
from . import _library
from ._steps import TYPES, compiled_steps


def run_compiled_sequence(call: Call) -> PassResult:
    """Run a pass in normal form with steps in C, or in plain PyTorch where they do not suit."""
    return run_sequence(call, compiled_steps)


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
