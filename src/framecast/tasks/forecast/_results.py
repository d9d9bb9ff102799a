"""What a test of forecasts writes and prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from framecast.metrics import ScoreSummary

from .._results import Results
from ._table import format_table

_AVERAGING = (
    "MSE, MAE and cross-entropy are sums over a frame's valid pixels (MSE and MAE of unclipped forecasts), SSIM and "
    "PSNR are of frames clipped to [0, 1]; all are means over frames and sequences"
)


def forecast_results(
    task: str,
    protocol: Mapping[str, Any],
    scores: Mapping[str, Mapping[str, ScoreSummary]],
    sequences: int,
    examples: Mapping[str, Sequence[Tensor]],
) -> Results:
    """Put together what a test of forecasts writes and prints.

    Args:
        task: kind of the task.
        protocol: the part of the protocol that all tasks have.
        scores: scores by forecast.
        sequences: number of sequences that were scored.
        examples: some inputs, targets and forecasts.
    """
    protocol = {**protocol, "sequences": sequences, "averaging": _AVERAGING}
    size = "x".join(map(str, protocol["frame_size"]))
    words = (
        f"{protocol['data']}; {protocol['sequences']} sequences of the {protocol['split']} part; "
        f"{protocol['input_frames']} frames in, {protocol['horizon']} out, {size} pixels, unit scale. "
        f"{protocol['averaging']}. {protocol['checkpoint']}, step {protocol['step']}."
    )
    arrays = {name: torch.stack(list(frames)).numpy() for name, frames in examples.items() if frames}
    return Results(task, protocol, scores, f"{format_table(scores)}\n\n{words}", arrays, "examples")
