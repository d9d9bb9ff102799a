"""The motion of digits that drift over a dark frame and bounce off its edges.

Shape letters: T frames, H height, W width.
"""

from dataclasses import dataclass

import numpy as np

from .._checks import check_positive, height_and_width

_STEP = 0.1  # of the canvas, per frame


@dataclass(kw_only=True)
class Motion:
    """Digits in motion (Srivastava et al. 2015); data sets, data modules and sources inherit the options.

    A digit's upper left corner starts anywhere on its canvas, the frame less the digit's size, and takes a step in a
    random direction before every frame, the first included. At an edge the corner stops and its speed across that edge
    changes sign. Positions are truncated to whole pixels, and digits overlaid by maximum. This is the motion of
    OpenSTL's loader.

    Args:
        size: frame size in pixels: a number, or height and width.
        digit_size: height and width of a digit in pixels.
        speed: pixels per frame: a number, or low and high, between which each digit's own is drawn. None: a tenth of
            the canvas (frame less digit).

    Raises:
        ValueError: if a number is out of its range or a digit does not fit into the frame.
    """

    size: int | tuple[int, int] = 64
    digit_size: int = 28
    speed: float | tuple[float, float] | None = None

    def __post_init__(self) -> None:
        check_positive("digit_size", self.digit_size)
        if self.digit_size > min(self.frame_size):
            raise ValueError(f"`digit_size` (={self.digit_size}) must not exceed the frame's `size` (={self.size})")
        if self.speed_range is not None and not 0 < self.speed_range[0] <= self.speed_range[1] < float("inf"):
            raise ValueError(
                f"`speed` (={self.speed}) must be positive, and as a pair (low, high) with low at most high"
            )

    @property
    def frame_size(self) -> tuple[int, int]:
        """Height and width of a frame."""
        return height_and_width("size", self.size)

    @property
    def speed_range(self) -> tuple[float, float] | None:
        """Lowest and highest speed, if the speed does not follow from the canvas."""
        return (self.speed, self.speed) if isinstance(self.speed, int | float) else self.speed

    def draw(self, random: np.random.Generator, digits: np.ndarray, length: int) -> np.ndarray:
        """Draw digits, uint8 ``(n, digit_size, digit_size)``, on random paths: frames uint8 ``(T, H, W)``."""
        corners = _trajectories(random, len(digits), length, self.frame_size, self.digit_size, self.speed_range)
        return _overlay(digits, corners, self.frame_size)


def _trajectories(
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


def _overlay(digits: np.ndarray, corners: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Draw digits, uint8 (digits, h, w), at their corners (length, digits, 2): frames uint8 (length, H, W)."""
    frames = np.zeros((len(corners), *size), np.uint8)
    height, width = digits.shape[1:]
    for frame, frame_corners in zip(frames, corners.tolist(), strict=True):
        for digit, (top, left) in zip(digits, frame_corners, strict=True):
            place = frame[top : top + height, left : left + width]
            np.maximum(place, digit, out=place)
    return frames
