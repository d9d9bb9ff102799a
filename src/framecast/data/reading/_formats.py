"""The formats that are read: names, endings and openers, in one table."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ._frame_file import FileError, FrameFile, ReadingOptions


@dataclass(frozen=True)
class Format:
    """A format of files.

    Args:
        name: its name.
        endings: endings of its files' names, in lower case.
        opener: module of this folder, and the callable in it that opens a file: ``(path, options) -> FrameFile``.
        is_image: whether a file may be a single image.
        is_stack: whether a file may hold several frames.
        extra: extra of Framecast that its library comes with.
    """

    name: str
    endings: tuple[str, ...]
    opener: str
    is_image: bool = False
    is_stack: bool = True
    extra: str = "train"

    def open(self, path: Path, options: ReadingOptions) -> FrameFile:
        """Open a file of this format."""
        module, name = self.opener.split(":")
        opener: Callable[[Path, ReadingOptions], FrameFile] = getattr(
            importlib.import_module(f"{__package__}.{module}"), name
        )
        return opener(path, options)


FORMATS = (
    Format("GIF", (".gif",), "_pillow:PillowFile", is_image=True),
    Format("PNG", (".png", ".apng"), "_pillow:PillowFile", is_image=True),
    Format("TIFF", (".tif", ".tiff"), "_pillow:PillowFile", is_image=True),
    Format("JPEG", (".jpg", ".jpeg"), "_pillow:PillowFile", is_image=True, is_stack=False),
    Format("BMP", (".bmp",), "_pillow:PillowFile", is_image=True, is_stack=False),
    Format("PNM", (".pgm", ".ppm"), "_pillow:PillowFile", is_image=True, is_stack=False),
    Format("NumPy", (".npy",), "_numpy:NumpyFile"),
    Format(
        "video", (".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg"), "_video:VideoFile", extra="video"
    ),
)
"""All formats that are read."""

ENDINGS = tuple(ending for format in FORMATS for ending in format.endings)
"""All endings of files that are read."""

IMAGE_ENDINGS = tuple(ending for format in FORMATS if format.is_image for ending in format.endings)
"""Endings of files that may be single images."""

_FOLDER = Format("folder of images", (), "_image_folder:ImageFolderFile")


def format_of(path: Path) -> Format | None:
    """Return the format of a path, by its ending; None if it is unknown."""
    return next((format for format in FORMATS if path.suffix.lower() in format.endings), None)


def is_image(path: Path) -> bool:
    """Return whether a path's ending is that of a format of single images."""
    return path.suffix.lower() in IMAGE_ENDINGS


def open_frames(path: str | Path, options: ReadingOptions | None = None) -> FrameFile:
    """Open a file, or a folder of images, to read its frames.

    Args:
        path: the file or folder.
        options: how to read it where it does not say so itself.

    Raises:
        FileNotFoundError: if there is no such path.
        ImportError: if the library of its format is not installed.
        ValueError: if the ending is unknown, or the file holds what cannot be read.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist")
    format = format_of(path) or (_FOLDER if path.is_dir() else None)
    if format is None:
        raise FileError(f"{path} has an unknown ending, known are {', '.join(ENDINGS)} and folders of images")
    return format.open(path, options or ReadingOptions())
