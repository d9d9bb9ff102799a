"""Scores of matching, computed from embeddings.

Shape letters: n images, m images with a thumbnail, P pairs, E embedding size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from framecast.metrics import best_threshold, neighbour_accuracy, sample_pairs, verification

from ._embedded import Embedded
from ._one_shot import one_shot_scores

PAIR_SEED = 0  # of pairs and trials, whatever the seed of the run: scores of runs stay comparable


@dataclass(frozen=True)
class MatchResults:
    """Scores of a test of matching, with their protocol."""

    scores: dict[str, Any]
    """Shares from 0 to 1 by name; ``"one_shot"`` holds some by the kind of trial; None for what does not apply."""
    protocol: dict[str, Any]
    """How the scores were computed: numbers, and words for each score."""
    arrays: dict[str, np.ndarray]
    """Embeddings, images and pairs for the report."""


def score(sets: dict[str, Embedded], trained: Tensor, *, pairs: int, neighbours: int) -> MatchResults:
    """Score embedded images.

    Args:
        sets: the images by part: ``"test"``, ``"val"`` (which the threshold is chosen on) and ``"gallery"`` (of the
            training part).
        trained: the classes of the training part.
        pairs: number of pairs P.
        neighbours: number of nearest neighbours.

    Raises:
        ValueError: if a part lacks two classes, or two images of one class.
    """
    test, val, gallery = (sets[name] for name in ("test", "val", "gallery"))
    threshold = best_threshold(*_pair_distances(val, pairs)[:2])
    distance, similar, drawn = _pair_distances(test, pairs)
    scores = verification(distance, similar, threshold)
    seen = torch.isin(test.labels, trained)
    known, classes = int(seen.sum()), len(test.labels.unique())
    one_shot, trials = one_shot_scores(test, ~seen, PAIR_SEED)
    k = min(neighbours, gallery.count)
    protocol = {
        "classes": "seen in training" if seen.all() else "partly seen in training" if known else "not seen in training",
        "scored_images": test.count,
        "pairs": len(similar),
        "pair_seed": PAIR_SEED,
        "verification": (
            f"{len(similar):,} pairs of {test.count:,} test images of {classes} classes, half of one class and half of "
            f"two, drawn with seed {PAIR_SEED}; distances are Euclidean; the threshold is the most accurate one on as "
            f"many pairs of the validation images"
        ),
        "neighbours": (
            f"k={k} of {gallery.count:,} training images name the class of {known:,} test images"
            if known
            else "none: no class of the test images is among the training images"
        ),
        "one_shot": trials,
    }
    values = {
        "roc_auc": scores.auc,
        "eer": scores.eer,
        "true_accepts_at_0.01": scores.true_accepts_at_1_percent,
        "true_accepts_at_0.001": scores.true_accepts_at_01_percent,
        "accuracy": scores.accuracy,
        "threshold": threshold,
        "neighbour_accuracy": _neighbour_accuracy(test, seen, gallery, k) if known else None,
        "one_shot": one_shot,
    }
    return MatchResults(values, protocol, _arrays(test, distance, similar, drawn, threshold))


def distances(embeddings: Tensor, first: Tensor, second: Tensor) -> Tensor:
    """Euclidean distances ``(P,)`` of pairs of embeddings ``(n, E)``, named by their indices ``(P,)``."""
    return torch.linalg.vector_norm(embeddings[first] - embeddings[second], dim=1)


def _pair_distances(images: Embedded, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Distances ``(P,)`` of pairs, whether they are similar ``(P,)``, and which they are ``(P, 2)``."""
    first, second, similar = sample_pairs(images.labels, count, PAIR_SEED)
    return distances(images.embeddings, first, second), similar, torch.stack([first, second], 1)


def _neighbour_accuracy(test: Embedded, seen: Tensor, gallery: Embedded, k: int) -> float:
    return neighbour_accuracy(test.embeddings[seen], test.labels[seen], gallery.embeddings, gallery.labels, k)


def _arrays(
    test: Embedded, distance: Tensor, similar: Tensor, pairs: Tensor, threshold: float
) -> dict[str, np.ndarray]:
    """Return images with a thumbnail, and the scored pairs as indices of these, -1 for images without one."""
    indices = torch.tensor(sorted(i for i in test.thumbnail_indices if i < test.count), dtype=torch.long)
    if not len(indices):
        return {}
    place = torch.full((test.count,), -1)
    place[indices] = torch.arange(len(indices))
    arrays = {
        "embeddings": test.embeddings[indices],
        "labels": test.labels[indices],
        "images": test.thumbnails,
        "distances": distance,
        "similar": similar,
        "pairs": place[pairs],
        "threshold": torch.tensor(threshold),
    }
    return {name: values.numpy() for name, values in arrays.items()}
