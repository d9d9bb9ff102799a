"""Random changes of training samples: crops, mirror images and turns."""

import numpy as np
import torch
from torch import Tensor

from .._checks import check_seed, height_and_width


class Augment:
    """Crop, mirror and turn a sample's frames, all of them alike.

    The change is a function of (seed, key) and the frame size alone.

    Args:
        flip: mirror left and right, every other time.
        rotate90: turn by a random multiple of a quarter turn; frames must be square.
        seed: seed of the changes.
        crop: size of the part to cut out at a random place: a number, or (H, W).

    Raises:
        ValueError: if the crop is larger than a frame, or frames that are not square are to be turned.

    Example:
        >>> sample = {"input": torch.arange(12.0).reshape(1, 1, 3, 4), "target": torch.zeros(1, 1, 3, 4)}
        >>> Augment(flip=False, crop=2)(sample, key=5)["input"]
        tensor([[[[ 5.,  6.],
                  [ 9., 10.]]]])
    """

    def __init__(
        self, flip: bool = True, rotate90: bool = False, seed: int = 0, crop: int | tuple[int, int] | None = None
    ) -> None:
        check_seed(seed)
        self.flip = flip
        self.rotate90 = rotate90
        self.seed = seed
        self.crop = None if crop is None else height_and_width("crop", crop)

    def __call__(self, sample: dict[str, Tensor], key: int) -> dict[str, Tensor]:
        """Change a sample of frames ``(T, C, H, W)``."""
        height, width = size = tuple(sample["input"].shape[-2:])
        crop_height, crop_width = crop = self.crop or size
        if crop_height > height or crop_width > width:
            raise ValueError(f"`crop` (={self.crop}) must not exceed the frame size {size}")
        if self.rotate90 and crop_height != crop_width:
            raise ValueError(f"`rotate90` needs square frames, got {crop}: set `crop` to one number")
        random = np.random.default_rng((self.seed, key))
        top = int(random.integers(height - crop_height + 1))
        left = int(random.integers(width - crop_width + 1))
        mirrored = self.flip and random.random() < 0.5
        turns = int(random.integers(4)) if self.rotate90 else 0

        def changed(frames: Tensor) -> Tensor:
            frames = frames[..., top : top + crop_height, left : left + crop_width]
            return torch.rot90(frames.flip(-1) if mirrored else frames, turns, (-2, -1))

        return {name: changed(frames) for name, frames in sample.items()}
