"""Forecasting: last frames in, next frames out.

Shape letters: N batch, T input frames, K forecast frames, C channels, H height, W width.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import lightning.pytorch as pl
import torch
from torch import Tensor, nn

from framecast.losses import LOSSES
from framecast.metrics import BASELINES, ForecastScores
from framecast.models import fill_gaps
from framecast.runs import RunFolder

from .._base import Task
from .._callbacks import FramesPerSecond
from .._evenly import evenly_spread
from .._results import Results
from ._network import check_network
from ._results import forecast_results


@dataclass(kw_only=True, eq=False, repr=False)
class Forecast(Task):
    """Train and score a network that forecasts frames.

    A batch is ``{"input": (N, T, C, H, W), "target": (N, K, C, H, W)}`` in unit scale, with a bool ``"mask"`` of the
    target's shape, and an ``"input_mask"`` of the input's, where pixels can be missing. Testing scores the network and
    the baselines that cost nothing.

    Where the input has no value, the network sees the number ``fill``, and on request a further channel for each of the
    frames', 1 where there is a value and 0 where there is none.

    Args:
        network: a :class:`ForecastNetwork`: any module that is called as ``network(frames, horizon)``, for example
            :class:`framecast.models.EncoderForecaster`.
        loss: ``"cross_entropy"`` (the forecast is the sigmoid of the network's output) or ``"mse"``.
        fill: what the network sees where the input has no value, in unit scale.
        mask_channel: show the network which pixels have a value, in as many channels again as the frames have.
        examples: number of test forecasts to keep for the report, evenly spread over the test set.

    Raises:
        ValueError: naming the argument, its rule and its value.
    """

    kind: ClassVar[str] = "forecast"

    network: nn.Module = field(kw_only=False)
    loss: str = "cross_entropy"
    fill: float = 0.0
    mask_channel: bool = False
    examples: int = 12

    def __post_init__(self) -> None:
        check_network(self.network)
        super().__post_init__()
        if self.loss not in LOSSES:
            raise ValueError(f"`loss` must be one of {', '.join(map(repr, LOSSES))}, got {self.loss!r}")
        if not math.isfinite(self.fill):
            raise ValueError(f"`fill` (={self.fill}) must be a finite number, in unit scale")
        if self.examples < 0:
            raise ValueError(f"`examples` (={self.examples}) must not be negative")
        self.frame_loss = LOSSES[self.loss]()
        self.scores: dict[str, ForecastScores] = {}
        self.example_frames: dict[str, list[Tensor]] = {}
        self.sequences = 0

    def forward(self, frames: Tensor, horizon: int, mask: Tensor | None = None) -> Tensor:
        """Forecast ``(N, K, C, H, W)`` in unit scale from ``frames (N, T, C, H, W)``, gaps where a mask is False."""
        return self.frame_loss.to_prediction(self._output(frames, horizon, mask))

    def loss_of(self, batch: dict[str, Tensor]) -> Tensor:
        """Return the loss of a batch, the mean over its valid pixels."""
        output = self._output(batch["input"], batch["target"].shape[1], batch.get("input_mask"))
        return self.frame_loss(output, batch["target"], batch.get("mask"))

    def describe(self) -> dict[str, Any]:
        """See the base."""
        return {**super().describe(), "loss": self.loss, "fill": self.fill, "mask_channel": self.mask_channel}

    def check_data(self, about: dict[str, Any]) -> None:
        """See the base."""
        if "input_frames" not in about:
            raise ValueError("`data` must be sequences of frames for the task Forecast: MovingMNISTData or FrameData")
        frame_channels = about["channels"]
        channels = frame_channels * (1 + self.mask_channel)
        taken = getattr(self.network, "channels", channels)
        if channels != taken:
            raise ValueError(
                f"the frames have {frame_channels} channel{'s' * (frame_channels > 1)}"
                + f" and as many of `mask_channel`, {channels} together" * self.mask_channel
                + f", but the model takes {taken}: set --model.network.channels {channels}"
                + ", or --data.grayscale true" * (frame_channels == 3)
            )
        forecast = getattr(self.network, "out_channels", frame_channels)
        if forecast != frame_channels:
            raise ValueError(
                f"the frames have {frame_channels} channel{'s' * (frame_channels > 1)}, but the model forecasts "
                f"{forecast}: set --model.network.out_channels {frame_channels}"
            )

    def run_callbacks(self, run: RunFolder) -> list[pl.Callback]:
        """See the base."""
        return [*super().run_callbacks(run), FramesPerSecond()]

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        """Log the loss of the validation set."""
        self.log("val_loss", self.loss_of(batch), batch_size=len(batch["input"]), prog_bar=True, sync_dist=True)

    def on_test_start(self) -> None:
        """Begin new scores."""
        self.scores = {}
        self.example_frames = {"input": [], "target": [], "forecast": []}
        self.sequences = 0

    def test_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        """Score the network and the baselines on a batch."""
        frames, target, mask = batch["input"], batch["target"], batch.get("mask")
        horizon = target.shape[1]
        seen = batch.get("input_mask")
        forecasts = {"model": self(frames, horizon, seen)}
        forecasts |= {name: baseline(frames, horizon, seen) for name, baseline in BASELINES.items()}
        for name, forecast in forecasts.items():
            if name not in self.scores:
                self.scores[name] = ForecastScores(horizon).to(self.device)
            self.scores[name].update(forecast.float(), target, mask)
        shown = frames if seen is None else frames.where(seen, torch.nan)
        self._keep(shown, target if mask is None else target.where(mask, torch.nan), forecasts["model"])

    def results(self) -> dict[str, Any]:
        """Return the scores by forecast, after testing."""
        return {name: score.compute() for name, score in self.scores.items()}

    def summarize(self, protocol: Mapping[str, Any]) -> Results:
        """See the base."""
        return forecast_results(self.kind, protocol, self.results(), self.sequences, self.example_frames)

    def _output(self, frames: Tensor, horizon: int, mask: Tensor | None) -> Tensor:
        """Return the network's output for frames whose gaps are filled."""
        output: Tensor = self.network(fill_gaps(frames, mask, self.fill, self.mask_channel), horizon)
        return output

    def _keep(self, frames: Tensor, target: Tensor, forecast: Tensor) -> None:
        """Keep some examples, evenly spread over the test set."""
        total = len(self.trainer.datamodule.test_set)  # type: ignore[attr-defined]
        chosen = evenly_spread(self.examples, total)
        for row in range(len(frames)):
            if self.sequences + row in chosen:
                for name, value in (("input", frames), ("target", target), ("forecast", forecast)):
                    self.example_frames[name].append(value[row].float().cpu())
        self.sequences += len(frames)
