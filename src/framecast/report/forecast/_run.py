"""The run of a forecaster, read from its folder.

Shape letters: n examples, T input frames, K lead times, C channels, H height, W width.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from framecast.runs import ResultFolder, RunFolder, Scale, finite, read_arrays

from ..shared._run import Run, read_metrics, read_run, readable

Frames = NDArray[np.float32]
Scores = dict[str, dict[str, dict[str, Any]]]
"""By forecast (``"model"`` and baselines), then by score: ``{"mean": x, "by_lead_time": [...]}``."""


@dataclass(frozen=True)
class Examples:
    """Forecasts that a test stored, in unit scale, NaN where there is no data."""

    input: Frames
    """``(n, T, C, H, W)``."""
    target: Frames
    """``(n, K, C, H, W)``."""
    forecast: Frames
    """``(n, K, C, H, W)``."""

    def __len__(self) -> int:
        return len(self.target)

    def squared_error(self) -> NDArray[np.float64]:
        """Return the error of each example, ``(n,)``: summed over a frame's valid pixels, averaged over frames."""
        return np.array([_squared_error(*pair) for pair in zip(self.forecast, self.target, strict=True)])


@dataclass(frozen=True)
class ForecastRun(Run):
    """What the report tells of a run that forecasts."""

    scores: Scores = field(default_factory=dict)
    scale: Scale = field(default_factory=Scale)
    """The data's own scale."""
    examples: Examples | None = None


def read_forecast_run(folder: RunFolder, test: str | None = None) -> ForecastRun:
    """Read the run of a forecaster; arguments and errors are those of :func:`read_run`."""
    run = read_run(folder, test)
    if run.results is None:
        return ForecastRun(**vars(run))
    examples = read_examples(run.results.examples) if run.results.examples.is_file() else None
    return ForecastRun(**vars(run), scores=_read_scores(run.results), scale=read_scale(run.results), examples=examples)


def read_examples(path: Path) -> Examples:
    """Read the examples that a test of a forecaster stored.

    Args:
        path: ``examples.npz`` in the folder of the test.

    Raises:
        FileNotFoundError: if it does not exist.
        ValueError: if it is damaged, or its arrays do not fit each other.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no examples at `{path}`: `framecast test` writes them")
    names = ("input", "target", "forecast")
    arrays = read_arrays(path, *names, remedy="run `framecast test` again")
    with readable(path):
        frames, target, forecast = (np.asarray(arrays[name], dtype=np.float32) for name in names)
    fits = frames.ndim == 5 and target.shape == forecast.shape and frames.shape[::2] == target.shape[::2]
    if not fits or frames.shape[3] != target.shape[3] or 0 in frames.shape + target.shape:
        shapes = ", ".join(str(array.shape) for array in (frames, target, forecast))
        raise ValueError(f"`{path}` must hold input (n, T, C, H, W), target and forecast (n, K, C, H, W), got {shapes}")
    return Examples(frames, target, forecast)


def read_scale(results: ResultFolder) -> Scale:
    """Return the scale of the data that was tested; the unit scale if the protocol has none.

    Raises:
        ValueError: if the results cannot be read.
    """
    scale = read_metrics(results, "protocol").get("scale") or {}
    with readable(results.metrics):
        return Scale.from_dict(scale)


def _read_scores(results: ResultFolder) -> Scores:
    scores = read_metrics(results, "scores")
    with readable(results.metrics):
        return {
            forecast: {
                name: {"mean": finite(score["mean"]), "by_lead_time": [*map(finite, score["by_lead_time"])]}
                for name, score in scores_of_one.items()
            }
            for forecast, scores_of_one in scores.items()
        }


def _squared_error(forecast: Frames, target: Frames) -> float:
    error = (forecast - target) ** 2
    sums = np.nansum(error, axis=(1, 2, 3), dtype=np.float64)
    frames = int(np.isfinite(error).any(axis=(1, 2, 3)).sum())
    return float(np.sum(sums)) / max(frames, 1)
