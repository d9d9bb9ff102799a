"""What scores and forecasts are called, for the screen and for reports.

The keys are those of ``metrics.json``. A score that is not in the table is shown under its key.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class ScoreTitle:
    """What a score is called and how to read it.

    Args:
        title: its name as it stands within a sentence.
        words: what it measures.
        better: which values are better; empty if unknown.
        unit: unit of its values; empty for plain numbers.
        is_share: whether it is a share from 0 to 1, shown in percent.
    """

    title: str
    words: str
    better: Literal["lower", "higher", ""]
    unit: str = ""
    is_share: bool = False

    @property
    def heading(self) -> str:
        """The title, with a capital letter; of an unknown score the key, as it is."""
        return capitalized(self.title) if self.better else self.title

    @property
    def with_unit(self) -> str:
        """The title, with the unit in parentheses."""
        return f"{self.title} ({self.unit})" if self.unit else self.title


FORECAST_SCORES = {
    "mse": ScoreTitle("MSE", "squared error, summed over a frame’s pixels", "lower"),
    "mae": ScoreTitle("MAE", "absolute error, summed over a frame’s pixels", "lower"),
    "cross_entropy": ScoreTitle("cross-entropy", "binary, in nats, summed over a frame’s pixels", "lower"),
    "ssim": ScoreTitle("SSIM", "structural similarity, 1 is perfect", "higher"),
    "ssim_openstl": ScoreTitle(
        "SSIM (OpenSTL)", "with OpenSTL’s data range of 2, for comparison with its tables", "higher"
    ),
    "psnr": ScoreTitle("PSNR", "peak signal-to-noise ratio, in decibels", "higher", unit="dB"),
}
"""Scores of forecasts, in the order of display."""

MATCH_SCORES = {
    "roc_auc": ScoreTitle(
        "ROC-AUC", "how often a pair of the same class is nearer than a pair of two classes", "higher"
    ),
    "eer": ScoreTitle(
        "equal error rate",
        "errors where as many pairs are wrongly accepted as wrongly rejected",
        "lower",
        is_share=True,
    ),
    "true_accepts_at_0.01": ScoreTitle(
        "true accepts at 1 % false accepts",
        "pairs of the same class accepted, while 1 % of the others are",
        "higher",
        is_share=True,
    ),
    "true_accepts_at_0.001": ScoreTitle(
        "true accepts at 0.1 % false accepts",
        "pairs of the same class accepted, while 0.1 % of the others are",
        "higher",
        is_share=True,
    ),
    "accuracy": ScoreTitle(
        "accuracy",
        "pairs judged rightly at the threshold {threshold}, chosen on validation pairs",
        "higher",
        is_share=True,
    ),
    "neighbour_accuracy": ScoreTitle(
        "nearest-neighbour accuracy",
        "test images whose class the nearest training images name",
        "higher",
        is_share=True,
    ),
}
"""Scores of matching, in the order of display. The words of ``accuracy`` take the threshold."""

ONE_SHOT = ScoreTitle(
    "one-shot, {kind}", "queries whose class was told from one example of each", "higher", is_share=True
)
"""Scores of one-shot classification, by the kind of trial, which the title takes."""

FORECASTS = {
    "model": "model",
    "last_frame": "last frame repeated",
    "mean_frame": "mean of the inputs",
    "zero": "all zero",
}
"""Forecasts that a test scores: the model's and those of the baselines."""


def score_title(key: str) -> ScoreTitle:
    """Return what a score is called; of an unknown one only its key is known.

    Example:
        >>> score_title("psnr").with_unit, score_title("eer").heading, score_title("hit_rate").title
        ('PSNR (dB)', 'Equal error rate', 'hit rate')
    """
    return FORECAST_SCORES.get(key) or MATCH_SCORES.get(key) or ScoreTitle(key.replace("_", " "), "", "")


def forecast_title(key: str) -> str:
    """Return what a forecast is called within a sentence.

    Example:
        >>> forecast_title("last_frame"), forecast_title("optical_flow")
        ('last frame repeated', 'optical flow')
    """
    return FORECASTS.get(key) or key.replace("_", " ")


def capitalized(words: str) -> str:
    """Return words with a capital first letter, the others as they are.

    Example:
        >>> capitalized("one-shot, 5-way across all"), capitalized("ROC-AUC")
        ('One-shot, 5-way across all', 'ROC-AUC')
    """
    return words[:1].upper() + words[1:]


def percent(share: float | None) -> str:
    """Write a share as a percentage with two decimals; a missing one is a dash.

    Example:
        >>> percent(0.9915), percent(0.0112), percent(1.0), percent(None)
        ('99.15 %', '1.12 %', '100 %', '–')
    """
    if share is None:
        return "–"
    return "100 %" if share == 1 else "0 %" if share == 0 else f"{100 * share:.2f} %"
