"""The words of a report on matching: what the scores are called, and the result in a sentence."""

from dataclasses import dataclass
from typing import Any

from ..shared._words import checkpoint_words, count, number
from ._run import MatchRun


@dataclass(frozen=True)
class Card:
    """A score to show."""

    title: str
    value: str
    words: str
    """How to read it."""


# By key: title, words, whether it is a percentage.
_SCORES = {
    "roc_auc": ("ROC-AUC", "how often a pair of the same class is nearer than a pair of two classes", False),
    "eer": ("Equal error rate", "errors where as many pairs are wrongly accepted as wrongly rejected", True),
    "true_accepts_at_0.01": (
        "Found at 1 % false accepts", "pairs of the same class accepted, while 1 % of the others are", True,
    ),
    "true_accepts_at_0.001": (
        "Found at 0.1 % false accepts", "pairs of the same class accepted, while 0.1 % of the others are", True,
    ),
    "accuracy": ("Pairs judged rightly", "at the threshold {threshold}, chosen on validation pairs", True),
    "neighbour_accuracy": ("Nearest neighbours", "test images whose class the nearest training images name", True),
}  # fmt: skip
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
# Numbers that the sentences of the protocol hold already, and what has a row of its own.
_TOLD = {"seen_classes", "gallery", "scored_images", "images", "pairs", "pair_seed", "sequences", "scale"}
_OWN_ROW = {"checkpoint", "step", "parameters", "seed", "framecast"}


def percent(share: float | None) -> str:
    """Write a share as a percentage with two decimals; a missing one is a dash.

    Example:
        >>> percent(0.9915), percent(0.0112), percent(1.0), percent(None)
        ('99.15 %', '1.12 %', '100 %', '–')
    """
    if share is None:
        return "–"
    return "100 %" if share == 1 else "0 %" if share == 0 else f"{100 * share:.2f} %"


def cards(run: MatchRun) -> list[Card]:
    """Return the scores that the run has, those with a name first."""
    threshold = number(run.scores.get("threshold"))
    shown = [
        Card(title, percent(value) if share else number(value), words.format(threshold=threshold))
        for key, (title, words, share) in _SCORES.items()
        if (value := run.scores.get(key)) is not None
    ]
    others = [key for key in run.scores if key not in _SCORES and key != "threshold"]
    shown += [Card(key.replace("_", " "), number(run.scores[key]), "") for key in others]
    return shown + [
        Card(f"One-shot, {name}", percent(value), "queries whose class was found from one example of each")
        for name, value in run.one_shot.items()
        if value is not None
    ]


def headline(run: MatchRun) -> str:
    """Return the result in one or two sentences."""
    auc, eer = run.scores.get("roc_auc"), run.scores.get("eer")
    if auc is None or eer is None:
        losses = run.log.get("val_loss", ([], []))[1]
        if run.test is not None:
            return "The test gave no scores of verification."
        if not losses:
            return "Not tested yet, and no validation loss so far."
        return f"Not tested yet. Lowest validation loss so far: {number(min(losses))}."
    classes = run.protocol.get("classes")
    where = f"test images of classes {classes}" if isinstance(classes, str) else "the test images"
    return (
        f"On {where}, two of the same class are nearer to each other than two of different classes in "
        f"{percent(auc)} of cases (ROC-AUC {number(auc)}); equal error rate {percent(eer)}."
    )


def protocol_rows(run: MatchRun) -> list[tuple[str, str]]:
    """Return how the scores were made, as names and sentences."""
    protocol = run.protocol
    rows = [(title, _words(protocol[key])) for key, title in _PROTOCOL.items() if protocol.get(key) is not None]
    rows.append(("Checkpoint", checkpoint_words(protocol)))
    if protocol.get("parameters") is not None:
        rows.append(("Model", count(protocol["parameters"], "parameter")))
    if protocol.get("seed") is not None:
        rows.append(("Seed", str(protocol["seed"])))
    told = {*_PROTOCOL, *_OWN_ROW, *(_TOLD if "verification" in protocol else ())}
    rows += [(key.replace("_", " ").capitalize(), _words(value)) for key, value in protocol.items() if key not in told]
    return [(name, words) for name, words in rows if words]


def _words(value: Any) -> str:
    if isinstance(value, list | tuple):
        return " × ".join(map(str, value))
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
