"""One-shot classification among classes that training never saw, with a protocol of the trials.

Shape letters: n images.
"""

from __future__ import annotations

import torch
from torch import Tensor

from framecast.metrics import one_shot_accuracy

from ._embedded import Embedded

_WAYS, _TRIALS = (5, 20), 20


def one_shot_scores(images: Embedded, unseen: Tensor, seed: int) -> tuple[dict[str, float], str]:
    """Score one-shot classification, within alphabets (the groups of classes, if known) and across all classes.

    Args:
        images: the embedded images.
        unseen: which of them are of classes that training never saw ``(n,)``.
        seed: seed of the trials.

    Returns:
        Accuracies by the kind of trial, and the protocol in words.
    """
    if not unseen.any():
        return {}, "none: training saw all classes of the test images"
    fit = unseen & _has_another(images)
    embeddings, labels = images.embeddings[fit], images.labels[fit]
    alphabets, writers = (None if numbers is None else numbers[fit] for numbers in (images.groups, images.writers))
    count = 1 if alphabets is None else len(alphabets.unique())
    kinds: dict[str, tuple[Tensor | None, int]] = {"across all": (None, _TRIALS * count)}
    if alphabets is not None:
        kinds = {"within alphabets": (alphabets, _TRIALS), **kinds}
    scores: dict[str, float] = {}
    drawn: list[str] = []
    for name, (groups, trials) in kinds.items():
        for ways in (ways for ways in _WAYS if ways <= _most_classes(labels, groups)):
            score = one_shot_accuracy(embeddings, labels, groups, ways=ways, trials=trials, seed=seed, writers=writers)
            scores[f"{ways}-way {name}"] = score.accuracy
            of = "" if groups is None else f" ({score.groups} of {count})"
            drawn.append(f"{ways}-way {name}{of}, {score.queries:,} queries")
    if not scores:
        return {}, f"none: it takes {min(_WAYS)} classes that training never saw, with two images of each"
    words = (
        f"{len(labels.unique())} classes that training never saw; {_TRIALS} trials"
        + f" for each of {count} alphabets" * (alphabets is not None)
        + f", drawn with seed {seed}; in a trial one example and one query of each class"
        + ", by different writers" * (writers is not None)
    )
    return scores, f"{words}: {'; '.join(drawn)}"


def _has_another(images: Embedded) -> Tensor:
    """Tell which images ``(n,)`` have another one of their class, by another writer where writers are known."""
    writers = torch.arange(images.count) if images.writers is None else images.writers
    pairs = torch.stack([images.labels, writers], 1).unique(dim=0)
    labels, counts = pairs[:, 0].unique(return_counts=True)
    return torch.isin(images.labels, labels[counts > 1])


def _most_classes(labels: Tensor, groups: Tensor | None) -> int:
    """Count the classes of the group that has the most."""
    if len(labels) == 0:
        return 0
    held = torch.zeros_like(labels) if groups is None else groups
    return int(torch.stack([held, labels], 1).unique(dim=0)[:, 0].bincount().max())
