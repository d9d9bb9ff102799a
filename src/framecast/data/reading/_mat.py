"""MATLAB files as frames."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import numpy as np

from framecast._extras import require

from ._array_file import Array, ArrayFile, Arrays, Index
from ._clips import split_clip
from ._frame_file import FileError, FrameFile, ReadingOptions
from ._hdf5 import MatlabHdf5File

_TYPES = {"double": "f8", "single": "f4", "logical": "?"} | {
    f"{sign}int{bits}": f"{'u' if sign else 'i'}{bits // 8}" for sign in ("", "u") for bits in (8, 16, 32, 64)
}


class MatlabFile(ArrayFile):
    """A file of MATLAB up to version 7, or of ``scipy.io.savemat``; one of its arrays holds the frames."""

    format, noun = "MATLAB", "MATLAB file"
    matlab = True

    @contextmanager
    def open_arrays(self) -> Iterator[Arrays]:
        """List the arrays; an array is read whole, and the latest one stays."""
        io = require("scipy.io", "files", "reading MATLAB files")
        changed = self.file.stat().st_mtime_ns
        yield {name: self._array(name, shape, kind, changed) for name, shape, kind in io.whosmat(str(self.file))}

    def _array(self, name: str, shape: tuple[int, ...], kind: str, changed: int) -> Array:
        dtype = np.dtype(_TYPES.get(kind, "V"))

        def read(index: Index) -> np.ndarray:
            values = _variable(self.file, name, changed)
            if values.dtype.kind == "c":
                raise FileError(f"{self.file} holds complex numbers as {name}: save abs of them, or their parts")
            return values[index].astype(dtype)  # whole numbers of a double are stored in fewer bytes

        return Array(shape, dtype, read)


def open_matlab(path: Path, options: ReadingOptions) -> FrameFile:
    """Open a file of MATLAB, of whichever version."""
    with split_clip(path)[0].open("rb") as file:
        is_hdf5 = file.read(10) == b"MATLAB 7.3"
    return (MatlabHdf5File if is_hdf5 else MatlabFile)(path, options)


@lru_cache(maxsize=1)
def _variable(path: Path, name: str, changed: int) -> np.ndarray:
    """Read an array of a file, as it was when it was last changed."""
    io = require("scipy.io", "files", "reading MATLAB files")
    values: np.ndarray = io.loadmat(str(path), variable_names=[name])[name]
    return values
