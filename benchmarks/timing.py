"""Interleaved timing: every round runs every action once, each round in an order of its own."""

from __future__ import annotations

import gc
import math
import random
import statistics
import time
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import torch

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True)
class Times:
    """Seconds of one action in all rounds."""

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """Their median."""
        return statistics.median(self.seconds)

    @property
    def spread(self) -> float:
        """Half the distance between the quartiles, as a share of the median."""
        if len(self.seconds) < 3:
            return (max(self.seconds) - min(self.seconds)) / 2 / self.median
        low, _, high = statistics.quantiles(self.seconds, n=4, method="inclusive")
        return (high - low) / 2 / self.median


@dataclass(frozen=True)
class Action:
    """Something to time.

    Args:
        run: does it once and returns the seconds it took; None if it failed and is to be left out from now on.
        most: rounds after which it is left out.
        budget: seconds of timed runs after which it is left out.
    """

    run: Callable[[], float | None]
    most: int | None = None
    budget: float = math.inf


def timed(function: Callable[[], object], device: str = "cpu") -> Callable[[], float]:
    """A function that calls ``function`` and returns the seconds until its work is done."""

    def run() -> float:
        _wait(device)
        start = time.perf_counter()
        function()
        _wait(device)
        return time.perf_counter() - start

    return run


def interleave(actions: Mapping[Key, Action], rounds: int, seconds: float = 0.0, warmup: int = 2) -> dict[Key, Times]:
    """Time all actions turn about.

    Args:
        actions: what to time, by name.
        rounds: how often each is timed at least.
        seconds: go on for at least so long, up to ten times the rounds: short actions need more of them.
        warmup: rounds before the first that counts, of those that run in every round.

    Returns:
        The times of every action that was timed at all.
    """
    names, failed = list(actions), set()
    found: dict[Key, list[float]] = {name: [] for name in names}
    end, k = math.inf, -warmup
    while k < rounds or (k < 10 * rounds and time.perf_counter() < end):
        if k == 0:
            end = time.perf_counter() + seconds
        gc.collect()
        gc.disable()
        try:
            for name in random.Random(k).sample(names, len(names)):
                action = actions[name]
                over = sum(found[name]) >= action.budget or (action.most is not None and not 0 <= k < action.most)
                if name in failed or over:
                    continue
                elapsed = action.run()
                if elapsed is None:
                    failed.add(name)
                elif k >= 0:
                    found[name].append(elapsed)
        finally:
            gc.enable()
        k += 1
    return {name: Times(tuple(values)) for name, values in found.items() if values and name not in failed}


def _wait(device: str) -> None:
    if device != "cpu":
        torch.cuda.synchronize()
