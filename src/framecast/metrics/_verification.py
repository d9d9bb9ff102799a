"""Scores of verification: how well distances tell pairs of one class from pairs of two.

Shape letters: P pairs, K points of the curve.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from sklearn.metrics import auc, roc_curve
from torch import Tensor


class RocCurve(NamedTuple):
    """Rates at every threshold at which a decision changes, from accepting no pair to accepting all."""

    false_accepts: np.ndarray
    """Share of the dissimilar pairs that are accepted, float64 ``(K,)``."""
    true_accepts: np.ndarray
    """Share of the similar pairs that are accepted, float64 ``(K,)``."""
    threshold: np.ndarray
    """Distance up to which a pair is accepted, float64 ``(K,)``; the first is minus infinity."""


@dataclass(frozen=True)
class VerificationScores:
    """Result of :func:`verification`. Shares are from 0 to 1."""

    auc: float
    """Area under the ROC curve: the probability that a similar pair is nearer than a dissimilar one."""
    eer: float
    """Equal error rate: the share of wrong decisions at the threshold where both kinds of pair have the same share."""
    true_accepts_at_1_percent: float
    """Largest share of similar pairs accepted while at most 1 % of the dissimilar ones are."""
    true_accepts_at_01_percent: float
    """The same at 0.1 %; no better than 0 % if there are fewer than 1,000 dissimilar pairs."""
    similar_pairs: int
    different_pairs: int
    threshold: float | None = None
    """The threshold of the three shares below; None without one."""
    accuracy: float | None = None
    """Share of all pairs with the right decision at the threshold."""
    true_accepts: float | None = None
    """Share of similar pairs accepted at the threshold."""
    false_accepts: float | None = None
    """Share of dissimilar pairs accepted at the threshold."""


def verification(
    distances: Tensor | np.ndarray, similar: Tensor | np.ndarray, threshold: float | None = None
) -> VerificationScores:
    """Score how well distances tell similar pairs from dissimilar ones.

    A pair is accepted as similar if its distance is at most a threshold. The ROC curve is scikit-learn's; the equal
    error rate lies where the line between two of its points crosses that of equal errors.

    Args:
        distances: distances ``(P,)``, finite; a smaller distance means more similar.
        similar: labels ``(P,)``, bool, or 0 and 1.
        threshold: distance up to which a pair is accepted, chosen on other pairs (:func:`best_threshold`); None to
            leave out what needs one.

    Returns:
        The scores, with the numbers of pairs.

    Raises:
        ValueError: if the shapes differ or are not ``(P,)``, a distance is not finite, a label is not 0 or 1, or all
            pairs are of one kind.

    Example:
        >>> import torch
        >>> distances, similar = torch.tensor([0.1, 0.2, 0.4, 0.3, 0.6, 0.9]), torch.tensor([1, 1, 1, 0, 0, 0])
        >>> scores = verification(distances, similar, threshold=0.5)
        >>> round(scores.auc, 4), round(scores.eer, 4), round(scores.accuracy, 4)
        (0.8889, 0.3333, 0.8333)
    """
    distance, label = _pairs(distances, similar)
    curve = _curve(distance, label)
    # Along the curve one rate or the other grows, so that the errors' difference grows too and crosses 0 once.
    difference = curve.false_accepts + curve.true_accepts - 1
    at_threshold = {} if threshold is None else _at_threshold(distance, label, threshold)
    return VerificationScores(
        auc=float(auc(curve.false_accepts, curve.true_accepts)),
        eer=float(np.interp(0.0, difference, curve.false_accepts)),
        true_accepts_at_1_percent=_true_accepts_at(curve, 0.01),
        true_accepts_at_01_percent=_true_accepts_at(curve, 0.001),
        similar_pairs=int(label.sum()),
        different_pairs=int((~label).sum()),
        **at_threshold,
    )


def best_threshold(distances: Tensor | np.ndarray, similar: Tensor | np.ndarray) -> float:
    """Return the threshold of highest accuracy, halfway between the distances where the decisions change.

    Choose it on the validation pairs and use it on the test pairs. Of several, it is the lowest.

    Args:
        distances: as for :func:`verification`.
        similar: as for :func:`verification`.

    Returns:
        A distance; minus infinity if it is best to accept none.

    Raises:
        ValueError: as for :func:`verification`.

    Example:
        >>> import torch
        >>> best_threshold(torch.tensor([0.25, 0.5, 1.0, 0.75]), torch.tensor([True, True, False, False]))
        0.625
    """
    distance, label = _pairs(distances, similar)
    curve = _curve(distance, label)
    right = curve.true_accepts * label.sum() + (1 - curve.false_accepts) * (~label).sum()
    best = int(np.argmax(np.rint(right)))  # whole numbers of pairs, which rounding may not tell apart
    if best in (0, len(right) - 1):
        return float(curve.threshold[best])
    low, high = curve.threshold[best : best + 2]
    middle = low + (high - low) / 2
    return float(middle if middle < high else low)


def roc(distances: Tensor | np.ndarray, similar: Tensor | np.ndarray) -> RocCurve:
    """Return the points of the ROC curve.

    Args:
        distances: as for :func:`verification`.
        similar: as for :func:`verification`.

    Raises:
        ValueError: as for :func:`verification`.

    Example:
        >>> import torch
        >>> curve = roc(torch.tensor([0.1, 0.4, 0.3]), torch.tensor([True, True, False]))
        >>> curve.threshold.tolist(), curve.true_accepts.tolist(), curve.false_accepts.tolist()
        ([-inf, 0.1..., 0.3..., 0.4...], [0.0, 0.5, 0.5, 1.0], [0.0, 0.0, 1.0, 1.0])
    """
    return _curve(*_pairs(distances, similar))


def _curve(distance: np.ndarray, label: np.ndarray) -> RocCurve:
    false_accepts, true_accepts, score = roc_curve(label, -distance, drop_intermediate=False)
    return RocCurve(false_accepts, true_accepts, -score)


def _true_accepts_at(curve: RocCurve, false_accepts: float) -> float:
    return float(curve.true_accepts[curve.false_accepts <= false_accepts].max())


def _at_threshold(distance: np.ndarray, label: np.ndarray, threshold: float) -> dict[str, float]:
    accepted = distance <= threshold
    return {
        "threshold": float(threshold),
        "accuracy": float((accepted == label).mean()),
        "true_accepts": float(accepted[label].mean()),
        "false_accepts": float(accepted[~label].mean()),
    }


def _pairs(distances: Tensor | np.ndarray, similar: Tensor | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Check the pairs; return float64 distances and bool labels."""
    distance, label = (x.detach().cpu() if isinstance(x, Tensor) else x for x in (distances, similar))
    distance, label = np.asarray(distance, dtype=np.float64), np.asarray(label)
    if distance.ndim != 1 or distance.shape != label.shape:
        raise ValueError(f"`distances` and `similar` must both have shape (P,), got {distance.shape} and {label.shape}")
    wrong = int((~np.isfinite(distance)).sum())
    if wrong:
        raise ValueError(f"`distances` must be finite, got {wrong} values that are not")
    if not np.isin(label, (0, 1)).all():
        raise ValueError(f"`similar` must be 0 or 1, got {label[~np.isin(label, (0, 1))][0]}")
    label = label.astype(bool)
    if label.all() or not label.any():
        counts = f"{int(label.sum())} similar and {int((~label).sum())} dissimilar ones"
        raise ValueError(f"`similar` must hold pairs of both kinds, got {counts}")
    return distance, label
