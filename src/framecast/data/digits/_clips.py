"""Clips of one moving digit each: which digit is it, whatever its path?

Shape letters: T longest clip in frames, C channels, H height, W width.
"""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from framecast.runs import PARTS

from .._checks import check_positive, check_seed, list_index
from ._digits import load_digits
from ._motion import Motion

_ORDER = 1  # keeps the order of the digits apart from the paths of the same seed


@dataclass(kw_only=True)
class ClipMotion(Motion):
    """Motion of one digit in a clip; the data set and the source of clips inherit the options.

    Args:
        min_frames: smallest number of frames in a clip.
        max_frames: largest number of frames in a clip, T.

    Raises:
        ValueError: if a number is out of its range or a digit does not fit into the frame.
    """

    size: int | tuple[int, int] = 32
    digit_size: int = 20
    speed: float | tuple[float, float] | None = (1.0, 3.0)
    min_frames: int = 6
    max_frames: int = 12

    def __post_init__(self) -> None:
        check_positive("min_frames", self.min_frames)
        if self.max_frames < self.min_frames:
            raise ValueError(f"`max_frames` (={self.max_frames}) must be at least `min_frames` (={self.min_frames})")
        super().__post_init__()


@dataclass(kw_only=True, eq=False)
class MovingDigitClips(ClipMotion, Dataset[dict[str, Tensor]]):
    """Clips of one digit that drifts over a dark frame and bounces off its edges, as in :class:`MovingMNIST`.

    Item ``{"image": float32 (T, 1, H, W) in [0, 1], "label": int64 (), "length": int64 ()}``: frames from ``"length"``
    on are 0. An item is a function of (seed, split, index) alone. The data set shows every digit of the split once
    before it shows one again, on another path.

    Args:
        source: ``"builtin"`` or a folder with MNIST's files, see :func:`load_digits`.
        split: ``"train"``, ``"val"`` or ``"test"``: no image of a digit is in two of them.
        length: number of clips; a clip is drawn when it is read.
        seed: seed of the clips.

    Raises:
        ValueError: if a number is out of its range or a digit does not fit into the frame.
        IndexError: for an index out of range.

    Example:
        >>> clip = MovingDigitClips(split="test", length=5)[3]
        >>> clip["image"].shape, 6 <= clip["length"] <= 12
        (torch.Size([12, 1, 32, 32]), tensor(True))
    """

    source: str | Path = field(default="builtin", kw_only=False)
    split: str = field(default="train", kw_only=False)
    length: int = 1000
    seed: int = 0

    classes: tuple[str, ...] = field(init=False, default=tuple("0123456789"))

    def __post_init__(self) -> None:
        check_positive("length", self.length)
        check_seed(self.seed)
        super().__post_init__()
        self.digits, labels = load_digits(self.source, self.split, self.digit_size)
        self._order = self._shuffled_passes()
        self.labels = labels[self._order]

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        index = list_index(index, self.length, "clips")
        random = np.random.default_rng(np.random.SeedSequence((self.seed, PARTS.index(self.split), index)))
        digit = self.digits[self._order[index] :][:1]
        length = int(random.integers(self.min_frames, self.max_frames + 1))
        frames = np.zeros((self.max_frames, 1, *self.frame_size), np.float32)
        frames[:length, 0] = self.draw(random, digit, length) / np.float32(255)
        return {
            "image": torch.from_numpy(frames),
            "label": torch.from_numpy(self.labels[index : index + 1])[0],
            "length": torch.from_numpy(np.array(length)),
        }

    def _shuffled_passes(self) -> np.ndarray:
        """Return the index of each clip's digit: as many passes over all digits as there are clips for."""
        count = len(self.digits)
        passes = [
            np.random.default_rng((self.seed, PARTS.index(self.split), number, _ORDER)).permutation(count)
            for number in range(-(-self.length // count))
        ]
        return np.concatenate(passes)[: self.length]
