"""NetCDF files as frames."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from framecast._extras import require

from ._array_file import ATTRIBUTES, Array, ArrayFile, Arrays, Index


class NetcdfFile(ArrayFile):
    """A netCDF file of variables, one of which holds the frames.

    Values are unpacked and gaps found as the CF conventions say. In a variable without ``_FillValue`` the library's own
    fill value counts as a gap, as it stands where nothing was written; except in bytes, which use all their values.
    """

    format, noun = "netCDF", "netCDF file"

    @contextmanager
    def open_arrays(self) -> Iterator[Arrays]:
        """List the variables of all groups."""
        netcdf = require("netCDF4", "files", "reading netCDF")
        with netcdf.Dataset(self.file) as dataset:
            dataset.set_auto_maskandscale(False)
            dataset.set_auto_chartostring(False)
            yield dict(_variables(dataset, netcdf.default_fillvals))


def _variables(group: Any, fill_values: dict[str, float], prefix: str = "") -> Iterator[tuple[str, Array]]:
    for name, variable in group.variables.items():
        yield prefix + name, _array(variable, fill_values)
    for name, inner in group.groups.items():
        yield from _variables(inner, fill_values, f"{prefix}{name}/")


def _array(variable: Any, fill_values: dict[str, float]) -> Array:
    attributes = {name: variable.getncattr(name) for name in ATTRIBUTES if name in variable.ncattrs()}
    dtype = np.dtype(variable.dtype) if variable.dtype is not str else np.dtype("U")
    if dtype.kind in "iuf" and dtype.itemsize > 1 and variable.get_fill_value() is not None:
        attributes.setdefault("_FillValue", fill_values[dtype.str[1:]])

    def read(index: Index) -> Any:
        return variable[index]

    return Array(variable.shape, dtype, read, attributes, variable.dimensions)
