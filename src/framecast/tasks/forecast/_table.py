"""Scores as plain text."""

import math
from collections.abc import Mapping, Sequence

from framecast.metrics import ScoreSummary
from framecast.runs import score_title

_COLUMNS = ("mse", "mae", "cross_entropy", "ssim", "psnr")


def format_table(scores: Mapping[str, Mapping[str, ScoreSummary]]) -> str:
    """Lay out the scores of a model and its baselines: the means, then the MSE by lead time.

    Args:
        scores: by forecast (``"model"``, which comes first, and baselines), what :class:`ForecastScores` computed.

    Returns:
        Lines without a final line break; a score that does not exist is a dash.

    Example:
        >>> import torch
        >>> from framecast.metrics import BASELINES, ForecastScores
        >>> frames = torch.linspace(0, 1, 2 * 4 * 64).reshape(2, 4, 1, 8, 8)
        >>> scores = {}
        >>> for name, forecast in BASELINES.items():
        ...     metric = ForecastScores(horizon=2)
        ...     metric.update(forecast(frames[:, :2], 2), frames[:, 2:])
        ...     scores[name] = metric.compute()
        >>> print(format_table(scores))
                       MSE    MAE  cross-entropy    SSIM  PSNR (dB)
        better       lower  lower          lower  higher     higher
        last_frame   2.510  12.02          39.21  0.8859      15.03
        mean_frame   4.267  16.03          44.78  0.7754      12.30
        zero        29.370  40.02        4001.57  0.0002       4.89
        <BLANKLINE>
        MSE by lead time (lower is better)
        lead time  last_frame  mean_frame   zero
        1               1.004       2.259  24.36
        2               4.016       6.274  34.38
    """
    names = sorted(scores, key=lambda name: name != "model")
    titles = [score_title(column) for column in _COLUMNS]
    header = [["", *(title.with_unit for title in titles)], ["better", *(title.better for title in titles)]]
    means = [_numbers([scores[name][column]["mean"] for name in names]) for column in _COLUMNS]
    by_lead_time = [_numbers(scores[name]["mse"]["by_lead_time"]) for name in names]
    lead_times = [str(lead_time + 1) for lead_time in range(len(by_lead_time[0]))]
    return "\n".join(
        [
            *_aligned([*header, *zip(names, *means, strict=True)]),
            "",
            f"MSE by lead time ({score_title('mse').better} is better)",
            *_aligned([["lead time", *names], *zip(lead_times, *by_lead_time, strict=True)]),
        ]
    )


def _numbers(values: Sequence[float | None]) -> list[str]:
    """Write a column with as many decimals, six at most, as give its first value (the model's) four digits."""
    size = next((abs(value) for value in values if value), 1.0)
    decimals = min(max(3 - math.floor(math.log10(size)), 0), 6)
    return ["-" if value is None else f"{value:.{decimals}f}" for value in values]


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        )
        for row in rows
    ]
