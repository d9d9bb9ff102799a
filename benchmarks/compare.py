"""Two versions of the package side by side: ``python -m benchmarks.compare OLD_SOURCE [NEW_SOURCE]``.

A source is a folder that holds ``framecast``, as ``src`` does. Each version runs in a process of its own, and the two
take short turns, so that whatever else the machine does falls on both. A ratio is the median, over all turns, of the
new version's time by that of the old one in the same turn; beside it stands half the distance between its quartiles.
Time is that of the processor, not of the clock: with one thread a busy machine then has little say.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import torch

from .cases import CASES, draw_input

ROOT = Path(__file__).parents[1]
DENSE = {"small": (20, 8, 16, 32), "large": (50, 32, 128, 256)}
SLICE = 0.05  # seconds that a turn of one version takes at least
IMPORT = "import of framecast.nn"


class Ratio(NamedTuple):
    """Time of the new version by that of the old one: median, and half the distance between the quartiles."""

    median: float
    spread: float
    seconds: float


def actions() -> dict[str, Callable[[], object]]:
    """What is timed, by name, with the package that is imported in this process."""
    from framecast import nn  # of the version that runs here

    table: dict[str, Callable[[], object]] = {}

    def add(name: str, layer: torch.nn.Module, x: torch.Tensor) -> None:
        def infer() -> None:
            with torch.no_grad():
                layer(x)

        def train() -> None:
            layer.zero_grad(set_to_none=True)
            layer(x)[0].sum().backward()

        table[f"{name} inference"], table[f"{name} training"] = infer, train

    torch.manual_seed(0)
    for size, (steps, batch, channels, hidden) in DENSE.items():
        for kind in (nn.LSTM, nn.GRU):
            add(f"{kind.__name__} {size}", kind(channels, hidden), torch.randn(steps, batch, channels))
    for case in (CASES[name] for name in "ABCD"):
        for kind in (nn.ConvLSTM2d, nn.ConvGRU2d):
            layer = kind(case.channels, case.hidden, kernel_size=case.kernel)
            add(f"{kind.__name__} {case.name}", layer, draw_input(case))
    return table


def work() -> None:
    """Answer each line of the input, the name of an action, with the seconds that one run of it takes."""
    table = actions()
    for line in sys.stdin:
        run = table[line.strip()]
        count, start = 0, time.process_time()
        while count < 1 or time.process_time() - start < SLICE:
            run()
            count += 1
        print((time.process_time() - start) / count, flush=True)


class Worker:
    """A process that runs one version."""

    def __init__(self, source: Path, threads: int) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.compare", "--worker", str(source)],
            cwd=ROOT, env=environment(source, threads), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def seconds(self, action: str) -> float:
        """Time of one run of an action."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(action, file=self.process.stdin, flush=True)
        return float(self.process.stdout.readline())

    def stop(self) -> None:
        """End the process."""
        self.process.communicate()


def environment(source: Path, threads: int) -> dict[str, str]:
    """Environment in which Python imports the package from ``source``."""
    return os.environ | {"PYTHONPATH": str(source.resolve()), "OMP_NUM_THREADS": str(threads)}


def import_seconds(source: Path, threads: int) -> float:
    """Time of ``import framecast.nn``, compiled before, in a new process that has imported torch."""
    code = "import time, torch; start = time.process_time(); import framecast.nn; print(time.process_time() - start)"
    command = [sys.executable, "-c", code]
    variables = environment(source, threads) | {"PYTHONPYCACHEPREFIX": str(Path(tempfile.gettempdir()) / "compare")}
    variables.pop("PYTHONDONTWRITEBYTECODE", None)
    return float(subprocess.check_output(command, cwd=ROOT, env=variables, text=True))


def ratio(old: Sequence[float], new: Sequence[float]) -> Ratio:
    """Compare the times of two versions, turn by turn."""
    ratios = [b / a for a, b in zip(old, new, strict=True)]
    low, middle, high = statistics.quantiles(ratios, n=4, method="inclusive")
    return Ratio(middle, (high - low) / 2, statistics.median(new))


def turns(measure: Sequence[Callable[[], float]], rounds: int) -> Ratio:
    """Time the old and the new version turn about, either first as often."""
    seconds: list[list[float]] = [[], []]
    for k in range(rounds):
        for version in (0, 1) if k % 2 else (1, 0):
            seconds[version].append(measure[version]())
    return ratio(*seconds)


def main(arguments: Sequence[str]) -> None:
    """Compare two versions and print the ratios."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compare", description=__doc__)
    parser.add_argument("old", type=Path, help="source folder of the old version")
    parser.add_argument("new", type=Path, nargs="?", default=ROOT / "src", help="and of the new one; src by default")
    parser.add_argument("--rounds", type=int, default=40, help="turns of every action")
    parser.add_argument("--threads", type=int, default=1, help="threads of each version")
    parser.add_argument("--only", nargs="*", default=[], help="words of the names of the actions to time")
    options = parser.parse_args(arguments)
    sources = (options.old, options.new)
    names = [name for name in (*actions(), IMPORT) if all(word in name for word in options.only)]
    workers = [Worker(source, options.threads) for source in sources]
    print(f"{'new / old':32} {'ratio':>6} {'spread':>7} {'milliseconds':>13}")
    try:
        for name in names:
            if name == IMPORT:
                measure = [lambda source=source: import_seconds(source, options.threads) for source in sources]
            else:
                measure = [lambda worker=worker, name=name: worker.seconds(name) for worker in workers]
            for one in random.sample(measure, 2):  # the first run of each does not count
                one()
            result = turns(measure, options.rounds)
            print(f"{name:32} {result.median:6.3f} {result.spread:7.3f} {1000 * result.seconds:13.3f}", flush=True)
    finally:
        for worker in workers:
            worker.stop()


if __name__ == "__main__":
    work() if sys.argv[1:2] == ["--worker"] else main(sys.argv[1:])
