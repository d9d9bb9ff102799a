"""TIFF files as frames: single images, pages, ImageJ and OME stacks, BigTIFF, of any type of sample.

Shape letters: T time, C channels, H height, W width.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from framecast._extras import require

from ._alpha import composite, contrasting_ground, ground_name, has_transparency
from ._frame_file import FileError, FrameFile, ReadingOptions, kind_of, reading
from ._orientation import UPRIGHT, turned, turned_size
from ._tiff_axes import FrameAxes
from ._tiff_colour import TiffColour

_ORIENTATION, _NODATA = 274, 42113  # numbers of tags
_COMPOSITE = 7  # most channels that ImageJ shows together
_NOT_COMPRESSED = 1
_MOST_SQUEEZED = 5000  # bytes that a byte of compressed data may stand for
_LARGE = 2**28  # bytes of a page that may be empty
_REDUCED, _MASK = 1, 4  # bits of NewSubfileType


class TiffFile(FrameFile):
    """The first series of a TIFF file: all its pages of one kind, or the stack behind one directory entry."""

    format = "TIFF"

    def __init__(self, path: Path, options: ReadingOptions) -> None:
        super().__init__(path, options)
        tifffile = require("tifffile", "files", "reading TIFF")
        with reading(path, "image"):
            with self._complaints():
                self._file = tifffile.TiffFile(path)
            try:
                with self._complaints():
                    self._read_header()
            except BaseException:
                self.close()
                raise

    def _read_header(self) -> None:
        self._series = self._one_series()
        self._page = self._series.keyframe
        if self._series.dtype is None or self._series.dtype.kind not in "buif":
            raise FileError(f"{self.path} holds {self._series.dtype}, but frames must be real numbers")
        is_array = self._series.kind == "shaped"  # written from an array, whose values are what was meant
        self._axes = FrameAxes.of(self.path, self._series.axes, self._series.shape, self.options.layout)
        is_unnamed = self._series.kind == "imagej" and self.options.layout is None
        if is_unnamed and self._axes.time is None and self._axes.channels > _COMPOSITE:
            self.notes.append(f"{self.path}: its {self._axes.channels} channels are taken for frames, see `layout`")
            self._axes = replace(self._axes, time=self._axes.channel, channel=None)
        self._colour = TiffColour.of(self.path, self._page, self._axes.channels, is_array)
        self.notes += self._colour.notes
        self.has_palette = self._colour.palette is not None
        self.channels = self._colour.channels
        tag = self._page.tags.get(_ORIENTATION)
        self._orientation = UPRIGHT if tag is None else int(tag.value)
        self.size = turned_size(self._axes.size, self._orientation)
        self._offset = self._calibration()
        pixel = np.zeros((1, self._axes.channels, 1, 1), self._series.dtype.newbyteorder("="))
        self.dtype = self._converted(pixel)[0].dtype
        self._take_nodata()
        self.declared = max(self._declared(), self._axes.count)
        self.count = min(self._axes.count, self._whole_frames())
        if not self.count:
            raise FileError(f"{self.path} is not a readable image: it is cut short")
        if self.count < self.declared:
            self.notes.append(
                f"{self.path} is cut short: it says that it has {self.declared} frames, but {self.count} are there"
            )
        interval = (self._file.imagej_metadata or {}).get("finterval", 0)
        if isinstance(interval, int | float) and interval > 0 and self._axes.count > 1:
            self.times = np.arange(self.count) * float(interval)

    def _one_series(self) -> Any:
        """Return the series to read; refuse frames of several kinds."""
        with self._complaints():
            every = list(self._file.series)
        subfiles = [_subfile(series) for series in every]
        images = [each for each, kind in zip(every, subfiles, strict=True) if not kind & (_REDUCED | _MASK)] or every
        if any(kind & _MASK for kind in subfiles):
            self.notes.append(f"{self.path}: a mask of its pixels is passed over")
        if not images:
            raise FileError(f"{self.path} is not a readable image: it has no pages")
        first, *others = images
        if others and first.kind in ("generic", "uniform", "shaped"):
            pages = len(first.pages)
            raise FileError(
                f"{self.path}: all frames must have one size and type, but {self.path.name} frame 0 is "
                f"{_kind(first)} and {self.path.name} frame {pages} is {_kind(others[0])}"
            )
        if others:
            self.notes.append(f"{self.path}: the first of {len(images)} series of images is read")
        return first

    def _declared(self) -> int:
        """Return how many frames the file says it has."""
        imagej = self._file.imagej_metadata or {}
        if imagej:
            parts = [int(imagej.get(name, 1)) for name in ("frames", "slices", "channels")]
            images = int(imagej.get("images", 1))
            stack = images // max(parts[2], 1)
            return max(stack, parts[0] * parts[1])
        shaped = self._file.shaped_metadata
        if shaped and "shape" in shaped[0] and self._series.kind != "shaped":  # pages are missing
            return int(shaped[0]["shape"][0])
        return self._axes.count

    def _whole_frames(self) -> int:
        """Count the frames whose data are all within the file."""
        size = self._file.filehandle.size
        if self._is_mapped:
            frame = self._series.dtype.itemsize * int(np.prod(self._series.shape)) // self._axes.count
            there = (size - self._series.dataoffset) // max(frame, 1)
            return int(there) if self._axes.is_time_first else self._axes.count * (there >= self._axes.count)
        self._check_size()
        for number, page in enumerate(self._series.pages):
            ends = [start + length for start, length in zip(page.dataoffsets, page.databytecounts, strict=False)]
            if ends and max(ends) > size:
                return number // self._pages_per_frame if self._axes.is_time_first else 0
        return self._axes.count

    def _check_size(self) -> None:
        """Refuse a page whose data are too few for the size that it says it has."""
        page = self._page
        stored = sum(page.databytecounts)
        plain = int(np.prod(page.shape)) * page.bitspersample // 8
        is_plain = int(page.compression) == _NOT_COMPRESSED and stored
        if plain > stored * (1 if is_plain else _MOST_SQUEEZED) and (is_plain or plain > _LARGE):
            height, width = self._axes.size
            raise FileError(f"{self.path} is not a readable image: {stored} bytes are too few for {height}x{width}")

    @cached_property
    def _is_mapped(self) -> bool:
        """Whether the pixels lie in the file one after another as they are."""
        return self._series.dataoffset is not None and self._series.dtype.kind != "b"

    @property
    def _pages_per_frame(self) -> int:
        return max(len(self._series.pages) // self._axes.count, 1)

    @cached_property
    def _everything(self) -> np.ndarray:
        """All frames; mapped into memory where they lie in the file as they are."""
        if self._is_mapped:
            dtype = self._series.dtype.newbyteorder(self._file.byteorder)
            shape = self._series.shape
            if self._axes.is_time_first:
                shape = tuple(self.count if axis == self._axes.time else length for axis, length in enumerate(shape))
            array = np.memmap(self.path, dtype, "r", self._series.dataoffset, shape)
        else:
            array = self._series.asarray()
        return self._axes.frames(array)

    def read(self, start: int = 0, stop: int | None = None) -> np.ndarray:
        """Decode the pages of the frames."""
        with reading(self.path, "image"), self._complaints():
            frames = [self._frame(index) for index in range(self.count)[start:stop]]
        return np.stack(frames) if frames else np.empty((0, self.channels, *self.size), self.dtype)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _frame(self, index: int) -> np.ndarray:
        """Return a frame ``(C, H, W)`` as it is shown."""
        values, alpha = self._converted(self._stored(index))
        if alpha is not None and has_transparency(alpha):
            self._choose_ground(values, alpha)
            assert self.ground is not None
            values = composite(values, alpha, self.ground, self._colour.is_premultiplied)
        return turned(values, self._orientation)

    def _stored(self, index: int) -> np.ndarray:
        """Return the samples of a frame ``(1, C, H, W)``."""
        pages = self._series.pages
        if self._is_mapped or not self._axes.is_time_first or len(pages) != self._pages_per_frame * self._axes.count:
            stored: np.ndarray = self._everything[index : index + 1]
        else:
            part = pages[index * self._pages_per_frame : (index + 1) * self._pages_per_frame]
            array = np.stack([page.asarray() for page in part])
            stored = self._axes.frames(array.reshape(self._axes.shape_of_one(self._series.shape)))
        return stored.astype(stored.dtype.newbyteorder("="))

    def _converted(self, stored: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """Convert samples ``(1, C, H, W)`` to values ``(C, H, W)``, and alpha ``(H, W)``."""
        values, alpha = self._colour.convert(stored[0])
        if self._offset:
            values = (values.astype(np.int32) + self._offset).astype(np.int16)
        return values, alpha

    def _choose_ground(self, values: np.ndarray, alpha: np.ndarray) -> None:
        if self.ground is None:
            for index in range(self.count):
                first, opaque = self._converted(self._stored(index))
                if opaque is not None and has_transparency(opaque):
                    self.ground = contrasting_ground(first, opaque)
                    break
        note = f"{self.path}: transparent pixels are laid on {ground_name(self.ground or 0.0)}, see `ground`"
        if note not in self.notes:
            self.notes.append(note)

    def _calibration(self) -> int:
        """Return what ImageJ adds to stored values: it keeps signed ones as unsigned; note other calibrations."""
        imagej = self._file.imagej_metadata or {}
        if "c0" not in imagej and "c1" not in imagej:
            return 0
        shift, step = imagej.get("c0", 0), imagej.get("c1", 1)
        if (shift, step) == (-32768, 1) and self._series.dtype.name == "uint16":
            self.notes.append(f"{self.path}: 32768 is taken off, as ImageJ keeps signed values")
            return -32768
        self.notes.append(f"{self.path}: the calibration {shift} + {step} x of ImageJ is not applied")
        return 0

    def _take_nodata(self) -> None:
        """Take the value that stands for no value from GDAL's tag."""
        tag = self._page.tags.get(_NODATA)
        if tag is None:
            return
        text = str(tag.value).strip("\0 ")
        try:
            value = float(text)
        except ValueError:
            self.notes.append(f"{self.path}: its value for no value ({text}) is not a number and is passed over")
            return
        if not np.isnan(value):
            self.missing = (*self.missing, value)

    @contextmanager
    def _complaints(self) -> Iterator[None]:
        """Take what tifffile logs as notes."""
        handler = _Notes(self)
        logger = logging.getLogger("tifffile")
        propagate, logger.propagate = logger.propagate, False
        logger.addHandler(handler)
        try:
            yield
        finally:
            logger.removeHandler(handler)
            logger.propagate = propagate


class _Notes(logging.Handler):
    """Turns what a library logs into notes of a file."""

    def __init__(self, file: FrameFile) -> None:
        super().__init__(logging.WARNING)
        self.file = file

    def emit(self, record: logging.LogRecord) -> None:
        """Take one record."""
        text = record.getMessage().rpartition("> ")[2]
        note = f"{self.file.path} is damaged or unusual: {text}"
        if note not in self.file.notes:
            self.file.notes.append(note)


def _subfile(series: Any) -> int:
    return int(getattr(series.keyframe, "subfiletype", 0))


def _kind(series: Any) -> str:
    channels = series.keyframe.samplesperpixel
    return kind_of((channels, series.keyframe.imagelength, series.keyframe.imagewidth), series.dtype)
