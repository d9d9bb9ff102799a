"""HDF5 files as frames: ``.h5``, ``.hdf5`` and files of MATLAB 7.3."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from framecast._extras import require

from ._array_file import ATTRIBUTES, Array, ArrayFile, Arrays, chunk_note


class Hdf5File(ArrayFile):
    """An HDF5 file of data sets, one of which holds the frames."""

    format, noun = "HDF5", "HDF5 file"

    @contextmanager
    def open_arrays(self) -> Iterator[Arrays]:
        """List the data sets of all groups."""
        h5py = require("h5py", "files", f"reading an {self.noun}")
        with h5py.File(self.file, "r") as file:
            arrays: dict[str, Array] = {}

            def add(name: str, item: Any) -> None:
                if isinstance(item, h5py.Dataset) and item.shape is not None and not name.startswith("#"):
                    arrays[name] = self.array_of(item)

            file.visititems(add)
            yield arrays

    def array_of(self, dataset: Any) -> Array:
        """Return a data set as an array."""
        attributes = {name: dataset.attrs[name] for name in ATTRIBUTES if name in dataset.attrs}
        return Array(
            dataset.shape,
            dataset.dtype,
            dataset.__getitem__,
            attributes,
            _dimensions(dataset),
            lambda: _note(dataset),
        )


class MatlabHdf5File(Hdf5File):
    """A file of MATLAB 7.3, which is HDF5 with the axes in MATLAB's order, last first."""

    format, noun = "MATLAB 7.3", "MATLAB 7.3 file"
    matlab = True

    def array_of(self, dataset: Any) -> Array:
        """Return a data set as MATLAB shows it."""
        dtype = np.dtype(bool) if dataset.attrs.get("MATLAB_class") == b"logical" else dataset.dtype
        return Array(
            dataset.shape[::-1],
            dtype,
            lambda index: dataset[index[::-1]].T.astype(dtype),
            note=lambda: _note(dataset),
        )


def _dimensions(dataset: Any) -> tuple[str, ...]:
    """Return the names of a data set's axes, from their labels or scales; none unless all have one."""
    names = []
    for dimension in dataset.dims:
        scales = dimension.keys() if len(dimension) else []
        names.append(dimension.label or next((name for name in scales if name), ""))
    return tuple(names) if all(names) else ()


def _note(dataset: Any) -> str | None:
    if dataset.chunks is None or 0 in dataset.shape:
        return None
    return chunk_note(dataset.id.get_num_chunks(), dataset.shape, dataset.chunks, dataset.fillvalue)
