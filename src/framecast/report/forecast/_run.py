"""A run folder, read.

Shape letters: n examples, T input frames, K lead times, C channels, H height, W width.
"""

import csv
import json
import math
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Frames = NDArray[np.float32]
Series = tuple[list[int], list[float]]
"""Steps and the values logged at them."""


@dataclass(frozen=True)
class Scale:
    """What 0 and 1 of the unit scale stand for in the data's own unit."""

    low: float = 0.0
    high: float = 1.0
    unit: str = ""

    @property
    def words(self) -> str:
        """The unit, or what stands in for it."""
        return self.unit or ("unit scale" if (self.low, self.high) == (0, 1) else "data’s own units")


@dataclass(frozen=True)
class Examples:
    """Stored forecasts in unit scale, NaN where there is no data."""

    input: Frames
    """`(n, T, C, H, W)`."""
    target: Frames
    """`(n, K, C, H, W)`."""
    forecast: Frames
    """`(n, K, C, H, W)`."""

    def __len__(self) -> int:
        return len(self.target)

    def squared_error(self) -> NDArray[np.float64]:
        """Squared error of each example: summed over a frame's valid pixels, averaged over its frames, `(n,)`."""
        return np.array([_squared_error(*pair) for pair in zip(self.forecast, self.target, strict=True)])


@dataclass(frozen=True)
class RunFolder:
    """What the report tells of a run, whatever it was trained for."""

    path: Path
    config: str
    """Text of `config.yaml`."""
    log: dict[str, Series] = field(default_factory=dict)
    """Column of the CSV log: its series, resumed logs merged."""
    protocol: dict[str, Any] = field(default_factory=dict)
    """How the scores were made."""
    test: str | None = None
    """Name of the folder with the test results."""

    @property
    def name(self) -> str:
        """Name of the folder."""
        return self.path.resolve().name


@dataclass(frozen=True)
class Run(RunFolder):
    """All that the report tells of a run that forecasts."""

    scores: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    """By forecast (`"model"` and baselines), then by score: `{"mean": x, "by_lead_time": [...]}`."""
    examples: Examples | None = None

    @property
    def scale(self) -> Scale:
        """The data's own scale, as the protocol has it."""
        return read_scale(self.protocol)


def read_run(path: Path, test: str | None = None) -> Run:
    """Read a run folder.

    Args:
        path: the folder that `framecast fit` wrote.
        test: name of the folder inside it with the test results; default: the newest `test*`, if there is one.

    Raises:
        FileNotFoundError: if `path` is not a run folder, or has no folder `test`.
        ValueError: if a file inside cannot be read.
    """
    config = read_config(path)
    folder = test_folder(path, test)
    protocol, scores = _read_scores(folder / "metrics.json") if folder else ({}, {})
    return Run(
        path=path,
        config=config,
        log=read_logs(path / "logs" / "csv"),
        protocol=protocol,
        scores=scores,
        examples=read_examples(folder / "examples.npz") if folder and (folder / "examples.npz").is_file() else None,
        test=folder.name if folder else None,
    )


def read_task(path: Path, test: str | None = None) -> str:
    """Tell what a run was trained for: the task its metrics name, or what an untested run's files show.

    Args:
        path: as for :func:`read_run`.
        test: as for :func:`read_run`.

    Returns:
        `"match"`, `"forecast"`, or another word found in the metrics.

    Raises:
        FileNotFoundError: as for :func:`read_run`.
        ValueError: if the metrics cannot be read.
    """
    read_config(path)
    folder = test_folder(path, test)
    if folder is not None:
        return str(read_json(folder / "metrics.json").get("task", "forecast"))
    return "match" if (path / "embedding_epochs.npz").is_file() else "forecast"


def read_config(path: Path) -> str:
    """Return the text of a run's `config.yaml`.

    Raises:
        FileNotFoundError: if `path` is not a run folder.
    """
    if not path.is_dir():
        raise FileNotFoundError(f"no run folder at `{path}`: give the folder that `framecast fit` wrote")
    config = path / "config.yaml"
    if not config.is_file():
        raise FileNotFoundError(
            f"`{path}` is not a run folder, it has no config.yaml: give the folder that `framecast fit` wrote"
        )
    return config.read_text(encoding="utf-8", errors="replace")


def read_examples(path: Path) -> Examples:
    """Read an `examples.npz`.

    Raises:
        FileNotFoundError: if it does not exist.
        ValueError: if it is damaged or its arrays do not fit each other.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no examples at `{path}`: `framecast test` writes them")
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            arrays = [np.asarray(file[name], dtype=np.float32) for name in ("input", "target", "forecast")]
    except (KeyError, ValueError, EOFError, OSError, zipfile.BadZipFile) as error:
        raise ValueError(f"`{path}` cannot be read ({error}): run `framecast test` again") from error
    given, target, forecast = arrays
    fits = given.ndim == 5 and target.shape == forecast.shape and given.shape[::2] == target.shape[::2]
    if not fits or given.shape[3] != target.shape[3] or 0 in given.shape + target.shape:
        shapes = ", ".join(str(array.shape) for array in arrays)
        raise ValueError(f"`{path}` must hold input (n, T, C, H, W), target and forecast (n, K, C, H, W), got {shapes}")
    return Examples(given, target, forecast)


def read_scale(protocol: dict[str, Any]) -> Scale:
    """Return the scale in a protocol; the unit scale if it has none."""
    scale = protocol.get("scale") or {}
    return Scale(float(scale.get("low", 0.0)), float(scale.get("high", 1.0)), str(scale.get("unit") or ""))


def _squared_error(forecast: Frames, target: Frames) -> float:
    error = (forecast - target) ** 2
    sums = np.nansum(error, axis=(1, 2, 3), dtype=np.float64)
    frames = int(np.isfinite(error).any(axis=(1, 2, 3)).sum())
    return float(np.sum(sums)) / max(frames, 1)


def test_folder(path: Path, test: str | None) -> Path | None:
    """Return the folder of a run with the test results: the one named, or the newest, if there is one.

    Raises:
        FileNotFoundError: if the one named has no metrics.
    """
    if test is None:
        folders = [folder for folder in path.glob("test*") if (folder / "metrics.json").is_file()]
        return max(folders, key=lambda folder: (folder / "metrics.json").stat().st_mtime, default=None)
    if not (path / test / "metrics.json").is_file():
        there = ", ".join(sorted(file.parent.name for file in path.glob("*/metrics.json"))) or "none"
        raise FileNotFoundError(f"`test` (={test!r}) must be a folder of `{path}` with a metrics.json; there: {there}")
    return path / test


def read_json(path: Path) -> dict[str, Any]:
    """Read a `metrics.json`.

    Raises:
        ValueError: if it is damaged, or holds anything but names with values.
    """
    try:
        metrics = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"`{path}` cannot be read ({error!r}): run `framecast test` again") from error
    if not isinstance(metrics, dict):
        raise ValueError(f"`{path}` cannot be read (it holds no names): run `framecast test` again")
    return metrics


def _read_scores(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    metrics = read_json(path)
    try:
        protocol, scores = metrics["protocol"], metrics["scores"]
        for score in (score for forecast in scores.values() for score in forecast.values()):
            score["mean"], score["by_lead_time"] = finite(score["mean"]), [*map(finite, score["by_lead_time"])]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"`{path}` cannot be read ({error!r}): run `framecast test` again") from error
    return protocol, scores


def finite(value: float | None) -> float | None:
    """Return a number, or None for one that is infinite, NaN or missing."""
    return None if value is None or not math.isfinite(value) else float(value)


def read_logs(folder: Path) -> dict[str, Series]:
    """Read the CSV logs of a run and its resumptions as one: a later one counts from its first step on."""
    numbered = [(int(suffix), path) for path in folder.glob("version_*") if (suffix := path.name[8:]).isdigit()]
    rows: list[tuple[int, dict[str, str]]] = []
    for _, version in sorted(numbered):
        later = _read_rows(version / "metrics.csv")
        if later:
            first = min(step for step, _ in later)
            rows = [row for row in rows if row[0] < first] + later
    log: dict[str, Series] = {}
    for step, row in sorted(rows, key=lambda row: row[0]):
        for name, text in row.items():
            value = _number(text)
            if name != "step" and value is not None:
                steps, values = log.setdefault(name, ([], []))
                steps.append(step)
                values.append(value)
    return log


def _read_rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8", errors="replace") as file:
        lines = file.readlines()
    if lines and not lines[-1].endswith(("\n", "\r")):
        lines.pop()  # the run was killed while it wrote this line: its last number may be cut short
    rows = []
    for row in csv.DictReader(lines):
        step = _number(row.get("step"))
        if step is not None:
            rows.append((int(step), {name: text for name, text in row.items() if name and text}))
    return rows


def _number(text: str | None) -> float | None:
    try:
        return finite(float(text)) if text else None
    except ValueError:
        return None
