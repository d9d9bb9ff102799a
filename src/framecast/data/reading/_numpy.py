"""NumPy files as frames: ``.npy``, mapped into memory, and ``.npz``."""

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.lib import format as npy_format

from ._array_file import Array, ArrayFile, Arrays


class NumpyFile(ArrayFile):
    """A ``.npy`` file of frames."""

    format, noun = "NumPy", ".npy file of numbers"

    @contextmanager
    def open_arrays(self) -> Iterator[Arrays]:
        """Map the array into memory."""
        array = np.load(self.file, mmap_mode="r", allow_pickle=False)
        if not isinstance(array, np.ndarray):
            array.close()
            raise ValueError("it is an .npz file by another name")
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
            read_header = {
                (1, 0): npy_format.read_array_header_1_0,
                (2, 0): npy_format.read_array_header_2_0,
            }[npy_format.read_magic(file)]
            shape, _, dtype = read_header(file)
        return Array(shape, dtype, lambda index: _member(self.file, member, changed)[index])


@lru_cache(maxsize=1)
def _member(path: Path, member: str, changed: int) -> np.ndarray:
    """Decompress an array of an archive, as it was when it was last changed."""
    with zipfile.ZipFile(path) as archive, archive.open(member) as file:
        return npy_format.read_array(file, allow_pickle=False)
