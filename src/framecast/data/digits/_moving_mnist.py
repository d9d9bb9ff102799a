"""Moving MNIST: sequences of digits in motion, drawn or published.

Shape letters: T input frames, K horizon, H height, W width.
"""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from framecast.runs import PARTS

from .._checks import check_positive, check_seed, list_index
from .._window import Window
from ._digits import load_digits
from ._motion import Motion


@dataclass(kw_only=True, eq=False)
class MovingMNIST(Motion, Window, Dataset[dict[str, Tensor]]):
    """Sequences of moving digits, see :class:`Motion`; each is drawn when it is read.

    An item is a function of (seed, split, index) alone: ``{"input": (T, 1, H, W), "target": (K, 1, H, W)}``, float32
    in [0, 1].

    Args:
        source: ``"builtin"`` or a folder with MNIST's files, see :func:`load_digits`.
        split: ``"train"``, ``"val"`` or ``"test"``: no digit is in two of them.
        length: number of sequences; it may be huge, as none is drawn in advance.
        digits: number of digits in a sequence.
        seed: seed of the sequences.
        download: fetch MNIST's files that are missing.

    Raises:
        ValueError: if a number is out of its range or a digit does not fit into the frame.
        IndexError: for an index out of range.

    Example:
        >>> sample = MovingMNIST(split="test", length=5)[-1]
        >>> sample["input"].shape, sample["target"].shape
        (torch.Size([10, 1, 64, 64]), torch.Size([10, 1, 64, 64]))
    """

    source: str | Path = field(default="builtin", kw_only=False)
    split: str = field(default="train", kw_only=False)
    length: int = 10_000
    digits: int = 2
    seed: int = 0
    download: bool = False

    channels: int = field(init=False, default=1)

    def __post_init__(self) -> None:
        check_positive("length", self.length)
        check_positive("digits", self.digits)
        check_seed(self.seed)
        Window.__post_init__(self)
        Motion.__post_init__(self)
        self.images, _ = load_digits(self.source, self.split, self.digit_size, self.download)

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        entropy = (self.seed, PARTS.index(self.split), list_index(index, self.length))
        random = np.random.default_rng(np.random.SeedSequence(entropy))
        digits = self.images[random.integers(len(self.images), size=self.digits)]
        return _sample(self.draw(random, digits, self.input_frames + self.horizon), self.input_frames)


@dataclass(kw_only=True, eq=False)
class MovingMNISTTest(Window, Dataset[dict[str, Tensor]]):
    """The published test sequences, ``mnist_test_seq.npy``: 10,000 of 20 frames with two digits.

    They are those of Srivastava et al. 2015. Items are those of :class:`MovingMNIST`. The file is mapped, not loaded.

    Args:
        path: the file, uint8 ``(20, n, 64, 64)``.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is not an array of that shape and type, or is truncated, or too many frames are asked for.
        IndexError: for an index out of range.
    """

    path: str | Path = field(kw_only=False)

    channels: int = field(init=False, default=1)
    frame_size: tuple[int, int] = field(init=False, default=(64, 64))

    def __post_init__(self) -> None:
        super().__post_init__()
        frames, self.length = self._open().shape[:2]
        if self.input_frames + self.horizon > frames:
            raise ValueError(
                f"`input_frames` (={self.input_frames}) + `horizon` (={self.horizon}) must be at most {frames}"
            )

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        frames = self._open()[: self.input_frames + self.horizon, list_index(index, self.length)]
        return _sample(np.array(frames), self.input_frames)

    def _open(self) -> np.ndarray:
        """Map the file at every item: that is quick, and a mapped file cannot be sent to worker processes."""
        path = Path(self.path)
        if not path.is_file():
            raise FileNotFoundError(
                f"{path} does not exist: it is mnist_test_seq.npy from "
                "https://www.cs.toronto.edu/~nitish/unsupervised_video/"
            )
        try:
            frames = np.load(path, mmap_mode="r", allow_pickle=False)
        except (ValueError, EOFError) as error:
            raise ValueError(f"{path} is not a readable .npy file: {error}") from error
        if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[0] != 20 or frames.shape[2:] != self.frame_size:
            raise ValueError(f"{path} must be uint8 (20, n, 64, 64), got {frames.dtype} {frames.shape}")
        return frames


def _sample(frames: np.ndarray, input_frames: int) -> dict[str, Tensor]:
    unit = torch.from_numpy(frames).unsqueeze(1).float() / 255
    return {"input": unit[:input_frames], "target": unit[input_frames:]}
