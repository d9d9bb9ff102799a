"""What a run of the benchmark was asked for."""

from __future__ import annotations

import sys
from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """How to measure.

    Args:
        device: ``cpu`` or ``cuda``.
        rounds: rounds of interleaved timing, at least.
        seconds: time for the rounds of one comparison, at least.
        python: interpreter that has JAX, Keras and flax.
    """

    device: str = "cpu"
    rounds: int = 9
    seconds: float = 2.0
    python: str = sys.executable
