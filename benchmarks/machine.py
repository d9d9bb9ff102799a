"""What the measurements ran on, and the surroundings that all contenders share."""

from __future__ import annotations

import datetime
import os
import platform
import re
import subprocess
import sys
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parents[1]

# The C library's allocator: as it comes, or told to keep freed memory. Fresh pages of large tensors cost more than the
# arithmetic on them, so what is compared must run under the same setting.
ALLOCATORS = {"default": {}, "keep": {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(2**36)}}


def use_allocator(name: str, arguments: list[str]) -> None:
    """Start this program anew, with these arguments, unless its allocator is set already: it is read at the start."""
    names = {variable for setting in ALLOCATORS.values() for variable in setting}
    others = {variable: value for variable, value in os.environ.items() if variable not in names}
    wanted = others | ALLOCATORS[name] | {"KINETO_LOG_LEVEL": "99"}  # the profiler announces itself otherwise
    if wanted != dict(os.environ):
        sys.stdout.flush()
        os.execve(sys.executable, [sys.executable, "-m", "benchmarks", *arguments], wanted)


def device_name(device: str) -> str:
    """Name of the processor or of the GPU."""
    if device != "cpu":
        return torch.cuda.get_device_name()
    information = Path("/proc/cpuinfo")
    found = re.search(r"model name\s*: (.*)", information.read_text()) if information.is_file() else None
    return found[1] if found else platform.processor() or platform.machine()


def slug(device: str) -> str:
    """Name of the device for a file: ``cpu``, or for example ``nvidia-h200``."""
    return "cpu" if device == "cpu" else re.sub(r"[^a-z0-9]+", "-", device_name(device).lower()).strip("-")


def description(device: str, allocator: str) -> str:
    """The machine, the versions and the settings, in one sentence."""
    parts = [device_name(device), f"{os.cpu_count()} cores", f"{torch.get_num_threads()} threads"]
    if device == "cpu":
        parts += [f"bfloat16 {_bfloat16_units()}", f"allocator `{allocator}`"]
    parts += [f"torch {torch.__version__}", f"Python {platform.python_version()}", f"commit {_commit()}"]
    return ", ".join([*parts, datetime.date.today().isoformat()])


def _bfloat16_units() -> str:
    information = Path("/proc/cpuinfo")
    flags = information.read_text().split() if information.is_file() else []
    units = [name for flag, name in (("amx_bf16", "AMX"), ("avx512_bf16", "AVX-512")) if flag in flags]
    return "in " + " and ".join(units) if units else "emulated"


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty"]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return found.stdout.strip() or "unknown"
