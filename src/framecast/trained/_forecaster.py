"""A trained forecaster, from a checkpoint: arrays in, arrays out, in the user's own scale.

Shape letters: T input frames, K forecast frames, C channels, H height, W width.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from framecast.data import Missing, check_missing, to_float
from framecast.losses import LOSSES
from framecast.models import fill_gaps
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
        missing: values, or ranges ``(low, high)``, that stood for no value in the training data.
        ground: what transparent pixels of the training data were laid on; None if each recording chose its own.
        fill: what the network sees where there is no value, in unit scale.
        mask_channel: whether it also sees which pixels have a value, see :func:`framecast.models.fill_gaps`.
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
        missing: Sequence[Missing] = (),
        ground: float | tuple[float, ...] | None = None,
        fill: float = 0.0,
        mask_channel: bool = False,
    ) -> None:
        self.network, self.loss, self.scale = network.eval(), LOSSES[loss](), scale
        self.channels = int(network.channels) // (1 + mask_channel) if channels is None else channels  # type: ignore[arg-type]
        self.input_frames, self.reduce, self.grayscale = input_frames, reduce, grayscale
        self.missing, self.fill, self.mask_channel = check_missing(missing), fill, mask_channel
        self.ground = ground

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
        names = ("channels", "input_frames", "reduce", "grayscale", "missing", "ground")
        options = {name: data[name] for name in names if name in data}
        options |= {name: about[name] for name in ("fill", "mask_channel") if name in about}
        if about.get("loss") not in LOSSES:
            raise ValueError(f"{path} was trained with a loss {about.get('loss')!r}, which is unknown here")
        return cls(network, about["loss"], scale_of(about), **options)

    def predict(
        self,
        frames: np.ndarray,
        horizon: int,
        *,
        scale: Scale | None = None,
        input_frames: int | None = None,
        missing: float | Sequence[Missing] | None = None,
    ) -> np.ndarray:
        """Forecast the frames that follow the last ones.

        A pixel has no value where it is NaN, masked in a masked array, or ``missing``. The network sees a number in its
        place, as in training. A pixel that has no value in any of the frames has none in the forecast.

        Args:
            frames: real numbers ``(T, H, W)`` or ``(T, C, H, W)``, in the scale of the training data.
            horizon: number K of frames to forecast.
            scale: the frames' own scale if it is another than that of the training data.
            input_frames: number of last frames to forecast from; None for as many as in training.
            missing: values, or ranges ``(low, high)``, that stand for no value; None for those of training.

        Returns:
            ``(K, H, W)`` or ``(K, C, H, W)`` float32, in the scale of ``frames``, NaN where it cannot be known; of a
            masked array a masked array.

        Raises:
            ValueError: if the frames have another number of axes or channels, are too few, are no real numbers, or
                have an infinite value that is not ``missing``, or no value at all.
        """
        numbers = frames if isinstance(frames, np.ma.MaskedArray) else np.asarray(frames)
        if numbers.dtype.kind not in "buif":
            raise ValueError(f"`frames` must be real numbers, got {numbers.dtype}")
        array = to_float(numbers, self.missing if missing is None else check_missing(missing))
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
        if np.isinf(full).any():
            raise ValueError("`frames` hold infinite values (as float32): replace them, or name them in `missing`")
        scale = scale or self.scale
        output = self._forecast(np.asarray(scale.to_unit(full), dtype=np.float32), horizon)
        forecast = np.asarray(scale.from_unit(output), dtype=np.float32)
        unknown = _unknown(full, forecast)
        forecast[unknown] = np.nan
        if isinstance(frames, np.ma.MaskedArray):
            forecast = np.ma.masked_array(forecast, unknown)
        return forecast[:, 0] if array.ndim == 3 and forecast.shape[1] == 1 else forecast

    def _forecast(self, unit: np.ndarray, horizon: int) -> np.ndarray:
        """Forecast ``(K, C, H, W)`` in unit scale from frames in unit scale, NaN where there is no value."""
        device = next(self.network.parameters()).device
        with torch.inference_mode():
            x = torch.from_numpy(np.ascontiguousarray(unit)).unsqueeze(0).to(device)
            x = fill_gaps(x, ~x.isnan(), self.fill, self.mask_channel)
            output = self.loss.to_prediction(self.network(x, horizon)).squeeze(0).float()
        forecast: np.ndarray = output.cpu().numpy()
        return forecast


def _unknown(frames: np.ndarray, forecast: np.ndarray) -> np.ndarray:
    """Return which pixels of a forecast cannot be known, bool ``(K, C, H, W)``: those without a value in any frame."""
    gaps = np.isnan(frames).all(0)
    if gaps.shape[1:] != forecast.shape[2:]:
        return np.zeros(forecast.shape, bool)
    if len(gaps) != forecast.shape[1]:
        gaps = gaps.all(0, keepdims=True)
    return np.broadcast_to(gaps, forecast.shape).copy()
