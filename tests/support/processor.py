"""Which of the ways through the kernels a run of the tests goes on this machine."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import torch

from framecast.kernels.cpu import _library

_ABILITIES = {"AVX2": "avx2", "AVX-512": "avx512f", "AVX-512 bfloat16": "avx512_bf16", "AMX": "amx_bf16"}


def describe(kernel: str | None) -> list[str]:
    """Lines for the top of a run.

    Args:
        kernel: the kernel that layers are asked to run with; None where the environment decides.
    """
    name, flags = _processor()
    has = [f"{'' if flag in flags else 'no '}{ability}" for ability, flag in _ABILITIES.items()]
    wanted = kernel or os.environ.get("FRAMECAST_KERNEL") or "auto"
    return [
        f"processor: {name} ({', '.join(has)}), {os.cpu_count()} cores",
        f"compiled code: {compiled()}",
        f"matrix unit: {tiles()}",
        f"layers: kernel {wanted}, {torch.get_num_threads()} thread{'s' * (torch.get_num_threads() > 1)} of PyTorch",
    ]


def compiled() -> str:
    """Whether there is compiled code and, if not, why."""
    reason = _library.why_not()
    return "yes" if reason is None else f"no ({reason})"


def tiles() -> str:
    """Whether convolutions go to the matrix unit, to an emulated one, or neither, and why."""
    library = _library.loaded()
    if isinstance(library, str):
        return "off (no compiled code)"
    if library.tiles:
        return "emulated" if _library.emulates_tiles() else "real"
    setting = os.environ.get("FRAMECAST_TILES")
    return f"off (FRAMECAST_TILES={setting})" if setting else "off (the processor or the system has none)"


def _processor() -> tuple[str, set[str]]:
    """Name and abilities, as Linux tells them."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor() or platform.machine(), set()
    fields = dict(line.split(":", 1) for line in text.split("\n\n")[0].splitlines() if ":" in line)
    named = {key.strip(): value.strip() for key, value in fields.items()}
    return named.get("model name", platform.machine()), set(named.get("flags", "").split())
