"""What any writer writes is what is read, for frames of any size and every type that the writer stores."""

import tempfile
from pathlib import Path

import h5py
import hypothesis.extra.numpy as arrays
import netCDF4
import numpy as np
import pytest
import tifffile
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from framecast.data import ReadingOptions, open_frames

NUMBERS = ("u1", "u2", "u4", "i1", "i2", "i4", "f4", "f8")


def write_netcdf(path, frames):
    with netCDF4.Dataset(path, "w") as file:
        for axis, size in zip("tyx", frames.shape, strict=True):
            file.createDimension(axis, size)
        variable = file.createVariable("frames", frames.dtype, ("t", "y", "x"), fill_value=False)
        variable.set_auto_maskandscale(False)
        variable[:] = frames


def write_hdf5(path, frames):
    with h5py.File(path, "w") as file:
        file["frames"] = frames


def write_stills(path, frames):
    path.mkdir()
    for number, frame in enumerate(frames):
        Image.fromarray(frame).save(path / f"{number}.png")


def write_film(path, frames):
    import av

    layout = {"uint8": "gray", "uint16": "gray16le"}[frames.dtype.name]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.height, stream.width, stream.pix_fmt = *frames.shape[1:], layout
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format=layout)))
        container.mux(stream.encode(None))


# Writer of NumPy, h5py, netCDF4, zarr, tifffile, Pillow and PyAV: ending, types, and how it writes.
WRITERS = {
    "numpy": (".npy", NUMBERS, np.save),
    "npz": (".npz", NUMBERS, lambda path, frames: np.savez(path, frames=frames)),
    "h5py": (".h5", NUMBERS, write_hdf5),
    "netcdf4": (".nc", NUMBERS, write_netcdf),
    "zarr": (".zarr", NUMBERS, lambda path, frames: zarr.save_array(path, frames)),
    "tifffile": (".tif", NUMBERS, lambda path, frames: tifffile.imwrite(path, frames, photometric="minisblack")),
    "pillow": ("", ("u1", "u2"), write_stills),
    "pyav": (".mkv", ("u1", "u2"), write_film),
}


@pytest.mark.parametrize("name", WRITERS)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_what_is_written_is_read(name, data):
    ending, types, write = WRITERS[name]
    least = 16 if name == "pyav" else 5
    shape = data.draw(st.tuples(st.integers(2, 5), st.integers(least, 24), st.integers(least, 24)))
    dtype = np.dtype(data.draw(st.sampled_from(types)))
    finite = {"allow_nan": False, "allow_infinity": False} if dtype.kind == "f" else {}
    frames = data.draw(arrays.arrays(dtype, shape, elements=arrays.from_dtype(dtype, **finite)))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"frames{ending}")
        write(path, frames)
        is_array = ending not in ("", ".tif", ".mkv")
        with open_frames(path, ReadingOptions(layout="THW") if is_array else None) as file:
            values = file.read()
    assert values.dtype == dtype
    np.testing.assert_array_equal(values, frames[:, None])
