"""What a test of matching writes and prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from framecast.runs import MATCH_SCORES, ONE_SHOT, ScoreTitle, percent

from .._results import Results
from ._scores import MatchResults


def match_results(task: str, protocol: Mapping[str, Any], results: MatchResults, classes: Sequence[str]) -> Results:
    """Put together what a test of matching writes and prints.

    Args:
        task: kind of the task.
        protocol: the part of the protocol that all tasks have.
        results: the scores with their protocol, and arrays.
        classes: names of the classes.
    """
    protocol = {**protocol, **results.protocol}
    words = (
        f"{protocol['data']}; classes {protocol['classes']}.\n"
        f"verification: {protocol['verification']}.\n"
        f"neighbours: {protocol['neighbours']}.\n"
        f"one-shot: {protocol['one_shot']}.\n"
        f"{protocol['checkpoint']}, step {protocol['step']}."
    )
    arrays = {**results.arrays, "classes": np.array(classes)} if results.arrays else {}
    return Results(task, protocol, results.scores, f"{_table(results.scores)}\n\n{words}", arrays, "match")


def _table(scores: Mapping[str, Any]) -> str:
    """Lay out the scores that exist, one in a line."""
    rows = [
        (_title(key, title, scores["threshold"]), _value(scores[key], title))
        for key, title in MATCH_SCORES.items()
        if scores[key] is not None
    ]
    rows += [(ONE_SHOT.title.format(kind=kind), _value(share, ONE_SHOT)) for kind, share in scores["one_shot"].items()]
    width = max(len(title) for title, _ in rows)
    return "\n".join(f"{title:<{width}}  {value:>8}" for title, value in rows)


def _title(key: str, title: ScoreTitle, threshold: float) -> str:
    return f"{title.title} at threshold {threshold:.4g}" if key == "accuracy" else title.title


def _value(value: float, title: ScoreTitle) -> str:
    return percent(value) if title.is_share else f"{value:.4f}"
