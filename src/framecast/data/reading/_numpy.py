"""NumPy files as frames: ``.npy``, mapped into memory, and ``.npz``."""

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import IO

import numpy as np
from numpy.lib import format as npy_format

from ._array_file import Array, ArrayFile, Arrays


class NumpyFile(ArrayFile):
    """A ``.npy`` file of frames."""

    format, noun = "NumPy", ".npy file of numbers"

    @contextmanager
    def open_arrays(self) -> Iterator[Arrays]:
        """Map the array into memory; one of Python objects is not touched, as reading it can run code."""
        with self.file.open("rb") as file:
            shape, dtype = _read_header(file)
        if dtype.hasobject or 0 in shape:
            yield {"": Array(shape, dtype, lambda index: np.empty(shape, dtype)[index])}
        else:
            array = np.load(self.file, mmap_mode="r", allow_pickle=False)
            yield {"": Array(array.shape, array.dtype, array.__getitem__)}


class NpzFile(ArrayFile):
    """An ``.npz`` file of arrays, one of which holds the frames."""

    format, noun = "NumPy archive", ".npz file of arrays"

    @contextmanager
    def open_arrays(self) -> Iterator[Arrays]:
        """Read the headers of the arrays; an array is decompressed when it is read, and the latest one stays."""
        changed = self.file.stat().st_mtime_ns
        with zipfile.ZipFile(self.file) as archive:
            members = [name for name in archive.namelist() if name.endswith(".npy")]
            yield {name.removesuffix(".npy"): self._array(archive, name, changed) for name in members}

    def _array(self, archive: zipfile.ZipFile, member: str, changed: int) -> Array:
        with archive.open(member) as file:
            shape, dtype = _read_header(file)
        return Array(shape, dtype, lambda index: _member(self.file, member, changed)[index])


def _read_header(file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype]:
    """Read shape and type of the array in a file of NumPy's format."""
    start = file.read(6)
    if start[:2] == b"PK":
        raise ValueError("it is an .npz file by another name")
    file.seek(0)
    version = npy_format.read_magic(file)
    if version == (3, 0):  # like 2.0, in another encoding of names
        raise ValueError("its fields have names beyond ASCII")
    read = npy_format.read_array_header_1_0 if version == (1, 0) else npy_format.read_array_header_2_0
    shape, _, dtype = read(file)
    return shape, dtype


@lru_cache(maxsize=1)
def _member(path: Path, member: str, changed: int) -> np.ndarray:
    """Decompress an array of an archive, as it was when it was last changed."""
    with zipfile.ZipFile(path) as archive, archive.open(member) as file:
        return npy_format.read_array(file, allow_pickle=False)
