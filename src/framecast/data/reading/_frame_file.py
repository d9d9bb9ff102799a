"""A file of frames that is open: what it holds, and a window of its frames.

Shape letters: T time, C channels, H height, W width.
"""

import functools
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from ._layout import check_layout
from ._missing import Missing, check_missing

Ground = float | tuple[float, ...]  # shares of white


class FileError(ValueError):
    """A file holds what cannot be read; the text names the file and the reason."""


class LayoutError(FileError):
    """An array's shape fits several layouts; the text names them."""


@dataclass(frozen=True)
class ReadingOptions:
    """How to read a file where the file itself does not say it.

    Args:
        layout: axes of an array, such as ``"THW"``, ``"TCHW"``, ``"THWC"``, ``"NTCHW"`` or ``"TNHW"``: N clips, T time,
            C channels, H height, W width.
        variable: name of the array in a container of several.
        ground: what shows through transparent pixels: a share of the stored type's range from 0 (black) to 1 (white),
            or one for each channel. Default: chosen by what the file holds, and noted.
        missing: values, or ranges ``(low, high)``, that stand for no value.
        time_step: seconds from frame to frame, to which frames at uneven times are brought.
        grayscale: whether frames will be turned grey, so that grey images may stand beside those in colour.

    Raises:
        ValueError: if a layout lacks T, H or W, or has an axis twice or an unknown one, or what is missing is neither
            numbers nor ranges.
    """

    layout: str | None = None
    variable: str | None = None
    ground: Ground | None = None
    missing: tuple[Missing, ...] = ()
    time_step: float | None = None
    grayscale: bool = False

    def __post_init__(self) -> None:
        if self.layout is not None:
            check_layout(self.layout)
        object.__setattr__(self, "missing", check_missing(self.missing))


class FrameFile(ABC):
    """An open file of frames that decodes only the frames asked for.

    Attributes:
        path: the file.
        format: name of its format.
        count: number of frames that can be read.
        declared: number of frames that the file says it holds; None if it does not say.
        channels: number of channels, C.
        size: height and width of a frame as it is shown, (H, W).
        dtype: type of the values as they are stored, in native byte order.
        times: seconds ``(T,)`` of each frame; None if unknown.
        start: date and time from which ``times`` count; None if unknown.
        missing: values, or ranges ``(low, high)``, that stand for no value.
        clips: number of clips that the file holds; more than one are opened one by one, see :func:`clip_paths`.
        ground: what transparent pixels are laid on, an option or chosen while reading; None before any are read.
        has_palette: whether the values come from a palette, so that one channel stands for equal ones of colour.
        notes: what was converted, passed over or cut short, a sentence each that names the file; complete when all
            frames have been read.
    """

    path: Path
    format: str
    count: int
    channels: int
    size: tuple[int, int]
    dtype: np.dtype
    declared: int | None = None
    times: np.ndarray | None = None
    start: np.datetime64 | None = None
    clips: int = 1
    has_palette: bool = False

    def __init_subclass__(cls, **options: Any) -> None:
        """Let ``read`` raise nothing but our own errors, whatever its library raises for a damaged file."""
        super().__init_subclass__(**options)
        decode: Callable[..., np.ndarray] = cls.read

        @functools.wraps(decode)
        def read(self: FrameFile, start: int = 0, stop: int | None = None) -> np.ndarray:
            with guarded(self.path, "file of frames"):
                return decode(self, start, stop)

        if "read" in cls.__dict__:
            cls.read = read  # type: ignore[method-assign]

    def __init__(self, path: Path, options: ReadingOptions) -> None:
        self.path, self.options = path, options
        self.missing: tuple[Missing, ...] = options.missing
        self.notes: list[str] = []
        self.ground = options.ground

    @abstractmethod
    def read(self, start: int = 0, stop: int | None = None) -> np.ndarray:
        """Decode frames ``start`` to ``stop`` (by default all), ``(stop - start, C, H, W)`` of ``dtype``."""

    def close(self) -> None:  # noqa: B027 - a file may hold nothing open
        """Close the file."""

    def kind(self) -> str:
        """Return size, channels and type in words: they must be the same for all frames of a recording."""
        return kind_of((self.channels, *self.size), self.dtype)

    def __enter__(self) -> "FrameFile":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def kind_of(shape: tuple[int, ...], dtype: np.dtype) -> str:
    """Say size, channels and type of a frame ``(C, H, W)`` in words."""
    channels, height, width = shape
    return f"{height}x{width}, {channels} channel{'s' * (channels > 1)} of {dtype}"


@contextmanager
def reading(path: Path, noun: str) -> Iterator[None]:
    """Turn whatever a library raises for a file into :class:`FileError`, which names the file.

    Args:
        path: the file.
        noun: what it should be, for the message: "image".

    Raises:
        FileError: for any error but those of ours, a missing file and a missing library.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # libraries warn of what is an error, or a note, of ours
            yield
    except (FileError, FileNotFoundError, ImportError):
        raise
    except Exception as error:
        raise FileError(f"{path} is not a readable {noun}: {error}") from error


@contextmanager
def guarded(path: Path, noun: str) -> Iterator[None]:
    """Turn whatever else a reader lets through into :class:`FileError`.

    A ``ValueError`` that names the file or an option stays as it is.

    Args:
        path: the file.
        noun: what it should be, for the message.
    """
    try:
        yield
    except (FileError, FileNotFoundError, ImportError):
        raise
    except Exception as error:
        if isinstance(error, ValueError) and (path.name in str(error) or "`" in str(error)):
            raise
        raise FileError(f"{path} is not a readable {noun}: {error}") from error
