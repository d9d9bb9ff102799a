"""Moving MNIST: digits that drift over a dark frame and bounce off its edges.

Shape letters: T input frames, K horizon, H height, W width.
"""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from framecast.runs import PARTS

from .._checks import check_positive, check_seed, height_and_width, list_index
from ._digits import load_digits

_STEP = 0.1  # of the canvas, per frame


class MovingMNIST(Dataset[dict[str, Tensor]]):
    """Sequences of moving digits (Srivastava et al. 2015); each is drawn when it is read.

    A digit's upper left corner starts anywhere on its canvas, the frame less the digit's size, and takes a step in a
    random direction before every frame, the first included. At an edge the corner stops and its speed across that edge
    changes sign. Positions are truncated to whole pixels, and digits overlaid by maximum. This is the motion of
    OpenSTL's loader.

    An item is a function of (seed, split, index) alone: ``{"input": (T, 1, H, W), "target": (K, 1, H, W)}``, float32
    in [0, 1].

    Args:
        source: ``"builtin"`` or a folder with MNIST's files, see :func:`load_digits`.
        split: ``"train"``, ``"val"`` or ``"test"``: no digit is in two of them.
        length: number of sequences; it may be huge, as none is drawn in advance.
        input_frames: number of frames of the input, T.
        horizon: number of frames of the target, K.
        size: frame size in pixels: a number, or (H, W).
        digits: number of digits in a sequence.
        digit_size: height and width of a digit in pixels.
        speed: pixels per frame: a number, or (low, high), between which each digit's own is drawn. Default: a tenth
            of the canvas.
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

    channels = 1

    def __init__(
        self,
        source: str | Path = "builtin",
        split: str = "train",
        *,
        length: int = 10_000,
        input_frames: int = 10,
        horizon: int = 10,
        size: int | tuple[int, int] = 64,
        digits: int = 2,
        digit_size: int = 28,
        speed: float | tuple[float, float] | None = None,
        seed: int = 0,
        download: bool = False,
    ) -> None:
        sizes = {"length": length, "input_frames": input_frames, "horizon": horizon, "digits": digits}
        for name, value in (sizes | {"digit_size": digit_size}).items():
            check_positive(name, value)
        check_seed(seed)
        self.size = self.frame_size = height_and_width("size", size)
        if digit_size > min(self.size):
            raise ValueError(f"`digit_size` (={digit_size}) must not exceed the frame's `size` (={size})")
        self.speed = None if speed is None else speed_range(speed)
        self.images, _ = load_digits(source, split, digit_size, download)
        self.split = split
        self.length = length
        self.input_frames = input_frames
        self.horizon = horizon
        self.digits = digits
        self.digit_size = digit_size
        self.seed = seed

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        entropy = (self.seed, PARTS.index(self.split), list_index(index, self.length))
        random = np.random.default_rng(np.random.SeedSequence(entropy))
        digits = self.images[random.integers(len(self.images), size=self.digits)]
        length = self.input_frames + self.horizon
        corners = trajectories(random, self.digits, length, self.size, self.digit_size, self.speed)
        return _sample(overlay(digits, corners, self.size), self.input_frames)


class MovingMNISTTest(Dataset[dict[str, Tensor]]):
    """The published test sequences, ``mnist_test_seq.npy``: 10,000 of 20 frames with two digits.

    They are those of Srivastava et al. 2015. Items are those of :class:`MovingMNIST`. The file is mapped, not loaded.

    Args:
        path: the file, uint8 ``(20, n, 64, 64)``.
        input_frames: number of frames of the input, T.
        horizon: number of frames of the target, K; with the input at most 20.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is not an array of that shape and type, or is truncated, or too many frames are asked for.
        IndexError: for an index out of range.
    """

    channels, frame_size = 1, (64, 64)

    def __init__(self, path: str | Path, *, input_frames: int = 10, horizon: int = 10) -> None:
        check_positive("input_frames", input_frames)
        check_positive("horizon", horizon)
        self.path = Path(path)
        self.input_frames = input_frames
        self.horizon = horizon
        frames, self.length = self._open().shape[:2]
        if input_frames + horizon > frames:
            raise ValueError(f"`input_frames` (={input_frames}) + `horizon` (={horizon}) must be at most {frames}")

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        frames = self._open()[: self.input_frames + self.horizon, list_index(index, self.length)]
        return _sample(np.array(frames), self.input_frames)

    def _open(self) -> np.ndarray:
        """Map the file at every item: that is quick, and a mapped file cannot be sent to worker processes."""
        if not self.path.is_file():
            raise FileNotFoundError(
                f"{self.path} does not exist: it is mnist_test_seq.npy from "
                "https://www.cs.toronto.edu/~nitish/unsupervised_video/"
            )
        try:
            frames = np.load(self.path, mmap_mode="r", allow_pickle=False)
        except (ValueError, EOFError) as error:
            raise ValueError(f"{self.path} is not a readable .npy file: {error}") from error
        if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[0] != 20 or frames.shape[2:] != self.frame_size:
            raise ValueError(f"{self.path} must be uint8 (20, n, 64, 64), got {frames.dtype} {frames.shape}")
        return frames


def speed_range(speed: float | tuple[float, float]) -> tuple[float, float]:
    """Return (low, high) of a speed, which is one number or a pair; raise ``ValueError`` for another."""
    low, high = (speed, speed) if isinstance(speed, int | float) else speed
    if not 0 < low <= high < float("inf"):
        raise ValueError(f"`speed` (={speed}) must be positive, and as a pair (low, high) with low at most high")
    return low, high


def trajectories(
    random: np.random.Generator,
    digits: int,
    length: int,
    size: tuple[int, int],
    digit_size: int,
    speed: tuple[float, float] | None,
) -> np.ndarray:
    """Draw trajectories: the upper left corners in pixels, int (length, digits, 2), row before column."""
    canvas = np.subtract(size, digit_size)
    position = random.random((digits, 2))  # 0 to 1 across the canvas
    angle = random.uniform(0, 2 * np.pi, (digits, 1))
    step = np.concatenate([np.sin(angle), np.cos(angle)], axis=1)
    if speed is None:
        step *= _STEP
    else:
        step *= random.uniform(*speed, (digits, 1)) / np.maximum(canvas, 1)
    corners = np.empty((length, digits, 2), int)
    for frame_corners in corners:
        position = position + step
        step = np.where((position <= 0) | (position >= 1), -step, step)
        position = position.clip(0, 1)
        frame_corners[:] = canvas * position  # truncates
    return corners


def overlay(digits: np.ndarray, corners: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Draw digits, uint8 (digits, h, w), at their corners (length, digits, 2): frames uint8 (length, H, W)."""
    frames = np.zeros((len(corners), *size), np.uint8)
    height, width = digits.shape[1:]
    for frame, frame_corners in zip(frames, corners.tolist(), strict=True):
        for digit, (top, left) in zip(digits, frame_corners, strict=True):
            place = frame[top : top + height, left : left + width]
            np.maximum(place, digit, out=place)
    return frames


def _sample(frames: np.ndarray, input_frames: int) -> dict[str, Tensor]:
    unit = torch.from_numpy(frames).unsqueeze(1).float() / 255
    return {"input": unit[:input_frames], "target": unit[input_frames:]}
