"""Values that stand for none, packed values and times, as containers store them."""

import h5py
import netCDF4
import numpy as np
import pytest
import zarr

from framecast.data import ReadingOptions, open_frames, read_recording, to_float
from framecast.data.reading import check_missing

rng = np.random.default_rng(0)
FRAMES = rng.integers(0, 100, (5, 6, 7)).astype(np.int16)


def netcdf(path, stored, dimensions=("time", "lat", "lon"), fill_value=None, **attributes):
    with netCDF4.Dataset(path, "w") as file:
        for name, size in zip(dimensions, stored.shape, strict=True):
            file.createDimension(name, size)
        variable = file.createVariable("rain", stored.dtype, dimensions, fill_value=fill_value)
        variable.set_auto_maskandscale(False)
        variable.setncatts(attributes)
        variable[:] = stored
        time = file.createVariable("time", "f8", ("time",)) if "time" in dimensions else None
        if time is not None:
            time.units = "minutes since 2020-02-29 23:50:00"
            time[:] = 5.0 * np.arange(len(time))
    return path


def hdf5(path, stored, dimensions=(), fill_value=None, **attributes):
    with h5py.File(path, "w") as file:
        file["rain"] = stored
        for name, value in attributes.items():
            file["rain"].attrs[name] = value
        if fill_value is not None:
            file["rain"].attrs["_FillValue"] = fill_value
    return path


def zarr_folder(path, stored, dimensions=(), fill_value=None, **attributes):
    array = zarr.create_array(str(path), data=stored, zarr_format=2, overwrite=True)
    array.attrs.update({name: np.asarray(value).tolist() for name, value in attributes.items()})
    if fill_value is not None:
        array.attrs["_FillValue"] = np.asarray(fill_value).item()
    return path


CONTAINERS = pytest.mark.parametrize(
    ("write", "ending"), [(netcdf, ".nc"), (hdf5, ".h5"), (zarr_folder, ".zarr")], ids=["netcdf", "hdf5", "zarr"]
)


@CONTAINERS
@pytest.mark.parametrize("dtype", ["i2", "u1", "f4", "f8"])
def test_codes_for_no_value_become_nan(tmp_path, write, ending, dtype):
    stored = FRAMES.astype(dtype)
    stored[0, 0, 0], stored[0, 0, 1], stored[0, 0, 2], stored[0, 0, 3] = 123, 124, 126, 1
    path = write(
        tmp_path / f"frames{ending}",
        stored,
        fill_value=np.dtype(dtype).type(123),
        missing_value=np.dtype(dtype).type(124),
        valid_range=np.array([2, 125], dtype),
    )
    expected = stored.astype(np.float32)
    expected[(stored == 123) | (stored == 124) | (stored < 2) | (stored > 125)] = np.nan
    recording = read_recording(path)
    np.testing.assert_array_equal(recording.frames[:, 0], expected)
    assert recording.dtype == np.dtype(dtype)
    with open_frames(path) as file:
        np.testing.assert_array_equal(file.read()[:, 0], stored)


@CONTAINERS
def test_packed_values_are_unpacked(tmp_path, write, ending):
    stored = FRAMES.copy()
    stored[1, 2, 3], stored[1, 2, 4] = -32768, 200
    path = write(
        tmp_path / f"frames{ending}",
        stored,
        fill_value=np.int16(-32768),
        scale_factor=0.5,
        add_offset=273.0,
        valid_max=np.int16(199),
    )
    with open_frames(path, ReadingOptions(missing=(273.0,))) as file:
        assert file.dtype == np.float32
        frames = file.read()[:, 0]
        assert file.missing == (273.0,)
    expected = stored * 0.5 + 273
    expected[1, 2, 3] = expected[1, 2, 4] = np.nan
    np.testing.assert_array_equal(frames, expected)
    np.testing.assert_array_equal(read_recording(path).frames[:, 0], expected)


@CONTAINERS
def test_unsigned_numbers_in_signed_types(tmp_path, write, ending):
    stored = FRAMES.astype(np.int8)
    stored[0, 0] = -3  # 253
    stored[0, 1] = -1  # 255
    path = write(tmp_path / f"frames{ending}", stored, fill_value=np.int8(-1), _Unsigned="true")
    frames = read_recording(path).frames[0, 0]
    np.testing.assert_array_equal(frames[0], 253)
    assert np.isnan(frames[1]).all()


def test_netcdf_reads_as_its_own_library_does(tmp_path):
    for dtype in ("i2", "u2", "i4", "u4", "f4", "f8"):
        stored = FRAMES.astype(dtype)
        path = tmp_path / f"{dtype}.nc"
        with netCDF4.Dataset(path, "w") as file:
            for name, size in zip("tyx", (None, 6, 7), strict=True):
                file.createDimension(name, size)
            variable = file.createVariable("rain", dtype, ("t", "y", "x"))
            variable[:3] = stored[:3]
            variable[6, 2] = stored[3, 2]
            expected = np.ma.filled(variable[:].astype(np.float32), np.nan)
        np.testing.assert_array_equal(read_recording(path).frames[:, 0], expected)


def test_bytes_and_unfilled_variables_of_netcdf_use_all_values(tmp_path):
    for dtype, fill_value in (("u1", None), ("i1", None), ("u2", False), ("i4", False)):
        stored = FRAMES.astype(dtype)
        stored[0, 0] = netCDF4.default_fillvals[dtype]
        path = netcdf(tmp_path / f"{dtype}.nc", stored, fill_value=fill_value)
        np.testing.assert_array_equal(read_recording(path).frames[:, 0], stored.astype(np.float32))


def test_axes_are_taken_by_their_names(tmp_path):
    path = netcdf(tmp_path / "last.nc", FRAMES.transpose(1, 2, 0), ("lat", "lon", "time"))
    np.testing.assert_array_equal(read_recording(path).frames[:, 0], FRAMES)
    members = np.stack([FRAMES, FRAMES + 1])
    path = netcdf(tmp_path / "members.nc", members, ("member", "time", "y", "x"))
    np.testing.assert_array_equal(read_recording(f"{path}#1").frames[:, 0], FRAMES + 1)
    levels = netcdf(tmp_path / "levels.nc", FRAMES, ("level", "y", "x"))
    with pytest.raises(ValueError, match=r"levels\.nc has axes level, y, x \(5, 6, 7\), none of which is time"):
        open_frames(levels)
    with open_frames(levels, ReadingOptions(layout="THW")) as file:
        assert file.count == 5


def test_times_of_frames(tmp_path):
    path = netcdf(tmp_path / "frames.nc", FRAMES)
    recording = read_recording(path)
    np.testing.assert_array_equal(recording.times, 300.0 * np.arange(5))
    assert recording.start == np.datetime64("2020-02-29T23:50")
    with open_frames(hdf5(tmp_path / "frames.h5", FRAMES)) as file:
        assert (file.times, file.start) == (None, None)
    with netCDF4.Dataset(path, "a") as file:
        file["time"].units = "months since 2020-01-01"  # no number of seconds
    assert read_recording(path).times is None


def test_times_of_other_calendars_have_no_date(tmp_path):
    path = netcdf(tmp_path / "frames.nc", FRAMES)
    with netCDF4.Dataset(path, "a") as file:
        file["time"].calendar = "360_day"
    recording = read_recording(path)
    np.testing.assert_array_equal(recording.times, 300.0 * np.arange(5))
    assert recording.start is None


def test_zarr_as_xarray_writes_it(tmp_path):
    group = zarr.open_group(str(tmp_path / "two.zarr"), mode="w", zarr_format=2)
    array = group.create_array("rain", shape=FRAMES.shape, dtype="i2", chunks=(1, 6, 7), fill_value=7)
    array.attrs["_ARRAY_DIMENSIONS"] = ["time", "y", "x"]
    array[:] = FRAMES
    time = group.create_array("time", data=np.arange(5) * 2)
    time.attrs.update({"units": "hours since 2020-01-01", "_ARRAY_DIMENSIONS": ["time"]})
    recording = read_recording(tmp_path / "two.zarr")
    np.testing.assert_array_equal(recording.frames[:, 0], np.where(FRAMES == 7, np.nan, FRAMES))
    np.testing.assert_array_equal(recording.times, 7200.0 * np.arange(5))
    group = zarr.open_group(str(tmp_path / "three.zarr"), mode="w", zarr_format=3)
    array = group.create_array("rain", data=FRAMES.astype("f4"), dimension_names=["time", "y", "x"])
    array.attrs["_FillValue"] = "AAAAAAAAHEA="  # 7 as base64 of a double
    recording = read_recording(tmp_path / "three.zarr")
    np.testing.assert_array_equal(recording.frames[:, 0], np.where(FRAMES == 7, np.nan, FRAMES))


def test_chunks_that_are_not_stored_are_noted(tmp_path, capsys):
    array = zarr.create_array(str(tmp_path / "frames.zarr"), data=FRAMES + 1, chunks=(1, 6, 7))
    read_recording(tmp_path / "frames.zarr")
    with h5py.File(tmp_path / "frames.h5", "w") as file:
        file.create_dataset("rain", FRAMES.shape, "i2", chunks=(1, 6, 7))[:4] = FRAMES[:4] + 1
        file.create_dataset("height", (3, 4), "i2")
    assert capsys.readouterr().err == ""
    read_recording(tmp_path / "frames.h5")
    (tmp_path / "frames.zarr" / "c" / "2" / "0" / "0").unlink()
    assert array.nchunks_initialized == 4
    read_recording(tmp_path / "frames.zarr")
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert all("1 of 5 chunks are not stored and read as the fill value 0" in line for line in lines)


@pytest.mark.parametrize("dtype", ["u1", "i2", "u2", "i4", "f2", "f4", "f8", "i8", "u8", "?"])
def test_missing_values_of_every_type(dtype):
    numbers = np.array([0, 1, 50, 100, 101], dtype)
    values = to_float(numbers, check_missing([1, (50, 100), -9999, 1e20, (-np.inf, -5)]))
    expected = numbers.astype(np.float32)
    expected[np.isin(numbers.astype(float), (1, 50, 100))] = np.nan
    np.testing.assert_array_equal(values, expected)


def test_missing_codes_of_float32():
    fill = 9.969209968386869e36  # netCDF's
    assert np.isnan(to_float(np.array([fill], np.float32), (fill,))).all()
    assert np.isnan(to_float(np.array([0.1], np.float32), (0.1,))).all()
    assert np.isnan(to_float(np.array([-np.inf, np.inf]), (-np.inf, np.inf))).all()


def test_masked_arrays():
    masked = np.ma.masked_array([1, 2, 3], [False, True, False])
    np.testing.assert_array_equal(to_float(masked, (3,)), [1, np.nan, np.nan])


@pytest.mark.parametrize("missing", ["a", [[1]], [[2, 1]], [[1, 2, 3]], [["a", "b"]], [None]])
def test_wrong_missing_values(missing):
    with pytest.raises(ValueError, match=r"`missing` \(=.*\) must be numbers, or ranges \(low, high\)"):
        check_missing(missing)


def test_missing_before_colour_is_mixed(tmp_path):
    frames = np.full((2, 3, 4, 4), 100, np.uint8)
    frames[0, 0, 0, 0] = 255
    np.save(tmp_path / "frames.npy", frames)
    recording = read_recording(tmp_path / "frames.npy", grayscale=True, options=ReadingOptions(missing=(255,)))
    assert np.isnan(recording.frames[0, 0, 0, 0])
    assert np.isnan(recording.frames).sum() == 1
