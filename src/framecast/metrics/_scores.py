"""The scores of forecasts, accumulated over a data set.

Shape letters: N batch, K horizon (lead times), C channels, H height, W width, S scores.
"""

import math
from collections.abc import Callable
from typing import NamedTuple, TypedDict

import torch
from torch import Tensor
from torchmetrics import Metric

from ._frames import cross_entropy, mae, mse, prepare, psnr
from ._ssim import WINDOW, ssim, ssim_openstl


class Score(NamedTuple):
    """A score of single frames and the frames for which it exists."""

    function: Callable[[Tensor, Tensor, Tensor | None], Tensor]
    """From prediction, target and mask ``(N, K, C, H, W)`` to a value per frame ``(N, K)``."""
    smallest_frame: int = 1
    """Least height and width, in pixels, for which it exists."""


SCORES: dict[str, Score] = {
    "mse": Score(mse),
    "mae": Score(mae),
    "cross_entropy": Score(cross_entropy),
    "ssim": Score(ssim, smallest_frame=WINDOW),
    "ssim_openstl": Score(ssim_openstl, smallest_frame=WINDOW),
    "psnr": Score(psnr),
}
"""The scores by the names that ``metrics.json`` uses."""


class ScoreSummary(TypedDict):
    """Averages of one score, None where no frame had a value."""

    mean: float | None
    """Over all frames: sequences x lead times."""
    by_lead_time: list[float | None]
    """Over the sequences, for each of the K lead times."""


class ForecastScores(Metric):
    """Every score of :data:`SCORES`, averaged over a data set, for each lead time and over all of them.

    A frame enters an average if it has a finite value there. Left out are: frames without a valid pixel; for SSIM,
    frames without a wholly valid window and all frames smaller than 7x7; for PSNR, perfect frames, whose value is
    infinite.

    Args:
        horizon: number of frames in a forecast, K.

    Raises:
        ValueError: if the horizon is not positive; in ``update``, if it is not the forecasts' length, if a prediction
            or a target is not finite where it counts, or as for :func:`mse`.

    Example:
        >>> import torch
        >>> scores = ForecastScores(horizon=2)
        >>> target = torch.zeros(3, 2, 1, 4, 4)
        >>> target[:, 1] = 1
        >>> scores.update(torch.full_like(target, 0.25), target)
        >>> scores.compute()["mse"]
        {'mean': 5.0, 'by_lead_time': [1.0, 9.0]}
        >>> scores.compute()["ssim"]  # no window of 7x7 in 4x4 pixels
        {'mean': None, 'by_lead_time': [None, None]}
    """

    is_differentiable = False
    full_state_update = False
    total: Tensor
    count: Tensor

    def __init__(self, horizon: int) -> None:
        super().__init__()
        if horizon < 1:
            raise ValueError(f"`horizon` (={horizon}) must be positive")
        self.horizon = horizon
        for state in ("total", "count"):
            self.add_state(state, torch.zeros(len(SCORES), horizon, dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, prediction: Tensor, target: Tensor, mask: Tensor | None = None) -> None:
        """Add a batch of forecasts.

        Args:
            prediction: predicted frames ``(N, K, C, H, W)`` in unit scale.
            target: true frames ``(N, K, C, H, W)``.
            mask: bool ``(N, K, C, H, W)``, True where a pixel counts; default: everywhere.
        """
        prediction, target, mask = prepare(prediction, target, mask)
        if target.shape[1] != self.horizon:
            raise ValueError(f"`target` must have `horizon` (={self.horizon}) frames, got shape {tuple(target.shape)}")
        _check_finite("prediction", prediction)
        _check_finite("target", target)
        values = torch.stack([_values(score, prediction, target, mask) for score in SCORES.values()])  # (S, N, K)
        counted = values.isfinite()
        self.total += values.where(counted, 0).sum(1)
        self.count += counted.sum(1)

    def compute(self) -> dict[str, ScoreSummary]:
        """Return the averages of all batches by the name of the score, as ``metrics.json`` holds them."""
        by_lead_time = (self.total / self.count).tolist()
        mean = (self.total.sum(1) / self.count.sum(1)).tolist()
        return {
            name: {"mean": _or_none(mean[row]), "by_lead_time": [_or_none(value) for value in by_lead_time[row]]}
            for row, name in enumerate(SCORES)
        }


def _values(score: Score, prediction: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    if min(target.shape[-2:]) < score.smallest_frame:
        return target.new_full(target.shape[:2], torch.nan)
    return score.function(prediction, target, mask)


def _check_finite(name: str, frames: Tensor) -> None:
    wrong = int((~frames.isfinite()).sum())
    if wrong:
        raise ValueError(f"`{name}` must be finite wherever `mask` is True, got {wrong} values that are not")


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else value  # NaN is 0 / 0: nothing was counted
