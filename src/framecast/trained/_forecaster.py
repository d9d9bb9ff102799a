"""A trained forecaster, from a checkpoint: arrays in, arrays out, in the user's own scale.

Shape letters: T input frames, K forecast frames, C channels, H height, W width.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from framecast.losses import LOSSES
from framecast.runs import Scale

from ._network import scale_of, trained_network


class Forecaster:
    """A network that forecasts frames in the scale it was trained on; :func:`framecast.load` makes one.

    Args:
        network: called as ``network(frames, horizon)``.
        loss: name of the loss it was trained with, which says how its output becomes frames.
        scale: the scale of the training data.
        channels: channels of the frames; None for those that the network says in ``channels``.
        input_frames: number of frames it was trained to see.
        reduce: factor by which the training frames were block-averaged.
        grayscale: whether their colours were turned into one channel.
    """

    def __init__(
        self,
        network: nn.Module,
        loss: str,
        scale: Scale,
        *,
        channels: int | None = None,
        input_frames: int = 1,
        reduce: int = 1,
        grayscale: bool = False,
    ) -> None:
        self.network, self.loss, self.scale = network.eval(), LOSSES[loss](), scale
        self.channels = int(network.channels if channels is None else channels)  # type: ignore[arg-type]
        self.input_frames, self.reduce, self.grayscale = input_frames, reduce, grayscale

    @classmethod
    def from_checkpoint(
        cls, checkpoint: dict[str, Any], path: str | Path, network: nn.Module | None, device: str | torch.device
    ) -> Forecaster:
        """Make the forecaster of a checkpoint that was read from a path; see :func:`framecast.load`.

        Raises:
            ValueError: if its network or its loss is unknown, or the weights are another network's.
        """
        about = checkpoint["framecast"]
        network = trained_network(checkpoint, path, network, device)
        data = about.get("data", {})
        reading = {name: data[name] for name in ("channels", "input_frames", "reduce", "grayscale") if name in data}
        if about.get("loss") not in LOSSES:
            raise ValueError(f"{path} was trained with a loss {about.get('loss')!r}, which is unknown here")
        return cls(network, about["loss"], scale_of(about), **reading)

    def predict(
        self, frames: np.ndarray, horizon: int, *, scale: Scale | None = None, input_frames: int | None = None
    ) -> np.ndarray:
        """Forecast the frames that follow the last ones.

        Args:
            frames: ``(T, H, W)`` or ``(T, C, H, W)``, in the scale of the training data; NaN where there is no value.
            horizon: number K of frames to forecast.
            scale: the frames' own scale if it is another than that of the training data.
            input_frames: number of last frames to forecast from; None for as many as in training.

        Returns:
            ``(K, H, W)`` or ``(K, C, H, W)`` float32, in the scale of ``frames``.

        Raises:
            ValueError: if the frames have another number of axes or channels, are too few, or have no finite value.
        """
        array = np.asarray(frames, dtype=np.float32)
        if array.ndim not in (3, 4):
            raise ValueError(f"`frames` must be (T, H, W) or (T, C, H, W), got shape {array.shape}")
        full = array[:, None] if array.ndim == 3 else array
        if full.shape[1] != self.channels:
            raise ValueError(f"`frames` have {full.shape[1]} channels, but the model takes {self.channels}")
        needed = self.input_frames if input_frames is None else input_frames
        if needed < 1 or len(full) < needed:
            raise ValueError(f"`frames` are {len(full)}, but the model needs {needed} to forecast from")
        full = full[-needed:]
        if not np.isfinite(full).any():
            raise ValueError(f"the last {needed} frames hold no finite value to forecast from")
        scale = scale or self.scale
        unit = np.nan_to_num(scale.to_unit(full), nan=0.0)
        device = next(self.network.parameters()).device
        with torch.inference_mode():
            x = torch.from_numpy(np.ascontiguousarray(unit, dtype=np.float32)).unsqueeze(0).to(device)
            output = self.loss.to_prediction(self.network(x, horizon)).squeeze(0).float().cpu().numpy()
        forecast = np.asarray(scale.from_unit(output), dtype=np.float32)
        return forecast[:, 0] if array.ndim == 3 and forecast.shape[1] == 1 else forecast
