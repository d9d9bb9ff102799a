"""The page of a run that forecasts."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from framecast.runs import RunFolder

from ..shared._page import render_page
from ..shared._pictures import even_indices, picture_uri
from ..shared._words import short
from ._animation import animate
from ._frames import ERROR_COLOURS, NO_DATA, colour_stops, error_limit, frame_colours, is_photograph
from ._run import Examples, ForecastRun, read_forecast_run
from ._score_tables import lead_time_charts, lead_time_tables, mean_table
from ._strip import Block, choose, strip_pictures
from ._words import headline, protocol

_COLUMNS = 10
_PICTURE = 176


def page(folder: RunFolder, test: str | None = None) -> str:
    """Return the report of a run that forecasts, as HTML; arguments and errors are those of :func:`read_forecast_run`.

    Without test results the page leaves the scores out and says how to get them.
    """
    run = read_forecast_run(folder, test)
    content = {
        "headline": headline(run),
        "moving": run.examples is not None,
        "examples": _examples(run, run.examples) if run.examples else None,
        "scores": mean_table(run.scores) if run.scores else None,
        "charts": lead_time_charts(run.scores),
        "by_lead_time": lead_time_tables(run.scores),
        "protocol": protocol(run),
    }
    return render_page("forecast/page.html.j2", run, content)


def _examples(run: ForecastRun, examples: Examples) -> dict[str, Any]:
    choices = choose(examples)
    indices = [choice.index for choice in choices]
    limit = error_limit(examples.forecast[indices], examples.target[indices], run.scale)
    scale, span = run.scale, limit * (run.scale.high - run.scale.low)
    animation, still = animate(examples, indices[0], scale, limit)
    missing = any(np.isnan(array[indices]).any() for array in (examples.input, examples.target, examples.forecast))
    channels = examples.input.shape[2]
    return {
        "animation": animation,
        "still": still,
        "count": len(examples),
        "inputs": examples.input.shape[1],
        "horizon": examples.target.shape[1],
        "subset": max(examples.input.shape[1], examples.target.shape[1]) > _COLUMNS,
        "shown": len(even_indices(examples.target.shape[1], _COLUMNS)),
        "strips": [
            {
                "title": choice.title,
                "squared_error": choice.squared_error,
                "index": choice.index,
                "blocks": _encode(strip_pictures(examples, choice.index, _COLUMNS, scale, limit, _PICTURE), examples),
            }
            for choice in choices
        ],
        "frame_key": None
        if channels == 3
        else _Key(colour_stops(frame_colours(scale)), [short(scale.low), short(scale.high)], scale.words),
        "error_key": _Key(colour_stops(ERROR_COLOURS), [short(-span), "0", f"+{short(span)}"], scale.words),
        "missing": "#" + "".join(f"{part:02x}" for part in NO_DATA) if missing else None,
        "channels": channels,
    }


@dataclass(frozen=True)
class _Key:
    """A key of colours."""

    colours: list[str]
    ticks: list[str]
    unit: str


def _encode(blocks: tuple[Block, Block], examples: Examples) -> list[dict[str, Any]]:
    """Return the blocks with addresses in place of pictures."""
    photograph = is_photograph(examples.input, _PICTURE)
    return [
        {
            "labels": block.labels,
            "rows": {name: [picture_uri(picture, photograph) for picture in row] for name, row in block.rows.items()},
        }
        for block in blocks
    ]
