"""The order of an array's axes: named, read from the names of its dimensions, or guessed from its shape.

Axes: N clips, T time, C channels, H height, W width.
"""

from collections.abc import Sequence

import numpy as np

AXES = "NTCHW"

# Names of dimensions in the wild, in lower case, by axis.
_NAMES = {
    "N": ("n", "sample", "samples", "batch", "member", "ensemble", "realization", "number", "sequence", "clip", "case"),
    "T": ("t", "time", "times", "frame", "frames", "step", "valid_time", "timestep", "date", "phony_dim_time"),
    "C": ("c", "channel", "channels", "band", "bands", "variable", "level", "lev", "z", "rgb"),
    "H": ("h", "y", "lat", "latitude", "row", "rows", "ny", "height", "rlat", "nj", "south_north", "northing"),
    "W": (
        "w",
        "x",
        "lon",
        "longitude",
        "column",
        "columns",
        "col",
        "nx",
        "width",
        "rlon",
        "ni",
        "west_east",
        "easting",
    ),
}
_AXIS_OF = {name: axis for axis, names in _NAMES.items() for name in names}
_FEW = 4  # channels that need no name
_STRIP = 8  # from this ratio of sides on, an array is rather (H, W, T) than frames
_PICTURE = 16  # a side from which on an array may be a picture, rather than a small example


def check_layout(layout: str) -> str:
    """Return a layout; raise ``ValueError`` unless it holds T, H and W and perhaps N and C, each once.

    Example:
        >>> check_layout("THCC")
        Traceback (most recent call last):
        ValueError: `layout` (='THCC') must hold each of T, H and W once, and N (clips) and C (channels) at most once
    """
    if not set("THW") <= set(layout) <= set(AXES) or len(set(layout)) < len(layout):
        raise ValueError(
            f"`layout` (={layout!r}) must hold each of T, H and W once, and N (clips) and C (channels) at most once"
        )
    return layout


def words_of(layout: str) -> str:
    """Write a layout as a shape.

    Example:
        >>> words_of("TNHW")
        '(T, N, H, W)'
    """
    return f"({', '.join(layout)})"


def layout_of_names(names: Sequence[str]) -> str | None:
    """Return the layout that dimensions of these names have; None where a name is unknown, or stands for no new axis.

    Example:
        >>> layout_of_names(["lat", "lon", "time"]), layout_of_names(["dim_0", "y", "x"])
        ('HWT', None)
    """
    axes = [_AXIS_OF.get(name.lower()) for name in names]
    if None in axes or len(set(axes)) < len(axes) or not set("HW") <= set(axes):
        return None
    return "".join(axis for axis in axes if axis)


def guess_layout(shape: tuple[int, ...]) -> str:
    """Return the layout of an array by its shape alone, as NumPy's users store frames.

    Args:
        shape: 3 to 5 sizes.

    Raises:
        ValueError: if the shape fits several layouts, or one that is never taken without its name.

    Example:
        >>> guess_layout((20, 64, 64)), guess_layout((20, 3, 64, 64)), guess_layout((6, 9, 1, 16, 16))
        ('THW', 'TCHW', 'NTCHW')
        >>> guess_layout((20, 10000, 64, 64))
        Traceback (most recent call last):
        ValueError: looks like many clips or many channels (20, 10000, 64, 64): say which with `layout`,
        TNHW for clips (T, N, H, W), NTHW for clips (N, T, H, W), or TCHW for channels (T, C, H, W)
    """
    if len(shape) == 3:
        return _guess_of_three(shape)
    if len(shape) == 4:
        return _guess_of_four(shape)
    if shape[2] <= _FEW:
        return "NTCHW"
    raise ValueError(_choice("many clips", shape, "NTCHW", "TNCHW", "NTHWC"))


def guess_matlab_layout(shape: tuple[int, ...]) -> str:
    """Return the layout of a MATLAB array by its shape: frames come last there, unless the shape says otherwise.

    Args:
        shape: 3 to 5 sizes, in MATLAB's order.

    Raises:
        ValueError: if the shape fits several layouts.

    Example:
        >>> guess_matlab_layout((64, 64, 20)), guess_matlab_layout((20, 64, 64)), guess_matlab_layout((48, 64, 3, 20))
        ('HWT', 'THW', 'HWCT')
    """
    if len(shape) == 3:
        first, second, third = shape
        if (first == second) != (second == third):
            return "HWT" if first == second else "THW"
        raise ValueError(_choice("frames in an unknown order", shape, "HWT", "THW"))
    if len(shape) == 4 and shape[2] in (1, 3) and shape[1] > _FEW:
        return "HWCT"
    raise ValueError(_choice("frames in an unknown order", shape, *("HWCT", "HWTN", "TCHW")[: 5 * (len(shape) == 4)]))


def as_frames(values: np.ndarray, layout: str) -> np.ndarray:
    """Turn an array's axes into (T, C, H, W).

    Args:
        values: an array without the axis N.
        layout: its axes.

    Example:
        >>> as_frames(np.zeros((16, 24, 5)), "HWT").shape
        (5, 1, 16, 24)
    """
    axes = layout.replace("N", "")
    if "C" not in axes:
        values, axes = values[..., None], axes + "C"
    return np.transpose(values, [axes.index(axis) for axis in "TCHW"])


def _guess_of_three(shape: tuple[int, ...]) -> str:
    first, second, third = shape
    if min(first, second) >= _PICTURE and third != second:
        if third in (3, 4):
            raise ValueError(f"looks like one image (H, W, C) {shape}: say so with `layout` if it is THW")
        if first == second or third * _STRIP <= min(first, second):
            raise ValueError(_choice("frames that lie last", shape, "HWT", "THW"))
    return "THW"


def _guess_of_four(shape: tuple[int, ...]) -> str:
    _, second, third, last = shape
    if second <= _FEW:
        return "TCHW"
    if last in (1, 3, 4):
        raise ValueError(f"looks like (T, H, W, C) {shape}: say so with `layout`, THWC")
    if third in (1, 3, 4):
        raise ValueError(f"looks like (H, W, C, T) {shape}: say so with `layout`, HWCT")
    raise ValueError(_choice("many clips or many channels", shape, "TNHW", "NTHW", "TCHW"))


_MEANINGS = {"N": "clips", "C": "channels"}


def _choice(noun: str, shape: tuple[int, ...], *layouts: str) -> str:
    """Say what a shape looks like and between which layouts to choose."""
    if not layouts:
        return f"looks like {noun} {shape}: say which with `layout`"
    words = []
    for layout in layouts:
        meaning = next((word for axis, word in _MEANINGS.items() if axis in layout), "frames")
        words.append(f"{layout} for {meaning} {words_of(layout)}")
    return f"looks like {noun} {shape}: say which with `layout`, {', '.join(words[:-1])}, or {words[-1]}"
