"""``python -m benchmarks``: check that all contenders agree, then measure them."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from . import report
from .breakdown import breakdown
from .cases import CASES, ON_CPU, ON_GPU
from .chart import draw
from .contenders import CONTENDERS
from .dense import LAYERS, SIZES, dense
from .growth import growth
from .layers import DEFAULT, FLOOR, compare
from .libraries import LIBRARIES
from .machine import ALLOCATORS, description, slug, use_allocator
from .settings import Settings
from .targets import OURS, Results, targets
from .training import PRECISIONS, training

PARTS = ("layers", "growth", "dense", "training")
DTYPES = ("float32", "bfloat16")
GROWTH_CASES = ("A", "B")


def main(arguments: Sequence[str]) -> int:
    """Measure what the arguments ask for; the exit code is 1 if a contender disagrees."""
    options = _parser().parse_args(arguments)
    use_allocator(options.allocator, list(arguments))
    if options.threads:
        torch.set_num_threads(options.threads)
    machine = description(options.device, options.allocator)
    print(machine, end="\n\n", flush=True)
    if options.profile:
        for dtype in options.dtypes:
            print(breakdown(CASES[options.profile], (options.contenders or [OURS])[0], dtype, options.device), "\n")
        return 0
    settings = Settings(options.device, options.rounds, options.seconds, options.python)
    if options.quick:
        settings = Settings(options.device, 1, 0.0, options.python)
    results = Results()
    for part in options.parts:
        _MEASURE[part](options, settings, results)
    found = targets(results, options.device)
    if found:
        print(report.targets_table(found))
    if options.output:
        stem = f"speed-{slug(options.device)}"
        options.output.mkdir(parents=True, exist_ok=True)
        if results.entries:
            draw(results.entries, options.output / f"{stem}.png")
        text = report.page(results, found, machine, _command(arguments), f"{stem}.png")
        report.write_page(options.output / f"{stem}.md", text)
    return int(any(entry.disagrees for entry in results.entries))


def _command(arguments: Sequence[str]) -> str:
    """The call for others to repeat, without what is this machine's own."""
    shown = list(arguments)
    for option in ("--python", "--output"):
        if option in shown:
            start = shown.index(option)
            del shown[start : start + 2]
    return shlex.join(["python", "-m", "benchmarks", *shown])


def _measure_layers(options: argparse.Namespace, settings: Settings, results: Results) -> None:
    for name in options.cases or (ON_CPU if options.device == "cpu" else ON_GPU):
        names = {dtype: options.contenders or DEFAULT[options.device, dtype] for dtype in options.dtypes}
        entries = compare(CASES[name], names, settings)
        results.entries += entries
        print(CASES[name], report.layers_table(entries), sep="\n\n", end="\n\n", flush=True)
        for entry in entries:
            if entry.disagrees:
                print(f"\033[31m{entry.case}, {entry.dtype}, {entry.name}: {entry.problem}\033[0m", file=sys.stderr)


def _measure_growth(options: argparse.Namespace, settings: Settings, results: Results) -> None:
    for name in GROWTH_CASES:
        results.growth += growth(CASES[name], settings)
    print(report.growth_table(results), end="\n\n", flush=True)


def _measure_dense(options: argparse.Namespace, settings: Settings, results: Results) -> None:
    results.dense += [dense(layer, size, settings) for layer in LAYERS for size in SIZES]
    print(report.dense_table(results), end="\n\n", flush=True)


def _measure_training(options: argparse.Namespace, settings: Settings, results: Results) -> None:
    for precision in PRECISIONS:
        results.training += training(precision, settings)
    print(report.training_table(results), end="\n\n", flush=True)


_MEASURE = {
    "layers": _measure_layers,
    "growth": _measure_growth,
    "dense": _measure_dense,
    "training": _measure_training,
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    add = parser.add_argument
    add("--parts", nargs="+", choices=PARTS, default=["layers"], help="what to measure (default: the layers alone)")
    add("--cases", nargs="+", choices=CASES, help="cases of the layers (default: those that suit the device)")
    contenders = [*CONTENDERS, FLOOR, *LIBRARIES]
    add("--contenders", nargs="+", choices=contenders, help="contenders of the layers (default: those that suit)")
    add("--dtypes", nargs="+", choices=DTYPES, default=list(DTYPES), help="data types (default: both)")
    add("--rounds", type=int, default=Settings.rounds, help="rounds of interleaved timing, at least")
    add("--seconds", type=float, default=Settings.seconds, help="time for the rounds of one comparison, at least")
    add("--quick", action="store_true", help="one round: to see that it runs, not how fast")
    add("--threads", type=int, help="threads (default: torch's own choice)")
    add("--device", choices=("cpu", "cuda"), default="cpu", help="where to run")
    add(
        "--allocator",
        choices=ALLOCATORS,
        default="keep",
        help="the C library's allocator as it comes, or keeping memory",
    )
    add("--python", default=sys.executable, help="interpreter that has JAX, Keras and flax (default: this one)")
    add("--output", type=Path, help="folder for the page and the chart (default: print only)")
    add("--profile", choices=CASES, metavar="CASE", help="only say where the time of a training step goes")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
