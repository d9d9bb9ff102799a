"""Mutates files of every format and reads them: no reader may raise anything but Framecast's own errors.

    python tools/fuzz_readers.py                   # 10,000 files for each reader; about an hour on one core
    python tools/fuzz_readers.py --count 200 PNG   # some of one

A file is written by the format's own writer, and then some bytes are changed, cut out, doubled or cut off. A file that
was read in spite of that is fine; an error must be ValueError, FileNotFoundError or ImportError and name the file.
A reader that needs more than ten seconds, or more memory than it is given, is at fault too.
"""

import argparse
import collections
import contextlib
import io
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

import numpy as np

from framecast.data import open_frames

OWN = (ValueError, FileNotFoundError, ImportError)
SECONDS = 10
GIGABYTES = 6


def seeds(folder: Path) -> dict[str, list[Path]]:
    """Write a few whole files of each reader into a folder; formats whose writer is not installed are left out."""
    files: dict[str, list[Path]] = collections.defaultdict(list)
    for name, ending, write in _writers():
        path = folder / f"{name.replace(' ', '-')}-{len(files[name])}{ending}"
        try:
            write(path)
        except (ImportError, KeyError, OSError) as error:
            print(f"no {name} ({ending}) is written here: {error}", file=sys.stderr)
            continue
        files[name].append(path)
    return {name: paths for name, paths in files.items() if paths}


def _writers() -> Iterator[tuple[str, str, Callable[[Path], object]]]:
    from PIL import Image

    random = np.random.default_rng(0)
    grey = random.integers(0, 256, (5, 12, 9), dtype=np.uint8)
    grey[:, 3:9, 2:6] = 7
    colour = np.repeat(grey[..., None], 3, -1)
    deep = grey.astype(np.uint16) * 16

    def image(values: np.ndarray, several: bool = False, **options: object) -> Callable[[Path], object]:
        first, *others = [Image.fromarray(each) for each in (values if several else values[:1])]
        more = {"save_all": True, "append_images": others, "duration": 40} if several else {}
        return lambda path: first.save(path, **{**more, **options})  # type: ignore[arg-type]

    exif = Image.Exif()
    exif[0x0112] = 6
    rgba = np.concatenate([colour, grey[..., None]], -1)
    yield "PNG", ".png", image(grey)
    yield "PNG", ".png", image(deep)
    yield "PNG", ".png", image(rgba, exif=exif)
    yield "PNG", ".png", image(colour, several=True)
    yield "GIF", ".gif", image(grey, several=True)
    yield "JPEG", ".jpg", image(colour, exif=exif)
    yield "BMP", ".bmp", image(colour)
    yield "PNM", ".ppm", image(colour)
    yield "PNM", ".pgm", image(deep)
    yield "TGA", ".tga", image(rgba)
    yield "WebP", ".webp", image(rgba, several=True, exif=exif)
    yield "AVIF", ".avif", image(colour)
    yield "JPEG 2000", ".jp2", image(colour)
    yield "TIFF", ".tif", image(colour, compression="tiff_lzw")
    yield "TIFF", ".tif", lambda path: _tifffile(path, deep, imagej=True)
    yield "TIFF", ".tif", lambda path: _tifffile(path, deep.astype(np.float32), bigtiff=True, compression="zlib")
    yield "TIFF", ".tif", lambda path: _tifffile(path, deep, ome=True)
    yield "JPEG XL", ".jxl", lambda path: path.write_bytes(_codec("jpegxl_encode")(colour[0]))
    yield "NumPy", ".npy", lambda path: np.save(path, deep)
    yield "NumPy archive", ".npz", lambda path: np.savez_compressed(path, frames=deep, other=deep[0])
    yield "MATLAB", ".mat", lambda path: _matlab(path, deep)
    yield "HDF5", ".h5", lambda path: _hdf5(path, deep)
    yield "netCDF", ".nc", lambda path: _netcdf(path, deep)
    yield "Zarr", ".zarr.zip", lambda path: _zarr(path, deep)
    for ending, codec in ((".mp4", "mpeg4"), (".avi", "mjpeg"), (".mkv", "ffv1"), (".mpg", "mpeg1video")):
        yield "video", ending, lambda path, codec=codec: _video(path, colour, codec)  # type: ignore[misc]


def _tifffile(path: Path, values: np.ndarray, **options: object) -> None:
    import tifffile

    tifffile.imwrite(path, values, **options)


def _codec(name: str) -> Callable[[np.ndarray], bytes]:
    import imagecodecs

    function: Callable[[np.ndarray], bytes] = getattr(imagecodecs, name)
    return function


def _matlab(path: Path, values: np.ndarray) -> None:
    from scipy.io import savemat

    savemat(path, {"frames": values[:, :9].transpose(1, 2, 0)})  # MATLAB's order, which square frames tell


def _hdf5(path: Path, values: np.ndarray) -> None:
    import h5py

    with h5py.File(path, "w") as file:
        file.create_dataset("frames", data=values, compression="gzip").attrs["_FillValue"] = np.uint16(3)


def _netcdf(path: Path, values: np.ndarray) -> None:
    import netCDF4

    with netCDF4.Dataset(path, "w") as file:
        for name, size in zip(("time", "y", "x"), values.shape, strict=True):
            file.createDimension(name, size)
        time = file.createVariable("time", "f8", ("time",))
        time.units = "seconds since 2020-01-01"
        time[:] = np.arange(len(values)) * 60.0
        file.createVariable("frames", "u2", ("time", "y", "x"), fill_value=3)[:] = values


def _zarr(path: Path, values: np.ndarray) -> None:
    import zarr

    with zarr.storage.ZipStore(path, mode="w") as store:
        zarr.group(store).create_array("frames", data=values)


def _video(path: Path, values: np.ndarray, codec: str) -> None:
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        frames = np.ascontiguousarray(np.kron(values, np.ones((1, 4, 4, 1), np.uint8)))
        stream.height, stream.width = frames.shape[1] // 16 * 16, frames.shape[2] // 16 * 16
        stream.pix_fmt = {"mjpeg": "yuvj420p"}.get(codec, "yuv420p")
        for each in frames[:, : stream.height, : stream.width]:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(each), format="rgb24")))
        container.mux(stream.encode(None))


def mutate(content: bytes, random: np.random.Generator) -> bytes:
    """Change some bytes, most of them near the beginning, where headers are; or cut out, double, or cut off some."""
    data = bytearray(content)
    for _ in range(int(random.integers(1, 6))):
        size = len(data)
        if size < 2:
            break
        reach = size if random.random() < 0.5 else min(size, 256)
        place = int(random.integers(reach))
        kind = random.integers(8)
        if kind < 3:
            data[place] = int(random.integers(256))
        elif kind == 3:
            data[place] ^= 1 << int(random.integers(8))
        elif kind == 4:
            width = int(random.choice([2, 4, 8]))
            value = int(random.choice(np.array([0, 1, 255, 2**15, 2**31 - 1, 2**31, 2**32 - 1])))
            data[place : place + width] = (value % 256**width).to_bytes(width, str(random.choice(["little", "big"])))  # type: ignore[arg-type]
        elif kind == 5:
            del data[place : place + int(random.integers(1, 64))]
        elif kind == 6:
            data[place:place] = data[place : place + int(random.integers(1, 64))]
        else:
            del data[place:]
    return bytes(data)


def read(path: Path) -> str:
    """Open a file and read it; return what came of it: read, refused, or a fault with its last lines."""
    try:
        with open_frames(path) as file:
            file.read(0, min(file.count, 8))
            str(file.notes), file.times, file.kind()
    except OWN as error:
        return "refused" if path.name in str(error) else f"fault: does not name the file: {error!r}"
    except (Exception, _SlowError) as error:
        return f"fault: {type(error).__name__}: {error}\n" + "".join(traceback.format_tb(error.__traceback__)[-3:])
    return "read"


class _SlowError(BaseException):
    """No ``Exception``: a reader must not take it for an error of its library."""


def _stop(number: int, frame: FrameType | None) -> None:
    raise _SlowError(f"more than {SECONDS} s")


def fuzz(name: str, paths: list[Path], count: int, seed: int = 0) -> collections.Counter[str]:
    """Read so many mutated files of a format; return how often each thing came of it.

    Args:
        name: name of the format.
        paths: whole files.
        count: number of mutated files.
        seed: another seed, other files.
    """
    results: collections.Counter[str] = collections.Counter()
    contents = [path.read_bytes() for path in paths]
    for number in range(count):
        random = np.random.default_rng((seed, sum(name.encode()), number))
        which = number % len(paths)
        path = paths[which].with_name(f"mutated-{number}{''.join(paths[which].suffixes)}")
        path.write_bytes(mutate(contents[which], random))
        signal.setitimer(signal.ITIMER_REAL, SECONDS)
        result = read(path)
        signal.setitimer(signal.ITIMER_REAL, 0)
        results[result.partition("\n")[0].replace(path.name, "FILE") if result.startswith("fault") else result] += 1
        if result.startswith("fault") and results.total() < count:
            path.rename(path.with_name(f"fault-{name.replace(' ', '-')}-{path.name}"))
            print(f"{name} {number}: {result}", file=sys.stderr)
        else:
            path.unlink()
    return results


@contextlib.contextmanager
def limits() -> Iterator[None]:
    """Bound the time of a reading and the memory of the process, and keep libraries quiet."""
    before = signal.signal(signal.SIGALRM, _stop)
    memory = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (GIGABYTES * 2**30, memory[1]))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, memory)
        signal.signal(signal.SIGALRM, before)


def main() -> int:
    """Fuzz the readers; return how many are at fault."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", help="names of formats; all by default")
    parser.add_argument("--count", type=int, default=10_000, help="mutated files for each")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="where to write files; those at fault stay there")
    arguments = parser.parse_args()
    folder = arguments.folder or Path(tempfile.mkdtemp(prefix="fuzz-"))
    folder.mkdir(parents=True, exist_ok=True)
    faults = 0
    for name, paths in seeds(folder).items():
        if arguments.names and name not in arguments.names:
            continue
        start = time.perf_counter()
        with limits():
            results = fuzz(name, paths, arguments.count, arguments.seed)
        seconds = time.perf_counter() - start
        bad = sum(count for result, count in results.items() if result.startswith("fault"))
        faults += bad > 0
        print(
            f"{name:<14} {results.total():>6} files: {results['read']} read, {results['refused']} refused, {bad} at "
            f"fault, {seconds:.0f} s",
            flush=True,
        )
        for result, count in results.most_common():
            if result.startswith("fault"):
                print(f"    {count} x {result}", flush=True)
    return faults


if __name__ == "__main__":
    with contextlib.redirect_stdout(sys.stdout or io.StringIO()):
        sys.exit(min(main(), 100))
