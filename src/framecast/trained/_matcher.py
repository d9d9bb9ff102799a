"""A trained matcher, from a checkpoint: image files or arrays in, embeddings and distances out.

Shape letters: N images, T frames, C channels, H height, W width, E embedding size.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from framecast.data import read_image, read_recording
from framecast.models import ClipEncoder, Siamese
from framecast.runs import Scale

from ._network import scale_of, trained_network

_BATCH = 256
_DARK = 0.4  # mean below which training's images were dark; MNIST's is 0.13, the built-in digits' 0.3


class Matcher:
    """A network that tells whether two images, or two clips, show the same thing; :func:`framecast.load` makes one.

    Args:
        network: the Siamese network.
        size: height and width of the images that it was trained on.
        channels: their channels, 1 for grey and 3 for colour.
        scale: their scale.
        threshold: distance up to which two images are judged the same, as chosen on validation; NaN if none was.
        unit_length: whether embeddings are scaled to length 1.
        brightness: mean of training's images in unit scale; NaN if unknown.
        ground: what transparent pixels of training's images were laid on; None if each chose its own.
        value_range: values that became black and white in training's images of more than 8 bits; None if there were
            none.
    """

    def __init__(
        self,
        network: Siamese,
        size: tuple[int, int],
        *,
        channels: int = 1,
        scale: Scale | None = None,
        threshold: float = math.nan,
        unit_length: bool = False,
        brightness: float = math.nan,
        ground: float | tuple[float, ...] | None = None,
        value_range: tuple[float, float] | None = None,
    ) -> None:
        self.network = network.eval()
        self.size, self.channels = size, channels
        self.scale = scale or Scale(0.0, 255.0, "grey level", "uint8")
        self.threshold, self.unit_length, self.brightness = threshold, unit_length, brightness
        self.ground, self.value_range = ground, value_range

    @classmethod
    def from_checkpoint(
        cls, checkpoint: dict[str, Any], path: str | Path, network: nn.Module | None, device: str | torch.device
    ) -> Matcher:
        """Make the matcher of a checkpoint that was read from a path; see :func:`framecast.load`.

        Raises:
            ValueError: if its network is unknown or no Siamese network, or the weights are another network's.
        """
        about = checkpoint["framecast"]
        network = trained_network(checkpoint, path, network, device)
        if not isinstance(network, Siamese):
            raise ValueError(f"`network` must be a Siamese network for {path}, got {type(network).__name__}")
        height, width = about["data"]["frame_size"]
        return cls(
            network,
            (height, width),
            channels=about["data"]["channels"],
            scale=scale_of(about),
            threshold=about["threshold"],
            unit_length=about["unit_length"],
            brightness=about["brightness"],
            ground=about["data"].get("ground"),
            value_range=about["data"].get("value_range"),
        )

    @property
    def takes_clips(self) -> bool:
        """Whether it matches clips and not images."""
        return isinstance(self.network.encoder, ClipEncoder)

    def read(self, path: str | Path, *, invert: bool = False) -> np.ndarray:
        """Read an image file and bring it to the size and the channels of training's images, or read a clip.

        Args:
            path: the file; see :func:`framecast.data.read_image`, and for clips :func:`framecast.data.read_recording`.
            invert: whether light and dark are to be exchanged.

        Returns:
            ``(C, H, W)``, or a clip ``(T, C, H, W)``, from 0 to 255.

        Raises:
            FileNotFoundError: if there is no such file.
            ValueError: if it cannot be read, or a clip's frames are of another size than training's.
        """
        values = self._read_clip(path) if self.takes_clips else self._read_image(path)
        return 255 - values if invert else values

    def seems_inverted(self, image: np.ndarray) -> bool:
        """Whether a grey image is light where training's were dark, as black ink on white is to MNIST's digits."""
        mean = float(np.mean(self.scale.to_unit(np.asarray(image, np.float32))))
        return self.channels == 1 and mean > 0.5 and self.brightness < _DARK

    def embed(self, images: np.ndarray | Sequence[np.ndarray]) -> np.ndarray:
        """Embed images, or clips, one by one.

        Args:
            images: N images ``(C, H, W)``, or ``(H, W)`` of one channel; or N clips ``(T, C, H, W)`` of any lengths. In
                the scale of training (0 to 255), and of its size where the encoder takes one size only.

        Returns:
            float32 ``(N, E)``. The distance of two images is the Euclidean one of their embeddings.

        Raises:
            ValueError: if one has another number of axes or channels, or a size that the encoder cannot take.
        """
        items = [self._whole(np.asarray(image)) for image in images]
        sizes = {item.shape[-2:] for item in items}
        if len(sizes) > 1:
            raise ValueError(f"`images` must be of one size, got {sorted(sizes)}")
        parts = [self._embed(items[start : start + _BATCH]) for start in range(0, len(items), _BATCH)]
        return np.concatenate(parts) if parts else np.empty((0, self.network.embedding_size), np.float32)

    def distance(
        self, first: np.ndarray | Sequence[np.ndarray], second: np.ndarray | Sequence[np.ndarray]
    ) -> np.ndarray:
        """Distances ``(N,)`` of N pairs, each side as for :meth:`embed`.

        Raises:
            ValueError: as for :meth:`embed`, or if the sides are of different numbers.
        """
        if len(first) != len(second):
            raise ValueError(f"`first` and `second` must hold as many images, got {len(first)} and {len(second)}")
        distance: np.ndarray = np.linalg.norm(self.embed(first) - self.embed(second), axis=1)
        return distance

    def same(self, first: np.ndarray | Sequence[np.ndarray], second: np.ndarray | Sequence[np.ndarray]) -> np.ndarray:
        """Whether N pairs show the same thing each, bool ``(N,)``: whether their distance is at most the threshold.

        Raises:
            ValueError: as for :meth:`distance`, or if there is no threshold.
        """
        if math.isnan(self.threshold):
            raise ValueError("the checkpoint has no threshold, as nothing was validated in training")
        same: np.ndarray = self.distance(first, second) <= self.threshold
        return same

    def _read_image(self, path: str | Path) -> np.ndarray:
        grayscale = self.channels == 1
        return read_image(path, self.size, grayscale, ground=self.ground, value_range=self.value_range)

    def _read_clip(self, path: str | Path) -> np.ndarray:
        recording = read_recording(path)
        frames = recording.frames
        if frames.shape[1] == 3 and self.channels == 1:
            frames = read_recording(path, grayscale=True).frames
        if frames.shape[-2:] != self.size:
            theirs, ours = ("x".join(map(str, size)) for size in (frames.shape[-2:], self.size))
            raise ValueError(f"{path} has frames of {theirs}, but the model was trained on {ours}")
        if not np.isfinite(frames).all():
            raise ValueError(f"{path} has missing values (NaN), which cannot be matched")
        return frames

    def _whole(self, item: np.ndarray) -> np.ndarray:
        """An image as ``(C, H, W)``, a clip as ``(T, C, H, W)``, checked."""
        axes = "(T, C, H, W)" if self.takes_clips else "(C, H, W)"
        whole = item[None] if item.ndim == 2 and not self.takes_clips else item
        if whole.ndim != 3 + self.takes_clips:
            raise ValueError(f"each of `images` must be {axes}, got shape {item.shape}")
        if whole.shape[-3] != self.channels:
            raise ValueError(f"each of `images` must have {self.channels} channels, got shape {item.shape}")
        return whole

    def _embed(self, items: Sequence[np.ndarray]) -> np.ndarray:
        device = next(self.network.parameters()).device
        units = [torch.from_numpy(np.asarray(self.scale.to_unit(item.astype(np.float32)))) for item in items]
        lengths = torch.tensor([len(item) for item in items], device=device) if self.takes_clips else None
        with torch.inference_mode():
            embeddings: Tensor = self.network.embed(pad_sequence(units, batch_first=True).to(device), lengths).float()
            array: np.ndarray = (F.normalize(embeddings) if self.unit_length else embeddings).cpu().numpy()
        return array
