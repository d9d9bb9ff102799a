"""Turning frames upright, as a file says that they are to be shown.

Orientations are the numbers 1 to 8 of EXIF and of TIFF's tag 274: where the first row and column of the stored pixels
are on the screen.

Shape letters: H height, W width.
"""

from collections.abc import Sequence

import numpy as np

UPRIGHT = 1

# Of each orientation: whether rows and columns change places, and then whether rows, and columns, are reversed.
_TURNS = {
    1: (False, False, False),
    2: (False, False, True),
    3: (False, True, True),
    4: (False, True, False),
    5: (True, False, False),
    6: (True, False, True),
    7: (True, True, True),
    8: (True, True, False),
}


def turned(frames: np.ndarray, orientation: int) -> np.ndarray:
    """Turn frames ``(..., H, W)`` upright.

    Args:
        frames: the frames as they are stored.
        orientation: 1 to 8; any other number is taken for 1, as viewers do.

    Returns:
        ``(..., H, W)``, or ``(..., W, H)`` for orientations 5 to 8; a view.

    Example:
        >>> turned(np.array([[1, 2, 3], [4, 5, 6]]), 6)
        array([[4, 1],
               [5, 2],
               [6, 3]])
    """
    swaps, reverses_rows, reverses_columns = _TURNS.get(orientation, _TURNS[UPRIGHT])
    frames = frames.swapaxes(-1, -2) if swaps else frames
    return frames[..., :: -1 if reverses_rows else 1, :: -1 if reverses_columns else 1]


def turned_size(size: tuple[int, int], orientation: int) -> tuple[int, int]:
    """Return height and width, (H, W), of frames that are turned upright."""
    return size[::-1] if _TURNS.get(orientation, _TURNS[UPRIGHT])[0] else size


def orientation_of_matrix(matrix: Sequence[int]) -> int | None:
    """Return the orientation of a film's display matrix; None if it turns by another angle than quarter turns.

    Args:
        matrix: nine numbers ``(a, b, u, c, d, v, x, y, w)``: the pixel in column p and row q is shown in column
            ``a p + c q`` and row ``b p + d q``, but for a shift.

    Example:
        >>> orientation_of_matrix([0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30])
        6
    """
    a, b, _, c, d = matrix[:5]
    if a and d and not (b or c):
        turn = (False, d < 0, a < 0)
    elif b and c and not (a or d):
        turn = (True, b < 0, c < 0)
    else:
        return None
    return next(orientation for orientation, each in _TURNS.items() if each == turn)
