"""The page of a run that matches."""

import shlex
from typing import Any

import numpy as np
from PIL import Image

from framecast.runs import MATCH_SCORES, RunFolder, percent

from ..shared._axes import svg_uri
from ..shared._page import command, render_page
from ..shared._pictures import picture_uri
from ..shared._words import number
from ._charts import best_place, distance_chart, roc_chart, validation_chart
from ._class_colours import ClassColours, class_colours
from ._embedding import embedding_figure, embedding_picture
from ._mistakes import hardest_pairs
from ._movement import animate_movement
from ._plane import Plane, fit_plane
from ._run import Embedding, MatchPairs, MatchRun, Movement, read_match_run
from ._words import cards, headline, protocol

_HARD_PAIRS = 12
# Logged scores of validation: series, score, and the name at the end of the line.
_VALIDATION = (("val_eer", "eer", "EER"), ("val_auc", "roc_auc", "ROC-AUC"))
_BEST = {"lower": "lowest", "higher": "highest"}


def page(folder: RunFolder, test: str | None = None) -> str:
    """Return the report of a run that matches, as HTML; arguments and errors are those of :func:`read_match_run`.

    Without test results the page leaves the scores out and says how to get them.
    """
    run = read_match_run(folder, test)
    plane = palette = None
    if run.embedding:
        plane = fit_plane(run.embedding.vectors)
        palette = class_colours(run.embedding.labels, run.embedding.classes)
    content = {
        "headline": headline(run),
        "moving": run.movement is not None,
        "cards": cards(run),
        "protocol": protocol(run),
        "embedding": _embedding(run.embedding, plane, palette) if run.embedding else None,
        "movement": _movement(run, run.movement, plane, palette) if run.movement else None,
        "pairs": _pairs(run, run.pairs) if run.pairs else None,
        "hard": _hard_pairs(run.pairs, run.embedding) if run.pairs and run.embedding else None,
        "validation": _validation(run),
        "commands": _commands(run),
    }
    return render_page("match/page.html.j2", run, content)


def _embedding(embedding: Embedding, plane: Plane | None, palette: ClassColours | None) -> dict[str, Any]:
    assert plane is not None
    assert palette is not None
    size = embedding.vectors.shape[1]
    shares = plane.shares
    return {
        "picture": picture_uri(embedding_picture(embedding_figure(embedding, plane, palette))),
        "count": len(embedding),
        "size": size,
        "explained": percent(sum(shares)) if shares else None,
        "classes": len(np.unique(embedding.labels)),
        "grouped": palette.grouped,
        "others": palette.others is not None,
    }


def _movement(run: MatchRun, movement: Movement, plane: Plane | None, palette: ClassColours | None) -> dict[str, Any]:
    """Animate the movement, where possible in the plane and the colours of the picture of the embedding."""
    size = movement.positions.shape[2]
    if plane is None or plane.directions.shape[1] != size:
        plane = fit_plane(movement.positions[-1])
    own = palette is None or not palette.covers(movement.labels)
    if palette is None or own:
        names = run.embedding.classes if run.embedding else []
        names = names + [f"class {label}" for label in range(len(names), int(movement.labels.max()) + 1)]
        palette = class_colours(movement.labels, names)
    animation, still, stops = animate_movement(movement, plane, palette)
    return {
        "animation": animation,
        "still": still,
        "images": len(movement.labels),
        "epochs": len(movement.epochs),
        "stops": stops,
        "own_colours": own and run.embedding is not None,
        "projected": plane.shares is not None,
    }


def _pairs(run: MatchRun, pairs: MatchPairs) -> dict[str, Any]:
    scored = run.protocol.get("scored_images")
    stored = len(run.embedding) if run.embedding else 0
    return {
        "distances": svg_uri(distance_chart(pairs)),
        "roc": svg_uri(roc_chart(pairs)),
        "count": len(pairs.similar),
        "same": int(pairs.similar.sum()),
        "stored": stored if isinstance(scored, int) and scored > stored else None,
    }


def _hard_pairs(pairs: MatchPairs, embedding: Embedding) -> list[dict[str, Any]]:
    """Return the hardest pairs in two lists: of one class yet far apart, of two classes yet near."""
    wrong = pairs.wrong()
    lists = []
    for similar, title, verdict in (
        (True, "Same class, yet far apart", "farther apart than the threshold"),
        (False, "Two classes, yet near", "nearer than the threshold"),
    ):
        of_kind = pairs.similar == similar
        mistakes = int(wrong[of_kind].sum())
        shown = [
            {
                "pictures": [_thumbnail(embedding, index) for index in (pair.first, pair.second)],
                "names": [embedding.classes[embedding.labels[index]] for index in (pair.first, pair.second)],
                "distance": number(pair.distance),
                "wrong": pair.wrong,
            }
            for pair in hardest_pairs(pairs, similar, _HARD_PAIRS)
        ]
        facts = f"{mistakes:,} of {int(of_kind.sum()):,} pairs ({percent(mistakes / int(of_kind.sum()))}) are {verdict}"
        lists.append({"title": title, "facts": facts if pairs.threshold is not None else None, "pairs": shown})
    return [kind for kind in lists if kind["pairs"]]


def _thumbnail(embedding: Embedding, index: int) -> str:
    return picture_uri(Image.fromarray(embedding.images[index]))


def _validation(run: MatchRun) -> list[dict[str, Any]]:
    charts = []
    for key, score, name in _VALIDATION:
        series, best = run.log.get(key, ([], [])), _BEST[MATCH_SCORES[score].better]
        figure = validation_chart(series, name, best)
        if figure is not None:
            place = best_place(np.array(series[1]), best)
            fact = f"{best.capitalize()}: {percent(series[1][place])} at step {series[0][place]:,}, ringed."
            title = f"{MATCH_SCORES[score].heading} of validation"
            charts.append({"title": title, "image": svg_uri(figure), "fact": fact})
    return charts


def _commands(run: MatchRun) -> list[str]:
    """Return the commands that make the same run anew, test it and write the report."""
    again = RunFolder(run.folder.path.with_name(run.folder.path.name + "-again"))
    fit = shlex.join(["framecast", "fit", "--config", str(run.folder.config), "--run", str(again)])
    return [fit, *(command(again, name) for name in ("test", "report"))]
