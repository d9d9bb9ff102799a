"""A trained forecaster, from a checkpoint: arrays in, arrays out, in the user's own scale.

Shape letters: T input frames, K forecast frames, C channels, H height, W width.
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from framecast import models
from framecast.data import Scale
from framecast.losses import LOSSES


class Forecaster:
    """A network that forecasts frames in the scale it was trained on; :func:`framecast.load` makes one.

    Args:
        network: called as ``network(frames, horizon)``.
        loss: name of the loss it was trained with, which says how its output becomes frames.
        scale: the scale of the training data.
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
        input_frames: int = 1,
        reduce: int = 1,
        grayscale: bool = False,
    ) -> None:
        self.network, self.loss, self.scale = network.eval(), LOSSES[loss](), scale
        self.input_frames, self.reduce, self.grayscale = input_frames, reduce, grayscale

    @property
    def channels(self) -> int:
        """Channels of the input frames."""
        return int(self.network.channels)  # type: ignore[arg-type]

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


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """Read a checkpoint of Framecast without running any code that it might hold.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is no checkpoint of Framecast, is damaged, or holds more than plain values and tensors.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no checkpoint {path}")
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ValueError(
            f"{path} holds more than tensors and plain values (loading it could run code), or is no checkpoint; refused"
        ) from error
    except Exception as error:  # what torch raises for a file that is none of its own varies
        raise ValueError(f"{path} is no checkpoint, or is damaged or cut short") from error
    about = checkpoint.get("framecast") if isinstance(checkpoint, dict) else None
    if not isinstance(about, dict) or "task" not in about or "state_dict" not in checkpoint:
        raise ValueError(f"{path} is not a checkpoint of Framecast: it does not say which model it holds")
    return checkpoint


def load(path: str | Path, *, network: nn.Module | None = None, device: str | torch.device = "cpu") -> Forecaster:
    """Load a trained forecaster from a checkpoint.

    Only tensors and plain values are read: a checkpoint cannot run code.

    Args:
        path: a ``.ckpt`` that ``framecast fit`` wrote.
        network: the network to fill, if it is not one of :mod:`framecast.models`.
        device: where to run it.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is damaged, not Framecast's, of another task, or holds another network's weights.
    """
    checkpoint = read_checkpoint(path)
    about = checkpoint["framecast"]
    if about.get("task") != "forecast":
        raise ValueError(f"{path} is a checkpoint of the task {about.get('task')!r}, not of a forecaster")
    if network is None:
        network = build_network(about, path)
    prefix = "network."
    weights = {k.removeprefix(prefix): v for k, v in checkpoint["state_dict"].items() if k.startswith(prefix)}
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        first = str(error).splitlines()[1].strip() if "\n" in str(error) else str(error)
        raise ValueError(f"the weights in {path} are those of another model: {first}") from error
    scale = Scale.from_dict(about["scale"]) if about.get("scale") else Scale(0.0, 1.0)
    data = about.get("data", {})
    reading = {name: data[name] for name in ("input_frames", "reduce", "grayscale") if name in data}
    try:
        network = network.to(device)
    except (RuntimeError, AssertionError) as error:
        raise ValueError(f"`device` (={device}) is not available here: {str(error).splitlines()[0]}") from error
    if about.get("loss") not in LOSSES:
        raise ValueError(f"{path} was trained with a loss {about.get('loss')!r}, which is unknown here")
    return Forecaster(network, about["loss"], scale, **reading)


def build_network(about: dict[str, Any], path: str | Path) -> nn.Module:
    """Build the network that a checkpoint names, if it is one of Framecast's own."""
    name = about.get("network", "")
    if name not in {n for n in vars(models) if not n.startswith("_")}:
        raise ValueError(f"{path} holds a network {name!r}, which Framecast does not know; pass `network=`")
    try:
        network = getattr(models, name)(**about["config"])
    except (TypeError, KeyError) as error:
        raise ValueError(
            f"{path} is of another version of Framecast: {name} cannot be built from it ({error})"
        ) from error
    assert isinstance(network, nn.Module)
    return network
