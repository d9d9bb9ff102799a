"""Transparency: pixels are laid on a ground.

Shape letters: C channels, H height, W width.
"""

import numpy as np

from ._frame_file import FileError, Ground

_LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601, of R, G, B
_LIGHT = 2 / 3  # mean from which what is drawn is too light for a white ground


def full_value(dtype: np.dtype) -> float:
    """Return the value that stands for white, and for opaque, in a type."""
    return float(np.iinfo(dtype).max) if dtype.kind in "iu" else 1.0


def has_transparency(alpha: np.ndarray | None) -> bool:
    """Return whether any pixel is transparent, or partly so; False without alpha."""
    return alpha is not None and bool((alpha < full_value(alpha.dtype)).any())


def contrasting_ground(values: np.ndarray, alpha: np.ndarray) -> float:
    """Choose the ground on which what is drawn can be seen: white (1), or black (0) for what is itself nearly white.

    Args:
        values: the pixels ``(C, H, W)``.
        alpha: how opaque they are ``(H, W)``, of the same type.

    Example:
        >>> contrasting_ground(np.zeros((1, 1, 2), np.uint8), np.array([[0, 255]], np.uint8))
        1.0
    """
    weights = alpha.astype(np.float64)
    grey = np.tensordot(_LUMA, values, 1) if len(values) == 3 else values.mean(0)
    ink = (grey * weights).sum() / max(weights.sum(), 1e-12) / full_value(values.dtype)
    return 0.0 if ink > _LIGHT else 1.0


def composite(values: np.ndarray, alpha: np.ndarray, ground: Ground, premultiplied: bool = False) -> np.ndarray:
    """Lay pixels on a ground: ``alpha * values + (1 - alpha) * ground``.

    Args:
        values: the pixels ``(C, H, W)``.
        alpha: how opaque they are ``(H, W)``, of the same type: 0 to its largest value, or to 1 for real numbers.
        ground: share of the type's largest value, from 0 (black) to 1 (white), one for all channels or one for each.
        premultiplied: whether the pixels have been multiplied by alpha already.

    Returns:
        ``(C, H, W)`` of the same type.

    Raises:
        FileError: if there are neither one nor C grounds.

    Example:
        >>> composite(np.array([[[10, 20]]], np.uint8), np.array([[255, 0]], np.uint8), 1.0)
        array([[[ 10, 255]]], dtype=uint8)
    """
    shares = np.atleast_1d(np.asarray(ground, np.float64))
    if len(shares) == 3 and len(values) == 1:
        shares = np.array([_LUMA @ shares])
    if len(shares) not in (1, len(values)):
        raise FileError(f"`ground` (={ground}) must be one number or one for each of {len(values)} channels")
    full = full_value(values.dtype)
    opaque = alpha / full_value(alpha.dtype)
    pixels = values if premultiplied else values * opaque
    blend = pixels + (1 - opaque) * (full * shares)[:, None, None]
    blend = np.round(blend).clip(0, full) if values.dtype.kind in "iu" else blend
    return blend.astype(values.dtype)


def ground_name(ground: Ground) -> str:
    """Name a ground in words."""
    return {0.0: "black", 1.0: "white"}.get(ground, str(ground)) if isinstance(ground, float) else str(ground)
