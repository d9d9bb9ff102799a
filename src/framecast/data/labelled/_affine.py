"""Random affine changes of images: turned, sheared, scaled and shifted a little.

Shape letters: N images, C channels, H height, W width.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .._checks import check_seed
from ..loading import uniforms

_PURPOSE = 1  # keeps these numbers apart from others of the same seed and keys


@dataclass(frozen=True)
class Affine:
    """Turn, shear, scale and shift images, each by its own random amounts.

    A point ``p`` of an image, in pixels from its centre with x to the right and y down, moves to ``R S p s + t``: the
    factor ``s`` is uniform in 1 ± ``scale``; the shear ``S`` is ``[[1, k], [0, 1]]`` with ``k`` uniform in ± ``shear``;
    the rotation ``R`` is by an angle uniform in ± ``rotation``; and the shift ``t`` is uniform in ± ``shift`` along
    each axis. Values between pixels are interpolated (bilinear).

    The change is a function of (seed, key) and the image size alone: other images of a batch make no difference.

    Args:
        rotation: largest angle in degrees.
        scale: largest relative change of size.
        shift: largest shift in pixels.
        shear: largest shear.
        padding_mode: values of pixels from outside the image: ``"zeros"``, ``"border"`` or ``"reflection"``.
        seed: seed of the changes.

    Raises:
        ValueError: if an amount is negative or not finite, ``scale`` is not below 1, or the padding mode is unknown.

    Example:
        >>> image = torch.eye(5)[None]
        >>> Affine(rotation=0, scale=0, shift=1, shear=0, seed=3)(image, key=7).sum() < image.sum()
        tensor(True)
    """

    rotation: float = 10.0
    scale: float = 0.08
    shift: float = 2.0
    shear: float = 0.15
    padding_mode: Literal["zeros", "border", "reflection"] = "zeros"
    seed: int = 0

    def __post_init__(self) -> None:
        check_seed(self.seed)
        for name in ("rotation", "scale", "shift", "shear"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"`{name}` (={getattr(self, name)}) must be finite and not negative")
        if self.scale >= 1:
            raise ValueError(f"`scale` (={self.scale}) must be below 1, or images could vanish")
        if self.padding_mode not in ("zeros", "border", "reflection"):
            raise ValueError(f"`padding_mode` (={self.padding_mode!r}) must be zeros, border or reflection")

    def __call__(self, image: Tensor, key: int) -> Tensor:
        """Change one image ``(C, H, W)``, or a clip ``(T, C, H, W)`` whose frames change alike."""
        return self.batch(image[None], [key])[0]

    def batch(self, images: Tensor, keys: Sequence[int] | np.ndarray) -> Tensor:
        """Change many images at once, each by its key.

        Args:
            images: floating point ``(N, C, H, W)``, or clips ``(N, T, C, H, W)``.
            keys: keys ``(N,)``, not negative.

        Returns:
            The images, of the same shape.
        """
        flat = images.flatten(1, -3)
        theta = torch.from_numpy(self._sources(keys, *images.shape[-2:])).to(images)
        grid = F.affine_grid(theta, list(flat.shape), align_corners=False)
        return F.grid_sample(flat, grid, padding_mode=self.padding_mode, align_corners=False).view_as(images)

    def _sources(self, keys: Sequence[int] | np.ndarray, height: int, width: int) -> np.ndarray:
        """Return affine maps ``(N, 2, 3)`` from pixels of a new image to the old, in torch's coordinates of -1 to 1."""
        draws = 2 * uniforms((self.seed, _PURPOSE), keys, 5) - 1
        angle = np.deg2rad(self.rotation * draws[:, 0])
        factor = 1 + self.scale * draws[:, 1]
        slope = self.shear * draws[:, 2]
        shift = self.shift * draws[:, 3:]
        cosine, sine = np.cos(angle), np.sin(angle)
        inverse = np.empty((len(draws), 2, 2))  # of R S s
        inverse[:, 0, 0], inverse[:, 0, 1] = cosine + slope * sine, sine - slope * cosine
        inverse[:, 1, 0], inverse[:, 1, 1] = -sine, cosine
        inverse /= factor[:, None, None]
        half = np.array([width, height]) / 2
        offset = -(inverse @ shift[:, :, None])[:, :, 0] / half
        return np.concatenate([inverse * half / half[:, None], offset[:, :, None]], axis=2)
