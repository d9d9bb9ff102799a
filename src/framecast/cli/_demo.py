"""The command ``demo``: a training, a test and a report on data that comes with the package."""

from __future__ import annotations

from pathlib import Path

from framecast.jobs import JOBS
from framecast.runs import fresh_name

from . import _training
from ._call import call
from ._report import report


def run(args: list[str]) -> None:
    """Run a demonstration with the arguments of the command line."""
    call(demo, args, positional=("what",), epilog="one of: " + ", ".join(f"framecast demo {name}" for name in JOBS))


def demo(what: str = "forecast", runs: str = "runs") -> None:
    """Train, test and report on data that comes with the package, in a few minutes.

    Args:
        what: the demonstration, by the name of its job.
        runs: the folder to put the run into.
    """
    if what not in JOBS:
        raise ValueError(f"there is no demonstration {what!r}; there are {' and '.join(map(repr, JOBS))}")
    folder = str(fresh_name(Path(runs) / f"demo-{what}"))
    _training.run(["fit", "--config", JOBS[what].demo, "--run", folder])
    _training.run(["test", "--run", folder])
    report(folder)
