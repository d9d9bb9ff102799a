"""The page."""

import datetime
import importlib.metadata
import os
import platform
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined

from ._animation import animate
from ._charts import lead_time_chart, learning_curve, svg_uri
from ._frames import ERROR_COLOURS, NO_DATA, colour_stops, error_limit, frame_colours, is_photograph, picture_uri
from ._run import Examples, Run, read_run
from ._strip import choose, shown_times, strip_pictures
from ._words import (
    SCORE_NAMES,
    Scores,
    baselines,
    best_of,
    forecast_name,
    headline,
    number,
    protocol_rows,
    ratio,
    score_name,
    short,
)

_COLUMNS = 10
_PICTURE = 176
_PACKAGES = ("framecast", "torch", "lightning", "torchmetrics", "numpy", "matplotlib", "pillow")


def write_report(run: Path, *, test: str | None = None, output: Path | None = None) -> Path:
    """Write the report of a run: one HTML file that needs no other, images inside.

    Args:
        run: the folder that `framecast fit` wrote.
        test: name of the folder in it with the test results; default: the newest `test*`. Without any the report
            leaves the scores out and says how to get them.
        output: the file to write; default: `report.html` in the run folder.

    Returns:
        The path of the report.

    Raises:
        FileNotFoundError: if `run` is not a run folder, or has no folder `test`.
        ValueError: if a file inside cannot be read, or `output` is a folder.
    """
    run, output = Path(run), Path(output) if output is not None else Path(run) / "report.html"
    page = render(read_run(run, test))
    if output.is_dir():
        raise ValueError(f"`output` (={output}) must be a file, it is a folder: add a name such as report.html")
    output.parent.mkdir(parents=True, exist_ok=True)
    draft = output.with_name(output.name + ".part")
    draft.write_text(page, encoding="utf-8")
    os.replace(draft, output)
    return output


def render(run: Run) -> str:
    """Return the report as HTML."""
    environment = Environment(
        loader=PackageLoader("framecast.report", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = number
    return environment.get_template("report.html.j2").render(
        name=run.name,
        headline=headline(run),
        examples=_examples(run, run.examples) if run.examples else None,
        scores=_score_table(run.scores) if run.scores else None,
        charts=_charts(run.scores),
        by_lead_time=_lead_time_tables(run.scores),
        protocol=protocol_rows(run),
        learning=_learning(run),
        test_command=_test_command(run),
        test=run.test,
        config=run.config,
        versions=_versions(run),
        written=f"{datetime.datetime.now():%Y-%m-%d %H:%M}",
    )


def _examples(run: Run, examples: Examples) -> dict[str, Any]:
    chosen = choose(examples)
    indices = [choice.index for choice in chosen]
    limit = error_limit(examples.forecast[indices], examples.target[indices], run.scale)
    scale, span = run.scale, limit * (run.scale.high - run.scale.low)
    moving, still = animate(examples, chosen[0].index, scale, limit)
    arrays = (examples.input[indices], examples.target[indices], examples.forecast[indices])
    channels = examples.input.shape[2]
    return {
        "animation": moving,
        "still": still,
        "count": len(examples),
        "inputs": examples.input.shape[1],
        "horizon": examples.target.shape[1],
        "subset": max(examples.input.shape[1], examples.target.shape[1]) > _COLUMNS,
        "shown": len(shown_times(examples.target.shape[1], _COLUMNS)),
        "strips": [
            {
                "title": choice.title,
                "squared_error": choice.squared_error,
                "index": choice.index,
                "blocks": _encode(strip_pictures(examples, choice.index, _COLUMNS, scale, limit, _PICTURE), examples),
            }
            for choice in chosen
        ],
        "frame_key": None
        if channels == 3
        else _Key(colour_stops(frame_colours(scale)), [short(scale.low), short(scale.high)], scale.words),
        "error_key": _Key(colour_stops(ERROR_COLOURS), [short(-span), "0", f"+{short(span)}"], scale.words),
        "missing": "#" + "".join(f"{part:02x}" for part in NO_DATA) if _has_nan(arrays) else None,
        "channels": channels,
    }


@dataclass(frozen=True)
class _Key:
    colours: list[str]
    ticks: list[str]
    unit: str


def _encode(blocks: list[Any], examples: Examples) -> list[dict[str, Any]]:
    photograph = is_photograph(examples.input, _PICTURE)
    return [
        {
            "labels": labels,
            "rows": {
                name: [picture_uri(picture, photograph) for picture in pictures] for name, pictures in rows.items()
            },
        }
        for labels, rows in blocks
    ]


def _has_nan(arrays: tuple[Any, ...]) -> bool:
    return any(bool(np.isnan(array).any()) for array in arrays)


def _keys(scores: Scores) -> list[str]:
    """Return the scores that some forecast has, those with a name first."""
    present = {key for forecast in scores.values() for key, score in forecast.items() if score["mean"] is not None}
    return [key for key in SCORE_NAMES if key in present] + sorted(present - set(SCORE_NAMES))


def _score_table(scores: Scores) -> dict[str, Any]:
    names = [name for name in ["model", *baselines(scores)] if name in scores]
    rows = []
    for key in _keys(scores):
        best = best_of(scores, key, names)
        cells = [(scores[name].get(key, {}).get("mean"), name == best) for name in names]
        rows.append({"score": score_name(key), "cells": cells, "against": _against(scores, key)})
    return {
        "names": [(forecast_name(name), name == "model") for name in names],
        "rows": rows,
        "against": any(row["against"] for row in rows),
    }


def _against(scores: Scores, key: str) -> str | None:
    """Say how the model compares with the best baseline: a ratio where less is better, else a difference."""
    value, best = scores.get("model", {}).get(key, {}).get("mean"), best_of(scores, key, baselines(scores))
    if value is None or best is None:
        return None
    other = scores[best][key]["mean"]
    if score_name(key).better == "higher":
        return ("+" if value >= other else "") + number(value - other)
    return f"×\u202f{ratio(value / other)}" if other else None


def _charts(scores: Scores) -> list[dict[str, Any]]:
    """Charts of the scores by lead time; OpenSTL's SSIM only repeats the other's shape and stays in the table."""
    charts = []
    for key in _keys(scores):
        figure = None if key == "ssim_openstl" else lead_time_chart(scores, key)
        if figure is not None:
            charts.append({"score": score_name(key), "image": svg_uri(figure)})
    return charts


def _lead_time_tables(scores: Scores) -> list[dict[str, Any]]:
    tables = []
    for key in _keys(scores):
        names = [name for name in ["model", *baselines(scores)] if key in scores.get(name, {})]
        columns = [scores[name][key]["by_lead_time"] for name in names]
        tables.append(
            {
                "score": score_name(key),
                "names": [forecast_name(name) for name in names],
                "rows": list(zip(*columns, strict=False)),
            }
        )
    return tables


def _learning(run: Run) -> dict[str, Any] | None:
    figure = learning_curve(run.log)
    if figure is None:
        return None
    facts = []
    steps, losses = run.log.get("val_loss", ([], []))
    if losses:
        lowest = min(losses)
        facts.append(f"Lowest validation loss {number(lowest)} at step {steps[losses.index(lowest)]:,}, ringed.")
    last = max(series[0][-1] for series in run.log.values())
    facts.append(f"Last logged step {last:,}.")
    speed = run.log.get("frames_per_second", ([], []))[1]
    if speed:
        facts.append(f"Median speed {number(float(np.median(speed)))} frames per second.")
    return {"image": svg_uri(figure), "facts": " ".join(facts)}


def _test_command(run: Run) -> str:
    return shlex.join(["framecast", "test", "--run", str(run.path)])


def _versions(run: Run) -> list[tuple[str, str]]:
    versions = [("Python", platform.python_version())]
    for package in _PACKAGES:
        try:
            versions.append((package, importlib.metadata.version(package)))
        except importlib.metadata.PackageNotFoundError:
            continue
    tested = run.protocol.get("framecast")
    return versions + ([("framecast at test time", str(tested))] if tested else [])
