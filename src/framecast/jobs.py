"""The jobs that Framecast does, one row each; every other module asks this one.

A job is a task to train, an object that a trained checkpoint becomes, the page of a report, and a configuration for its
demonstration. A row names them by dotted names, which are imported when they are used: this module itself needs NumPy
alone.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from framecast.runs import RunFolder, read_checkpoint

if TYPE_CHECKING:
    import torch
    from torch import nn

    from framecast.tasks import Task

Kind = TypeVar("Kind")


@dataclass(frozen=True)
class Job:
    """What one job consists of, by dotted names.

    Args:
        name: the job's name in checkpoints and in ``metrics.json``, which is the ``kind`` of its task.
        task: the task, a subclass of :class:`framecast.tasks.Task`.
        trained: what a checkpoint becomes, a class with ``from_checkpoint(checkpoint, path, network, device)``.
        page: the report's page, a function of a :class:`RunFolder` and the name of its test (or None) that returns
            HTML.
        demo: name of the shipped configuration that ``framecast demo`` runs.
        commands: commands that use what was trained.
    """

    name: str
    task: str
    trained: str
    page: str
    demo: str
    commands: tuple[str, ...] = ()

    def task_class(self) -> type[Task]:
        """Import the task."""
        task: type[Task] = _import(self.task)
        return task

    def trained_class(self) -> type[_FromCheckpoint]:
        """Import what a checkpoint becomes."""
        trained: type[_FromCheckpoint] = _import(self.trained)
        return trained

    def page_of(self, run: RunFolder, test: str | None = None) -> str:
        """Return the report's page of a run, and of a test by its name or the newest."""
        page: str = _import(self.page)(run, test)
        return page


class _FromCheckpoint(Protocol):
    @classmethod
    def from_checkpoint(
        cls, checkpoint: dict[str, Any], path: str | Path, network: nn.Module | None, device: str | torch.device
    ) -> Any: ...


_ROWS = (
    Job(
        name="forecast",
        task="framecast.tasks.Forecast",
        trained="framecast.trained.Forecaster",
        page="framecast.report.forecast.page",
        demo="demo_forecast",
        commands=("predict",),
    ),
    Job(
        name="match",
        task="framecast.tasks.Match",
        trained="framecast.trained.Matcher",
        page="framecast.report.match.page",
        demo="siamese_digits",
        commands=("match", "embed"),
    ),
)
JOBS: dict[str, Job] = {job.name: job for job in _ROWS}
"""The jobs by name."""


def job_of_run(run: RunFolder, test: str | None = None) -> Job:
    """Return the job of a run.

    The results of its test name it; those of version 0.1 need not, and there, as in a run that was not tested, the task
    of the configuration decides, or else the checkpoint.

    Args:
        run: the folder of the run.
        test: name of the test's folder; None for the newest, if there is one.

    Raises:
        FileNotFoundError: if the folder is not that of a run, or has no such test.
        ValueError: if the results cannot be read, or name an unknown job.
    """
    config = run.read_config()
    results = run.results(test)
    name = results.read_metrics().get("task") if results else None
    name = name or _task_in_config(config) or _task_in_checkpoint(run)
    if name not in JOBS:
        raise ValueError(f"the task of `run` (={str(run)!r}) must be one of {', '.join(JOBS)}, got {name!r}")
    return JOBS[name]


def load(path: str | Path, *, network: nn.Module | None = None, device: str | torch.device = "cpu") -> Any:
    """Load what was trained from a checkpoint: a forecaster, a matcher, whichever it holds.

    Only tensors and plain values are read: a checkpoint cannot run code.

    Args:
        path: a ``.ckpt`` that ``framecast fit`` wrote.
        network: the network to fill. None for one of :mod:`framecast.models`, or for the class that the configuration
            of the checkpoint's run names.
        device: where to run it.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is damaged, not Framecast's, of an unknown task, or holds another network's weights.
    """
    checkpoint = read_checkpoint(path)
    name = checkpoint["framecast"]["task"]
    if name not in JOBS:
        raise ValueError(f"{path} is a checkpoint of an unknown task {name!r}; known are {', '.join(JOBS)}")
    return JOBS[name].trained_class().from_checkpoint(checkpoint, path, network, device)


def load_as(kind: type[Kind], path: str | Path, device: str | torch.device = "cpu") -> Kind:
    """Load what was trained, which must be of a kind, see :func:`load`.

    Raises:
        ValueError: if it is of another kind.
    """
    trained = load(path, device=device)
    if not isinstance(trained, kind):
        theirs, ours = (cls.__name__.lower() for cls in (type(trained), kind))
        commands = next((job.commands for job in JOBS.values() if isinstance(trained, job.trained_class())), ())
        use = f": use it with framecast {' or '.join(commands)}" if commands else ""
        raise ValueError(f"{path} holds a {theirs}, not a {ours}{use}")
    return trained


def write_report(run: str | Path, *, test: str | None = None, output: str | Path | None = None) -> Path:
    """Write the report of a run: one HTML file that needs no other, images inside.

    Args:
        run: the folder that ``framecast fit`` wrote.
        test: name of the folder in it with the test results; None for the newest. Without any the report leaves the
            scores out and says how to get them.
        output: the file to write; None for ``report.html`` in the run's folder.

    Returns:
        The path of the report.

    Raises:
        FileNotFoundError: if ``run`` is not the folder of a run, or has no folder ``test``.
        ValueError: if a file inside cannot be read, the job is unknown, or ``output`` is a folder.
    """
    folder = RunFolder(run)
    page = job_of_run(folder, test).page_of(folder, test)
    return folder.write_report(page, None if output is None else Path(output))


def _import(name: str) -> Any:
    module, _, attribute = name.rpartition(".")
    return getattr(importlib.import_module(module), attribute)


def _task_in_config(text: str) -> str | None:
    """Return the job whose task a configuration names as ``class_path`` of its model."""
    import yaml

    try:
        model = (yaml.safe_load(text) or {}).get("model") or {}
        path = model.get("class_path") if isinstance(model, dict) else None
    except (yaml.YAMLError, AttributeError):
        return None
    return next((job.name for job in JOBS.values() if path in (job.task, job.task.rpartition(".")[2])), None)


def _task_in_checkpoint(run: RunFolder) -> str | None:
    """Return the job that a run's last checkpoint names."""
    path = run.checkpoint_path("last")
    return str(read_checkpoint(path)["framecast"]["task"]) if path.is_file() else None
