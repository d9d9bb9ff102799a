"""Zarr arrays as frames: folders, and zip files of them."""

import base64
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from framecast._extras import require

from ._array_file import Array, ArrayFile, Arrays, chunk_note


class ZarrFile(ArrayFile):
    """A Zarr folder or zip file of arrays, one of which holds the frames.

    The fill value counts as a gap where xarray wrote the array, which means it so; elsewhere it is a value like others.
    """

    format, noun = "Zarr", "Zarr array or group"

    @contextmanager
    def open_arrays(self) -> Iterator[Arrays]:
        """List the arrays of all groups."""
        zarr = require("zarr", "files", "reading Zarr")
        if self.file.is_dir():
            yield _list(zarr.open(str(self.file), mode="r"))
        else:
            with zarr.storage.ZipStore(self.file, mode="r") as store:
                yield _list(zarr.open(store, mode="r"))


def _list(node: Any) -> dict[str, Array]:
    if hasattr(node, "shape"):
        return {"": _array(node)}
    return dict(_arrays(node))


def _arrays(group: Any, prefix: str = "") -> Iterator[tuple[str, Array]]:
    for name, array in sorted(group.arrays()):
        yield prefix + name, _array(array)
    for name, inner in sorted(group.groups()):
        yield from _arrays(inner, f"{prefix}{name}/")


def _array(array: Any) -> Array:
    attributes = dict(array.attrs)
    named = attributes.get("_ARRAY_DIMENSIONS")
    if named and array.fill_value is not None:
        attributes.setdefault("_FillValue", array.fill_value)
    if isinstance(attributes.get("_FillValue"), str) and array.dtype.kind == "f":  # as xarray writes it for format 3
        attributes["_FillValue"] = struct.unpack("<d", base64.b64decode(attributes["_FillValue"]))[0]
    names = tuple(named or getattr(array.metadata, "dimension_names", None) or ())
    return Array(
        array.shape, array.dtype, array.__getitem__, attributes, names if all(names) else (), lambda: _note(array)
    )


def _note(array: Any) -> str | None:
    return (
        None
        if 0 in array.shape
        else chunk_note(
            array.nchunks_initialized, array.shape, getattr(array, "shards", None) or array.chunks, array.fill_value
        )
    )
