"""The page of a run that forecasts."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..shared._charts import lead_time_chart, svg_uri
from ..shared._frames import (
    ERROR_COLOURS,
    NO_DATA,
    colour_stops,
    error_limit,
    frame_colours,
    is_photograph,
    picture_uri,
)
from ..shared._page import render_page
from ..shared._words import (
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
from ._animation import animate
from ._run import Examples, Run
from ._strip import choose, shown_times, strip_pictures

_COLUMNS = 10
_PICTURE = 176


def forecast_page(run: Run) -> str:
    """Return the report of a run that forecasts, as HTML."""
    content = {
        "headline": headline(run),
        "moving": run.examples is not None,
        "examples": _examples(run, run.examples) if run.examples else None,
        "scores": _score_table(run.scores) if run.scores else None,
        "charts": _charts(run.scores),
        "by_lead_time": _lead_time_tables(run.scores),
        "protocol": protocol_rows(run),
    }
    return render_page("forecast/page.html.j2", run, content)


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
