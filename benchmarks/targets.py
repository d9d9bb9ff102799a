"""What is asked of our kernels, and whether it is met."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from .dense import Dense
from .growth import Growth
from .layers import FLOOR, TEXTBOOK, Entry
from .timing import Times
from .training import Training

OURS = "ours auto"
# Training step, float32, on a CPU, by case: time over the floor, and times faster than the textbook loop.
OVER_FLOOR = {"A": 1.5, "B": 1.10, "C": 1.12, "D": 1.10}
OVER_TEXTBOOK = {"A": 1.2, "B": 1.15, "C": 1.2, "D": 1.15}
INFERENCE_OVER_FLOOR = {"B": 1.15, "C": 1.15, "D": 1.15}
BFLOAT16_GAIN = {"B": 1.7, "C": 1.7, "D": 1.7}
# Held for the backward, as a share of the textbook loop's; the second of ours is with c and h computed anew.
HELD = ((OURS, 0.90), (OURS, 0.65), ("ours checkpoint=True", 0.40), ("ours checkpoint=5", 0.20))
GROWTH, DENSE = 8.6, 1.05
# On a GPU.
GPU_OVER_TEXTBOOK = {"A": 3.0, "B": 3.0, "E": 1.5, "F": 3.0}
GPU_OVER_COMPILED = 1.2
GPU_BFLOAT16_OVER_FLOOR = {"E": 1.25}


@dataclass
class Results:
    """All that was measured."""

    entries: list[Entry] = field(default_factory=list)
    growth: list[Growth] = field(default_factory=list)
    dense: list[Dense] = field(default_factory=list)
    training: list[Training] = field(default_factory=list)

    def entry(self, case: str, dtype: str, name: str) -> Entry | None:
        """One contender's entry, if there is one."""
        keyed = {(e.case, e.dtype, e.name): e for e in self.entries}
        return keyed.get((case, dtype, name))


class Target(NamedTuple):
    """One figure that is asked for."""

    what: str
    where: str
    value: float
    limit: float
    at_most: bool

    @property
    def met(self) -> bool:
        """Whether the value keeps the limit."""
        return self.value <= self.limit if self.at_most else self.value >= self.limit


def targets(results: Results, device: str) -> list[Target]:
    """The targets for which there are measurements."""
    found = [*(_on_cpu(results) if device == "cpu" else _on_gpu(results)), *_memory(results)]
    for row in results.growth:
        if row.name == OURS:
            for what in ("time", "held", "peak"):
                found.append(Target(f"growth of {what}, T=80 over T=10", row.case, getattr(row, what), GROWTH, True))
    for pair in results.dense:
        where = f"{pair.layer}, {pair.size}"
        found.append(Target("dense training step over torch.nn", where, ratio(pair.ours, pair.theirs), DENSE, True))
    return found


def ratio(a: Times, b: Times) -> float:
    """Of the medians."""
    return a.median / b.median


def _on_cpu(results: Results) -> Iterator[Target]:
    def training(entry: Entry) -> Times | None:
        return entry.training

    def inference(entry: Entry) -> Times | None:
        return entry.inference

    f32 = "float32"
    yield from _compared(results, "training step over the floor", OVER_FLOOR, training, (f32, OURS), (f32, FLOOR), True)
    yield from _compared(
        results, "training step, times faster than textbook", OVER_TEXTBOOK, training, (f32, TEXTBOOK), (f32, OURS)
    )
    yield from _compared(
        results, "inference over its floor", INFERENCE_OVER_FLOOR, inference, (f32, OURS), (f32, FLOOR), True
    )
    yield from _compared(
        results, "bfloat16, times faster than float32", BFLOAT16_GAIN, training, (f32, OURS), ("bfloat16", OURS)
    )


def _on_gpu(results: Results) -> Iterator[Target]:
    def training(entry: Entry) -> Times | None:
        return entry.training

    for dtype in ("float32", "bfloat16"):
        what, ours = f"training step, times faster than {{}}, {dtype}", (dtype, OURS)
        yield from _compared(results, what.format("textbook"), GPU_OVER_TEXTBOOK, training, (dtype, TEXTBOOK), ours)
        limits = dict.fromkeys(sorted({e.case for e in results.entries}), GPU_OVER_COMPILED)
        yield from _compared(
            results, what.format("textbook compiled"), limits, training, (dtype, "textbook compiled"), ours
        )
    half = "bfloat16"
    yield from _compared(
        results,
        "training step over the floor, bfloat16",
        GPU_BFLOAT16_OVER_FLOOR,
        training,
        (half, OURS),
        (half, FLOOR),
        True,
    )


def _compared(
    results: Results,
    what: str,
    limits: dict[str, float],
    times_of: Callable[[Entry], Times | None],
    one: tuple[str, str],
    other: tuple[str, str],
    at_most: bool = False,
) -> Iterator[Target]:
    """Targets on the ratio of two contenders' times, each given as data type and name."""
    for case, limit in limits.items():
        entries = [results.entry(case, *key) for key in (one, other)]
        times = [times_of(entry) for entry in entries if entry is not None]
        if len(times) == 2 and times[0] is not None and times[1] is not None:
            yield Target(what, case, ratio(times[0], times[1]), limit, at_most)


def _memory(results: Results) -> Iterator[Target]:
    for name, limit in HELD:
        for entry in results.entries:
            textbook = results.entry(entry.case, entry.dtype, TEXTBOOK)
            if entry.name == name and entry.dtype == "float32" and entry.memory and textbook and textbook.memory:
                share = entry.memory.held / textbook.memory.held
                yield Target(f"held for the backward over textbook, {name}", entry.case, share, limit, True)
