"""Words of the report of a run that matches: its scores, the result in a sentence, and how the scores were computed."""

from dataclasses import dataclass

from framecast.runs import MATCH_SCORES, ONE_SHOT, percent, score_title

from ..shared._words import number, protocol_rows, untested_headline, value_words
from ._run import MatchRun

# Rows of the protocol that only matching has, by key.
_PROTOCOL = {
    "data": "Data",
    "split": "Split",
    "classes": "Classes",
    "verification": "Pairs",
    "neighbours": "Nearest neighbours",
    "one_shot": "One-shot",
    "frame_size": "Pixels",
    "channels": "Channels",
    "averaging": "Averaging",
}
# Numbers that the sentences of the protocol tell.
_TOLD = {"seen_classes", "gallery", "scored_images", "images", "pairs", "pair_seed", "sequences", "scale"}
_THRESHOLD = "threshold"


@dataclass(frozen=True)
class Card:
    """A score to show."""

    title: str
    value: str
    words: str
    """How to read it."""


def cards(run: MatchRun) -> list[Card]:
    """Return the scores of a run: first those with a title, then the others, then one-shot classification."""
    threshold = number(run.scores.get(_THRESHOLD))
    others = [key for key in run.scores if key not in MATCH_SCORES and key != _THRESHOLD]
    shown = []
    for key in [*MATCH_SCORES, *others]:
        score, value = score_title(key), run.scores.get(key)
        if value is not None or key in others:
            words = score.words.format(threshold=threshold)
            title = score.heading.replace(" %", "\u00a0%")  # a number and its percent sign stay on one line
            shown.append(Card(title, percent(value) if score.is_share else number(value), words))
    return shown + [
        Card(ONE_SHOT.heading.format(kind=kind), percent(value), ONE_SHOT.words)
        for kind, value in run.one_shot.items()
        if value is not None
    ]


def headline(run: MatchRun) -> str:
    """Return the result in one or two sentences."""
    auc, eer = run.scores.get("roc_auc"), run.scores.get("eer")
    if auc is None or eer is None:
        return "The test gave no scores of verification." if run.results is not None else untested_headline(run.log)
    classes = run.protocol.get("classes")
    where = f"test images of classes {classes}" if isinstance(classes, str) else "the test images"
    return (
        f"On {where}, two of the same class are nearer to each other than two of different classes in "
        f"{percent(auc)} of cases (ROC-AUC {number(auc)}); equal error rate {percent(eer)}."
    )


def protocol(run: MatchRun) -> list[tuple[str, str]]:
    """Return how the scores were computed, as names and sentences."""
    values = run.protocol
    rows: list[tuple[str, str | None]] = [
        (title, value_words(values[key])) for key, title in _PROTOCOL.items() if values.get(key) is not None
    ]
    return protocol_rows(values, rows, {*_PROTOCOL, *(_TOLD if "verification" in values else ())})
