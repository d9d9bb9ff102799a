"""Other libraries as contenders: their processes, seen from here."""

from __future__ import annotations

import os
import selectors
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType

import numpy as np
import torch
from torch import Tensor

from .agreement import results
from .cases import Case, Weights, draw_input, draw_weights
from .libraries import INFERENCE, ON_TORCH, TRAINING_STEP
from .machine import ROOT

LIMIT = 60.0  # seconds for any one answer
# Rounds of timing, and the seconds after which there is no further one.
ROUNDS, BUDGET = 3, 10.0

# A library takes a GPU where it sees one, and JAX all of its memory unless told otherwise.
_SURROUNDINGS = {
    "cpu": {"CUDA_VISIBLE_DEVICES": "", "JAX_PLATFORMS": "cpu"},
    "cuda": {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"},
}


class PeerError(RuntimeError):
    """A library is not there, failed or took too long."""


class Peer:
    """A library's layer in a process of its own, idle until it is asked.

    Args:
        name: one of `benchmarks.libraries.LIBRARIES`.
        case: sizes of the layer.
        python: interpreter that has JAX and what is built on it; a library on torch runs in this one.
        device: ``cpu`` or ``cuda``.
        limit: seconds that any answer may take.
    """

    def __init__(
        self, name: str, case: Case, python: str = sys.executable, device: str = "cpu", limit: float = LIMIT
    ) -> None:
        self.name, self.limit = name, limit
        self._folder = tempfile.TemporaryDirectory()
        folder = Path(self._folder.name)
        arrays = {key: value.numpy() for key, value in draw_weights(case)._asdict().items()}
        np.savez(folder / "problem.npz", input=draw_input(case).numpy(), **arrays)
        with (folder / "errors").open("w") as errors:
            self._process = subprocess.Popen(
                [sys.executable if name in ON_TORCH else python, "-m", "benchmarks.libraries", name, str(folder)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                cwd=ROOT,
                env={**os.environ, **_SURROUNDINGS[device], "OMP_NUM_THREADS": str(torch.get_num_threads())},
            )

    def __enter__(self) -> Peer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()
        self._folder.cleanup()

    def start(self) -> tuple[float, dict[str, Tensor]]:
        """Seconds of the first training step and inference together, compilation included, and their results.

        Raises:
            PeerError: if there are none.
        """
        seconds = self._answer()
        with np.load(Path(self._folder.name) / "results.npz") as arrays:
            output, *gradients = (torch.from_numpy(arrays[name].copy()) for name in ("output", *Weights._fields))
        return seconds, results(output, Weights(*gradients))

    def training_step(self) -> float:
        """Seconds of a training step."""
        return self._ask(TRAINING_STEP)

    def inference(self) -> float:
        """Seconds of a forward pass."""
        return self._ask(INFERENCE)

    def _ask(self, what: str) -> float:
        assert self._process.stdin is not None
        self._process.stdin.write(what + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> float:
        assert self._process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            ready = selector.select(self.limit)
        line = self._process.stdout.readline() if ready else ""
        if line:
            return float(line)
        if not ready:
            self._process.kill()
            raise PeerError(f"over {self.limit:g} s")
        errors = (Path(self._folder.name) / "errors").read_text().strip().splitlines() or ["no answer"]
        raise PeerError("not installed" if "ModuleNotFoundError" in errors[-1] else f"failed: {errors[-1][:100]}")
