"""Arrays as frames: what the files of NumPy, HDF5, netCDF, Zarr and MATLAB share.

Shape letters: N clips, T time, C channels, H height, W width.
"""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from math import ceil, prod
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ._cf import Packing, frame_times
from ._clips import clip_path, split_clip
from ._frame_file import FileError, FrameFile, LayoutError, ReadingOptions, reading
from ._layout import as_frames, guess_layout, guess_matlab_layout, layout_of_names, words_of

Index = tuple[int | slice, ...]

ATTRIBUTES = (
    *("_FillValue", "missing_value", "nodata", "no_data", "NODATA", "nodatavals", "valid_min", "valid_max"),
    *("valid_range", "scale_factor", "add_offset", "_Unsigned", "units", "calendar", "_ARRAY_DIMENSIONS"),
)
"""Attributes of arrays that say how to read them."""

_NO_NUMBERS = {
    "c": "complex numbers: save their real and imaginary parts, or np.abs of them, as channels",
    "O": "Python objects: save np.stack of frames of one size, or a file for each recording",
    "M": "dates",
    "m": "spans of time",
    "S": "text",
    "U": "text",
    "T": "text",
    "V": "records, or numbers of a type that NumPy does not know",
}


@dataclass(frozen=True)
class Array:
    """An array in a file, of which nothing has been read yet.

    Args:
        shape: its sizes.
        dtype: type of the stored values.
        read: reads the part at an index of whole numbers and slices, one for each axis.
        attributes: what the file says about it.
        dimensions: names of its axes; empty where they have none.
        note: says what of the array is not in the file; None where all is.
    """

    shape: tuple[int, ...]
    dtype: np.dtype
    read: Callable[[Index], Any]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    dimensions: tuple[str, ...] = ()
    note: Callable[[], str | None] = lambda: None

    @property
    def words(self) -> str:
        """Type and shape."""
        return f"{self.dtype} {self.shape}"


Arrays = Mapping[str, Array]


def chunk_note(stored: int, shape: tuple[int, ...], chunks: tuple[int, ...], fill: object) -> str | None:
    """Say how many of an array's chunks are not in the file; None if all are."""
    total = prod(ceil(size / chunk) for size, chunk in zip(shape, chunks, strict=True))
    if stored >= total:
        return None
    return f"{total - stored} of {total} chunks are not stored and read as the fill value {fill}"


class ArrayFile(FrameFile):
    """Base of the files that hold arrays. A subclass lists the arrays; their axes and values are read here.

    The file is closed between calls, so that worker processes share no position in it.

    Attributes:
        clips: number of clips that the array holds; more than one are to be opened one by one, ``all.npy#3``.
        layout: axes of the array.
        variable: name of the array.
    """

    noun: ClassVar[str]
    """What the file should be, for messages."""
    matlab: ClassVar[bool] = False
    """Whether axes stand in the order that is usual in MATLAB."""

    def __init__(self, path: Path, options: ReadingOptions) -> None:
        super().__init__(path, options)
        self.file, self.clip = split_clip(path)
        with reading(path, self.noun), self.open_arrays() as arrays:
            self.variable = self._choose(arrays)
            array = arrays[self.variable]
            self._check_numbers(array)
            self._packing = Packing.of(array.attributes, array.dtype)
            self.layout = self._layout(array)
            sizes = dict(zip(self.layout, array.shape, strict=True))
            self.clips = sizes.get("N", 1)
            self.times, self.start = self._times(arrays, array)
            note = array.note()
        if self.clip is not None and self.clip >= self.clips:
            raise FileError(f"{path} does not exist: {self.file.name} holds {self.clips} clips, the first is #0")
        self.count = self.declared = sizes["T"]
        self.channels, self.size, self.dtype = sizes.get("C", 1), (sizes["H"], sizes["W"]), self._packing.dtype
        if not self._packing.is_packed:
            self.missing = (*self._packing.missing, *self.missing)
        if note:
            self.notes.append(f"{self.file}: {note}")
        if "N" in self.layout:
            self.notes.append(
                f"{self.file} {array.shape} is read as {self.clips} clips of {self.count} frames "
                f"{words_of(self.layout)}" + "; `layout` says otherwise" * (self.options.layout is None)
            )

    @abstractmethod
    def open_arrays(self) -> AbstractContextManager[Arrays]:
        """Open the file and list its arrays by name; they can be read until it is closed."""

    def read(self, start: int = 0, stop: int | None = None) -> np.ndarray:
        """Read frames out of the file."""
        if self.clip is None and self.clips != 1:
            last = clip_path(self.file, self.clips - 1).name
            raise FileError(
                f"{self.path} holds {self.clips} clips of {self.count} frames {words_of(self.layout)}: name one, "
                f"{clip_path(self.file, 0).name} to {last}"
            )
        parts: dict[str, int | slice] = {"N": self.clip or 0, "T": slice(*slice(start, stop).indices(self.count))}
        index = tuple(parts.get(axis, slice(None)) for axis in self.layout)
        with reading(self.path, self.noun), self.open_arrays() as arrays:
            values = np.asarray(arrays[self.variable].read(index))
            return self._packing.unpack(as_frames(values, self.layout))

    def _choose(self, arrays: Arrays) -> str:
        """Return the name of the array that holds the frames."""
        wanted = self.options.variable
        listed = ", ".join(f"{name} ({array.words})" for name, array in arrays.items()) or "nothing"
        if wanted is not None and len(arrays) + (next(iter(arrays), "") != "") > 1:
            names = [name for name in arrays if wanted in (name, name.rpartition("/")[2])]
            if len(names) != 1:
                raise FileError(f"{self.file} holds no array `variable` (={wanted!r}), but {listed}")
            return names[0]
        deep = [name for name, array in arrays.items() if len(array.shape) >= 3]
        names = [name for name in deep if arrays[name].dtype.kind in "buif"] or deep
        if len(names) > 1:
            raise FileError(f"{self.file} holds several arrays of frames, {listed}: name one with `variable`")
        if not names:
            return self._without_frames(arrays, listed)
        others = [name for name in deep if name != names[0]]
        if others:
            self.notes.append(f"{self.file}: {', '.join(others)} passed over, as only {names[0]} holds real numbers")
        return names[0]

    def _without_frames(self, arrays: Arrays, listed: str) -> str:
        raise FileError(f"{self.file} must hold real numbers (T, H, W) or (T, C, H, W), got {listed}")

    def _check_numbers(self, array: Array) -> None:
        name = f" as {self.variable}" * bool(self.variable)
        words = f"{self.file} must hold real numbers (T, H, W) or (T, C, H, W){name}, got {array.words}"
        if array.dtype.kind not in "buif":
            raise FileError(f"{words}, which are {_NO_NUMBERS.get(array.dtype.kind, 'no numbers')}")
        if not 3 <= len(array.shape) <= 5:
            raise FileError(words)

    def _layout(self, array: Array) -> str:
        """Return the axes: as the options say, as the file's dimensions are named, or as the shape says."""
        wanted = self.options.layout
        if wanted is not None:
            if len(wanted) != len(array.shape):
                raise FileError(f"{self.file} has {len(array.shape)} axes {array.shape}, `layout` (={wanted!r}) others")
            return wanted
        named = layout_of_names(array.dimensions)
        if named is not None and "T" not in named:
            raise FileError(
                f"{self.file} has axes {', '.join(array.dimensions)} {array.shape}, none of which is time: "
                "say with `layout` which one is"
            )
        if named is not None:
            return named
        try:
            return guess_matlab_layout(array.shape) if self.matlab else guess_layout(array.shape)
        except ValueError as error:
            raise LayoutError(f"{self.file} {error}") from None

    def _times(self, arrays: Arrays, array: Array) -> tuple[np.ndarray | None, np.datetime64 | None]:
        """Return the frames' times, if the file has a coordinate of time."""
        own = array.dimensions[self.layout.index("T")] if array.dimensions else "time"
        parent = self.variable.rpartition("/")[0]
        for name in (f"{parent}/{own}", own, own.rpartition("/")[2]):
            coordinate = arrays.get(name)
            if coordinate is not None and coordinate.shape == (array.shape[self.layout.index("T")],):
                return frame_times(np.asarray(coordinate.read((slice(None),))), coordinate.attributes)
        return None, None
