"""A run as every report tells it, read from its folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from framecast.runs import ResultFolder, RunFolder, Series


@dataclass(frozen=True)
class Run:
    """What the report tells of a run, whatever its job."""

    folder: RunFolder
    config: str
    """Text of the configuration."""
    log: dict[str, Series] = field(default_factory=dict)
    """Logged series by name."""
    results: ResultFolder | None = None
    """Folder of the test results; None if nothing was tested."""
    protocol: dict[str, Any] = field(default_factory=dict)
    """How the scores were computed."""


def read_run(folder: RunFolder, test: str | None = None) -> Run:
    """Read what all reports tell of a run.

    Args:
        folder: folder of the run.
        test: name of the folder of test results; None for the newest. Without any there are no scores.

    Raises:
        FileNotFoundError: if the folder holds no run, or no folder of results of that name.
        ValueError: if a file in it cannot be read.
    """
    config, results = folder.read_config(), folder.results(test)
    return Run(folder, config, folder.read_log(), results, dict(read_metrics(results, "protocol")) if results else {})


def read_metrics(results: ResultFolder, part: str) -> dict[str, Any]:
    """Return ``"protocol"`` or ``"scores"`` of test results.

    Raises:
        ValueError: if the results cannot be read, or hold no such part.
    """
    metrics = results.read_metrics()
    with readable(results.metrics):
        return dict(metrics[part])


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Tell of an error inside the block as a file of test results that cannot be read.

    Raises:
        ValueError: instead of the errors that content of an unexpected form causes.
    """
    try:
        yield
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"`{path}` cannot be read ({error!r}): run `framecast test` again") from error


def own_logger(config: str) -> str | None:
    """Return the logger that a configuration names in place of Framecast's; None if it names none.

    Example:
        >>> own_logger("trainer: {logger: {class_path: lightning.pytorch.loggers.MLFlowLogger}}")
        'MLFlowLogger'
        >>> own_logger("trainer: {logger: null}") is None
        True
    """
    try:
        logger = yaml.safe_load(config)["trainer"]["logger"]
    except (yaml.YAMLError, KeyError, TypeError):
        return None
    loggers = logger if isinstance(logger, list) else [logger]
    names = [str(each["class_path"]).rpartition(".")[2] for each in loggers if isinstance(each, dict)]
    return " and ".join(names) or (None if logger is None or logger is True else "which logs nothing")
