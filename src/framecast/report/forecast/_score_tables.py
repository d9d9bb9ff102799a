"""Tables and charts of the scores of a run that forecasts, as the page shows them."""

from typing import Any

from framecast.runs import FORECAST_SCORES, score_title

from ..shared._axes import svg_uri
from ..shared._words import number
from ._lead_time_chart import lead_time_chart
from ._run import Scores
from ._words import MODEL, baselines, best_of, forecast_heading, ratio


def mean_table(scores: Scores) -> dict[str, Any]:
    """Return the table of the mean scores of the model and the baselines."""
    names = [name for name in [MODEL, *baselines(scores)] if name in scores]
    rows = []
    for key in _keys(scores):
        best = best_of(scores, key, names)
        cells = [(scores[name].get(key, {}).get("mean"), name == best) for name in names]
        rows.append({"score": score_title(key), "cells": cells, "against": _against(scores, key)})
    return {
        "names": [(forecast_heading(name), name == MODEL) for name in names],
        "rows": rows,
        "against": any(row["against"] for row in rows),
    }


def lead_time_tables(scores: Scores) -> list[dict[str, Any]]:
    """Return a table for each score, with a row for each lead time."""
    tables = []
    for key in _keys(scores):
        names = [name for name in [MODEL, *baselines(scores)] if key in scores.get(name, {})]
        columns = [scores[name][key]["by_lead_time"] for name in names]
        tables.append(
            {
                "score": score_title(key),
                "names": [forecast_heading(name) for name in names],
                "rows": list(zip(*columns, strict=False)),
            }
        )
    return tables


def lead_time_charts(scores: Scores) -> list[dict[str, Any]]:
    """Return a chart for each score by lead time, but for OpenSTL's SSIM, whose curve repeats that of SSIM."""
    charts = []
    for key in _keys(scores):
        figure = None if key == "ssim_openstl" else lead_time_chart(scores, key)
        if figure is not None:
            charts.append({"score": score_title(key), "image": svg_uri(figure)})
    return charts


def _keys(scores: Scores) -> list[str]:
    """Return the scores that some forecast has: first those with a title, then the others."""
    present = {key for forecast in scores.values() for key, score in forecast.items() if score["mean"] is not None}
    return [key for key in FORECAST_SCORES if key in present] + sorted(present - set(FORECAST_SCORES))


def _against(scores: Scores, key: str) -> str | None:
    """Compare the model with the best baseline: a ratio if lower is better, else a difference."""
    value, best = scores.get(MODEL, {}).get(key, {}).get("mean"), best_of(scores, key, baselines(scores))
    if value is None or best is None:
        return None
    baseline = scores[best][key]["mean"]
    if score_title(key).better == "higher":
        return ("+" if value >= baseline else "") + number(value - baseline)
    return f"×\u202f{ratio(value / baseline)}" if baseline else None
