"""Arrays in files of NumPy, HDF5, netCDF, Zarr and MATLAB: what is stored is what arrives, or it is refused by name."""

import re

import h5py
import netCDF4
import numpy as np
import pytest
import scipy.io
import zarr

from framecast.data import ReadingOptions, open_frames, read_recording, recordings, split_recordings

rng = np.random.default_rng(0)
FRAMES = rng.integers(0, 100, (5, 6, 7)).astype(np.uint8)


def write_npy(path, arrays):
    (array,) = arrays.values()
    np.save(path, array)


def write_npz(path, arrays):
    np.savez(path, **arrays)


def write_small_npz(path, arrays):
    np.savez_compressed(path, **arrays)


def write_hdf5(path, arrays):
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file.create_dataset(f"group/{name}", data=array, chunks=True, compression="gzip")


def write_netcdf(path, arrays):
    with netCDF4.Dataset(path, "w") as file:
        for name, array in arrays.items():
            for axis, size in enumerate(array.shape):
                file.createDimension(f"{name}_{axis}", size)
            dimensions = [f"{name}_{axis}" for axis in range(array.ndim)]
            file.createVariable(name, array.dtype, dimensions, fill_value=False)[:] = array


def write_zarr(path, arrays):
    group = zarr.open_group(str(path), mode="w")
    for name, array in arrays.items():
        group.create_array(name, data=array)


def write_one_zarr(path, arrays):
    (array,) = arrays.values()
    zarr.save_array(str(path), array)


def write_zarr_zip(path, arrays):
    with zarr.storage.ZipStore(path, mode="w") as store:
        group = zarr.create_group(store)
        for name, array in arrays.items():
            group.create_array(name, data=array)


def write_matlab(path, arrays):
    scipy.io.savemat(path, arrays)


def write_small_matlab(path, arrays):
    scipy.io.savemat(path, arrays, do_compression=True)


def write_matlab_hdf5(path, arrays):
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, array in arrays.items():
            file[name] = array.T
            file[name].attrs["MATLAB_class"] = np.bytes_("logical" if array.dtype == bool else str(array.dtype))
        file["#refs#/a"] = np.zeros((3, 3, 3))
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64")


REAL = ("u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f4", "f8")
# Writer: ending, whether it stores several arrays, and the types that it stores beside the usual ones.
WRITERS = {
    write_npy: (".npy", False, ("?", "f2", "g", ">i2", ">f8")),
    write_npz: (".npz", True, ("?", "f2", ">i2")),
    write_small_npz: (".npz", True, ("?", "f2", ">f4")),
    write_hdf5: (".h5", True, ("?", "f2", ">i2", ">f8")),
    write_netcdf: (".nc", True, ()),
    write_zarr: (".zarr", True, ("?", "f2")),
    write_one_zarr: (".zarr", False, ("?", "f2")),
    write_zarr_zip: (".zarr.zip", True, ("?",)),
    write_matlab: (".mat", True, ()),
    write_small_matlab: (".mat", True, ()),
    write_matlab_hdf5: (".mat", True, ("?", "f2")),
}
TYPES = [(write, dtype) for write, (_, _, others) in WRITERS.items() for dtype in REAL + others]


def name_of(value):
    return value.__name__.removeprefix("write_") if callable(value) else None


@pytest.mark.parametrize(("write", "dtype"), TYPES, ids=name_of)
def test_what_is_stored_arrives(tmp_path, write, dtype):
    path = tmp_path / f"frames{WRITERS[write][0]}"
    frames = FRAMES.astype(dtype)
    if frames.dtype.kind in "iu":
        frames[0, 0] = np.iinfo(frames.dtype).max
        frames[0, 1] = np.iinfo(frames.dtype).min
    write(path, {"frames": frames})
    with open_frames(path, ReadingOptions(layout="THW")) as file:
        assert (file.count, file.declared, file.channels, file.size) == (5, 5, 1, (6, 7))
        assert file.dtype == frames.dtype.newbyteorder("=")
        for start, stop in ((0, None), (1, 3), (4, 9)):
            window = file.read(start, stop)
            assert window.dtype == file.dtype
            assert window.dtype.isnative
            np.testing.assert_array_equal(window[:, 0], frames[start:stop])


@pytest.mark.parametrize("write", [write for write, (_, several, _) in WRITERS.items() if several], ids=name_of)
def test_an_array_of_several_is_named(tmp_path, write):
    path = tmp_path / f"frames{WRITERS[write][0]}"
    write(path, {"rain": FRAMES, "wind": FRAMES[::-1], "height": FRAMES[0]})
    with pytest.raises(ValueError, match=r"several arrays of frames, .*rain.*: name one with `variable`"):
        open_frames(path, ReadingOptions(layout="THW"))
    with open_frames(path, ReadingOptions(layout="THW", variable="wind")) as file:
        np.testing.assert_array_equal(file.read()[:, 0], FRAMES[::-1])
    with pytest.raises(ValueError, match=r"no array `variable` \(='snow'\), but .*rain"):
        open_frames(path, ReadingOptions(layout="THW", variable="snow"))
    write(path, {"height": FRAMES[0]})
    with pytest.raises(ValueError, match=r"frames\..* must hold real numbers \(T, H, W\).*height \(uint8 \(6, 7\)\)"):
        open_frames(path, ReadingOptions())


@pytest.mark.parametrize("write", WRITERS, ids=name_of)
def test_damaged_files_are_named(tmp_path, write):
    path = tmp_path / f"frames{WRITERS[write][0]}"
    write(path, {"frames": np.stack([FRAMES] * 40).reshape(-1, 6, 7)})
    if path.is_dir():
        for metadata in path.glob("**/zarr.json"):
            metadata.write_text("{")
    else:
        path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(ValueError, match=re.escape(f"{path.name} is not a readable")):
        open_frames(path, ReadingOptions(layout="THW")).read()


@pytest.mark.parametrize("write", WRITERS, ids=name_of)
def test_layouts_bring_axes_in_order(tmp_path, write):
    clips = rng.integers(0, 100, (3, 5, 2, 6, 7)).astype(np.int16)  # N T C H W
    for layout in ("NTCHW", "TNCHW", "NTHWC", "HWCTN", "WTHNC"):
        path = tmp_path / f"{layout}{WRITERS[write][0]}"
        write(path, {"clips": np.transpose(clips, ["NTCHW".index(axis) for axis in layout])})
        options = ReadingOptions(layout=layout)
        with open_frames(path, options) as file:
            assert (file.clips, file.count, file.channels, file.size) == (3, 5, 2, (6, 7))
        for number, clip in enumerate(clips):
            with open_frames(path.with_name(f"{path.name}#{number}"), options) as file:
                np.testing.assert_array_equal(file.read(1, 4), clip[1:4])


def test_clips_of_a_file_are_recordings(tmp_path):
    clips = rng.integers(0, 100, (11, 5, 1, 6, 7)).astype(np.uint8)
    np.save(tmp_path / "all.npy", clips)
    np.save(tmp_path / "one.npy", clips[:1])
    paths = recordings(tmp_path)
    assert [path.name for path in paths] == [*(f"all.npy#{number}" for number in range(11)), "one.npy"]
    np.testing.assert_array_equal(read_recording(paths[10]).frames, clips[10])
    np.testing.assert_array_equal(read_recording(paths[11]).frames, clips[0])
    with pytest.raises(ValueError, match=r"all\.npy holds 11 clips of 5 frames .*: name one, all.npy#0 to all.npy#10"):
        read_recording(tmp_path / "all.npy")
    with pytest.raises(ValueError, match=r"all\.npy#11 does not exist: all.npy holds 11 clips"):
        read_recording(tmp_path / "all.npy#11")
    with pytest.raises(FileNotFoundError, match=r"none\.npy#1 does not exist"):
        read_recording(tmp_path / "none.npy#1")
    (tmp_path / "take.npy#1").write_bytes((tmp_path / "one.npy").read_bytes())
    assert [path.name for path in recordings(tmp_path)] == [path.name for path in paths]


def test_clips_in_an_open_layout_are_refused_before_they_are_counted(tmp_path):
    np.save(tmp_path / "mnist_test_seq.npy", np.zeros((9, 6, 16, 16), np.uint8))
    with pytest.raises(ValueError, match="looks like many clips"):
        split_recordings(tmp_path)
    parts = split_recordings(tmp_path, options=ReadingOptions(layout="TNHW"))
    assert sorted(path.name for paths in parts.values() for path in paths) == [
        f"mnist_test_seq.npy#{n}" for n in range(6)
    ]
    assert read_recording(parts["val"][0], options=ReadingOptions(layout="TNHW")).frames.shape == (9, 1, 16, 16)


def test_how_many_clips_there_are_is_noted(tmp_path, capsys):
    np.save(tmp_path / "all.npy", np.zeros((6, 9, 1, 4, 4), np.uint8))
    read_recording(tmp_path / "all.npy#2")
    read_recording(tmp_path / "all.npy#3")
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("framecast: note: ")
    assert "is read as 6 clips of 9 frames (N, T, C, H, W); `layout` says otherwise" in line


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((9, 6, 16, 16), "looks like many clips or many channels .*`layout`, TNHW .* NTHW .* or TCHW"),
        ((9, 16, 18, 3), r"looks like \(T, H, W, C\) .*`layout`, THWC"),
        ((16, 18, 3, 9), r"looks like \(H, W, C, T\) .*`layout`, HWCT"),
        ((32, 32, 9), "looks like frames that lie last .*`layout`, HWT .* or THW"),
        ((480, 640, 12), "looks like frames that lie last"),
        ((480, 640, 3), r"looks like one image \(H, W, C\)"),
        ((6, 9, 16, 16, 3), "looks like many clips .*NTHWC"),
        ((2, 3), "must hold real numbers"),
        ((1, 2, 3, 4, 5, 6), "must hold real numbers"),
    ],
)
def test_shapes_that_fit_several_layouts_are_refused(tmp_path, shape, words):
    np.save(tmp_path / "frames.npy", np.zeros(shape, np.uint8))
    with pytest.raises(ValueError, match=rf"frames\.npy.* {words}"):
        open_frames(tmp_path / "frames.npy")


def test_wrong_layouts(tmp_path):
    np.save(tmp_path / "frames.npy", FRAMES)
    for layout in ("THX", "THH", "TCH", "", "TTHW"):
        with pytest.raises(ValueError, match=r"`layout` \(='.*'\) must hold each of T, H and W once"):
            ReadingOptions(layout=layout)
    with pytest.raises(ValueError, match=r"frames\.npy has 3 axes \(5, 6, 7\), `layout` \(='TCHW'\) others"):
        open_frames(tmp_path / "frames.npy", ReadingOptions(layout="TCHW"))


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((2, 4, 4), complex), "complex128 .*complex numbers: save their real and imaginary parts"),
        (np.zeros((2, 4, 4), "M8[s]"), "dates"),
        (np.zeros((2, 4, 4), "S3"), "text"),
        (np.zeros((2, 4, 4), [("a", "f4"), ("b", "f4")]), "records"),
    ],
)
def test_what_is_no_real_number_is_refused(tmp_path, array, words):
    np.save(tmp_path / "frames.npy", array)
    np.savez(tmp_path / "frames.npz", array)
    for ending in (".npy", ".npz"):
        with pytest.raises(ValueError, match=rf"frames\{ending} must hold real numbers .*{words}"):
            open_frames(tmp_path / f"frames{ending}")


def test_python_objects_are_refused(tmp_path):
    objects = np.full((2, 4, 4), None)
    np.save(tmp_path / "frames.npy", objects, allow_pickle=True)
    np.savez(tmp_path / "frames.npz", objects)
    with pytest.raises(ValueError, match=r"frames\.npy must hold real numbers .*Python objects: save np.stack"):
        open_frames(tmp_path / "frames.npy")
    with pytest.raises(ValueError, match=r"frames\.npz must hold real numbers .*Python objects: save np.stack"):
        open_frames(tmp_path / "frames.npz")


def test_complex_matlab_arrays_are_refused(tmp_path):
    scipy.io.savemat(tmp_path / "frames.mat", {"frames": np.ones((6, 6, 3)) * 1j})
    with pytest.raises(ValueError, match=r"frames\.mat holds complex numbers as frames"):
        open_frames(tmp_path / "frames.mat").read()


def test_matlab_keeps_double_and_logical(tmp_path):
    scipy.io.savemat(tmp_path / "frames.mat", {"frames": np.ones((6, 6, 3))})
    with open_frames(tmp_path / "frames.mat") as file:
        assert (file.layout, file.count, file.dtype) == ("HWT", 3, np.float64)
    scipy.io.savemat(tmp_path / "mask.mat", {"mask": np.ones((6, 6, 3), bool)})
    with open_frames(tmp_path / "mask.mat") as file:
        assert file.read().dtype == file.dtype == bool
    scipy.io.savemat(tmp_path / "odd.mat", {"frames": np.ones((5, 6, 7))})
    with pytest.raises(ValueError, match=r"odd\.mat looks like frames in an unknown order \(5, 6, 7\): .*HWT.*THW"):
        open_frames(tmp_path / "odd.mat")


def test_an_array_under_another_ending(tmp_path):
    np.savez(tmp_path / "frames.npz", FRAMES)
    (tmp_path / "frames.npz").rename(tmp_path / "frames.npy")
    with pytest.raises(ValueError, match=r"frames\.npy is not a readable .*npz file by another name"):
        open_frames(tmp_path / "frames.npy")


@pytest.mark.parametrize(
    ("ending", "extra"), [(".h5", "h5py"), (".nc", "netCDF4"), (".zarr", "zarr"), (".mat", "scipy.io")]
)
def test_without_their_extra(tmp_path, monkeypatch, ending, extra):
    (tmp_path / f"frames{ending}").touch()
    monkeypatch.setitem(__import__("sys").modules, extra, None)
    with pytest.raises(ImportError, match=rf"needs `{extra}`.*framecast\[files\]"):
        read_recording(tmp_path / f"frames{ending}")


def test_rounding_to_float32_is_noted(tmp_path, capsys):
    for name, frames in {
        "exact": np.array([0, 2**24], np.uint64),
        "huge": np.array([2**60, 2**60 + 1], np.uint64),
        "odd": np.array([0, 2**24 + 1], np.int32),
        "real": np.array([1e9, 1e9 + 1]),
        "fine": np.array([0.1, 0.2]),
    }.items():
        np.save(tmp_path / f"{name}.npy", frames.reshape(2, 1, 1))
        read_recording(tmp_path / f"{name}.npy")
    lines = capsys.readouterr().err.splitlines()
    assert [re.search(r"(\w+)\.npy: (\w+) .* rounded by up to (\w+)", line).groups() for line in lines] == [
        ("huge", "uint64", "1"),
        ("odd", "int32", "1"),
        ("real", "float64", "1"),
    ]
