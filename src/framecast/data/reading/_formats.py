"""The formats that are read: names, endings and openers, in one table."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ._clips import clip_path, file_of, split_clip
from ._frame_file import FileError, FrameFile, LayoutError, ReadingOptions, guarded
from ._span import Span, split_span


@dataclass(frozen=True)
class Format:
    """A format of files.

    Args:
        name: its name.
        endings: endings of its files' names, in lower case.
        opener: module of this folder, and the callable in it that opens a file: ``(path, options) -> FrameFile``.
        is_image: whether a file may be a single image.
        is_stack: whether a file may hold several frames.
        is_array: whether a file holds arrays, which may be of many clips.
        extra: extra of Framecast that its library comes with.
    """

    name: str
    endings: tuple[str, ...]
    opener: str
    is_image: bool = False
    is_stack: bool = True
    is_array: bool = False
    extra: str = "train"

    def open(self, path: Path, options: ReadingOptions) -> FrameFile:
        """Open a file of this format."""
        module, name = self.opener.split(":")
        opener: Callable[[Path, ReadingOptions], FrameFile] = getattr(
            importlib.import_module(f"{__package__}.{module}"), name
        )
        with guarded(path, f"file of {self.name}"):
            return opener(path, options)


_FILMS = (
    *(".mp4", ".m4v", ".mov", ".3gp", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".ts", ".m2ts", ".mts"),
    *(".wmv", ".asf", ".flv", ".ogv", ".h264", ".h265", ".hevc"),
)
FORMATS = (
    Format("GIF", (".gif",), "_image_file:open_image", is_image=True),
    Format("PNG", (".png", ".apng"), "_image_file:open_image", is_image=True),
    Format("TIFF", (".tif", ".tiff", ".btf", ".tf8"), "_image_file:open_image", is_image=True, extra="files"),
    Format("JPEG", (".jpg", ".jpeg", ".jpe", ".jfif"), "_image_file:open_image", is_image=True, is_stack=False),
    Format("BMP", (".bmp", ".dib"), "_image_file:open_image", is_image=True, is_stack=False),
    Format("PNM", (".pgm", ".ppm", ".pbm", ".pnm"), "_image_file:open_image", is_image=True, is_stack=False),
    Format("WebP", (".webp",), "_image_file:open_image", is_image=True),
    Format("AVIF", (".avif", ".avifs"), "_image_file:open_image", is_image=True),
    Format("JPEG XL", (".jxl",), "_image_file:open_image", is_image=True, extra="files"),
    Format("JPEG 2000", (".jp2", ".j2k"), "_image_file:open_image", is_image=True, is_stack=False, extra="files"),
    Format("TGA", (".tga",), "_image_file:open_image", is_image=True, is_stack=False),
    Format("NumPy", (".npy",), "_numpy:NumpyFile", is_array=True),
    Format("NumPy archive", (".npz",), "_numpy:NpzFile", is_array=True),
    Format("HDF5", (".h5", ".hdf5", ".he5"), "_hdf5:Hdf5File", is_array=True, extra="files"),
    Format("netCDF", (".nc", ".nc4", ".cdf"), "_netcdf:NetcdfFile", is_array=True, extra="files"),
    Format("Zarr", (".zarr", ".zarr.zip"), "_zarr:ZarrFile", is_array=True, extra="files"),
    Format("MATLAB", (".mat",), "_mat:open_matlab", is_array=True, extra="files"),
    Format("video", _FILMS, "_video:VideoFile", extra="video"),
)
"""All formats that are read."""

ENDINGS = tuple(ending for format in FORMATS for ending in format.endings)
"""All endings of files that are read."""

IMAGE_ENDINGS = tuple(ending for format in FORMATS if format.is_image for ending in format.endings)
"""Endings of files that may be single images."""

_FOLDER = Format("folder of images", (), "_image_folder:ImageFolderFile")


def format_of(path: Path) -> Format | None:
    """Return the format of a path, by its ending; None if it is unknown."""
    name = file_of(split_span(path)[0]).name.lower()
    return next((format for format in FORMATS if name.endswith(format.endings)), None)


def is_image(path: Path) -> bool:
    """Return whether a path's ending is that of a format of single images."""
    return path.suffix.lower() in IMAGE_ENDINGS


def open_frames(path: str | Path, options: ReadingOptions | None = None) -> FrameFile:
    """Open a file, a clip of it, or a folder of images, to read its frames.

    Args:
        path: the file, a clip of it such as ``all.npy#3``, or the folder; with ``@0:70`` at the end frames 0 to 69.
        options: how to read it where it does not say so itself.

    Raises:
        FileNotFoundError: if there is no such path.
        ImportError: if the library of its format is not installed.
        ValueError: if the ending is unknown, or the file holds what cannot be read.
    """
    path, span = split_span(Path(path))
    if span is not None:
        return Span(open_frames(path, options), *span)
    file, clip = split_clip(path)
    format = format_of(file) or (_FOLDER if file.is_dir() else None)
    if not file.exists() or (clip is not None and format is not None and not format.is_array):
        raise FileNotFoundError(f"{path} does not exist")
    if format is None:
        raise FileError(f"{path} has an unknown ending, known are {', '.join(ENDINGS)} and folders of images")
    return format.open(path, options or ReadingOptions())


def clip_paths(path: Path, options: ReadingOptions | None = None) -> list[Path]:
    """Return the paths of the clips in a file, ``all.npy#0`` and so on; the path itself if it holds one, or is damaged.

    Args:
        path: a file or folder that :func:`open_frames` opens.
        options: how to read it.

    Raises:
        ValueError: if its layout is open.
    """
    format = format_of(path)
    if format is None or not format.is_array:
        return [path]
    try:
        with open_frames(path, options) as file:
            return [path] if file.clips == 1 else [clip_path(path, clip) for clip in range(file.clips)]
    except LayoutError:
        raise
    except (FileError, ImportError):  # said again by whoever reads it
        return [path]
