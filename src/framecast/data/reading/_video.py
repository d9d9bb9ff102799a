"""Films as frames, decoded by PyAV: only the frames that are asked for.

Shape letters: T time, C channels, H height, W width.
"""

from collections.abc import Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from ._alpha import composite, contrasting_ground, ground_name, has_transparency
from ._frame_file import FileError, FrameFile, ReadingOptions, reading
from ._orientation import UPRIGHT, orientation_of_matrix, turned, turned_size
from ._pixel_format import PixelFormat
from ._video_decoder import VideoDecoder
from ._video_index import VideoIndex

_LOOK = 4  # frames that show whether packets and frames have the same time stamps
_CURVES = {16: "PQ", 18: "HLG"}  # AVColorTransferCharacteristic of high dynamic range
_LIMITED = 1  # AVCOL_RANGE_MPEG


class VideoFile(FrameFile):
    """A film: its first picture stream, in grey or RGB, in the depth it is stored in, and as a player turns it.

    Opening reads the time stamps of all packets and decodes the first frames. A window is decoded from the key frame
    before it; the next window goes on from there.
    """

    format = "video"

    def __init__(self, path: Path, options: ReadingOptions) -> None:
        super().__init__(path, options)
        self._decoder = VideoDecoder(path)
        self._frames: Iterator[Any] | None = None
        self._next = 0  # frame that `_frames` gives next
        with reading(path, "video"):
            container, stream = self._decoder.open()
            self._index = VideoIndex.of_packets(container, stream)
            self.declared = stream.frames or None
            promised = _promised_seconds(container, stream)
            first = self._first_frames()
            self._by_order = False
            is_cut = self._is_cut(promised)
            if self._index.broken > 1 or not self._has_stamps(first):
                self._decode_all()
            elif is_cut or self._index.broken:
                self._decode_last()
            self.count = len(self._index.stamps)
            if not self.count:
                raise FileError(f"{path} is not a readable video: no frame can be decoded")
            self._describe(first[0])
            self._array(first[0], 0)  # a film with transparent pixels chooses its ground
            self._note_cut(is_cut, promised)
            self.times = self._index.seconds if self._index.is_sound else None

    def read(self, start: int = 0, stop: int | None = None) -> np.ndarray:
        """Decode frames ``start`` to ``stop``, ``(stop - start, C, H, W)``."""
        indices = range(self.count)[start:stop]
        frames = np.empty((len(indices), self.channels, *self.size), self.dtype)
        with reading(self.path, "video"):
            for place, index in enumerate(indices):
                frames[place] = self._array(self._frame(index), index)
        return frames

    def close(self) -> None:
        """Close the film; it opens again when frames are read."""
        self._frames = None
        self._decoder.close()

    def __getstate__(self) -> dict[str, Any]:
        """Travel to another process closed."""
        return self.__dict__ | {"_frames": None}

    def _first_frames(self) -> list[Any]:
        frames = list(islice(self._decoder.frames(), _LOOK))
        if not frames:
            raise FileError(f"{self.path} is not a readable video: no frame can be decoded")
        return frames

    def _describe(self, frame: Any) -> None:
        """Set what the first frame says of all."""
        container, stream = self._decoder.open()
        self._coded = frame.height, frame.width
        self._pixels = PixelFormat.of(frame.format)
        self.channels, self.dtype = self._pixels.channels, self._pixels.dtype
        self._orientation = self._orientation_of(frame)
        self.size = turned_size(self._coded, self._orientation)
        films = [each for each in container.streams.video if each is not stream]
        if films:
            self.notes.append(f"{self.path} holds {len(films) + 1} picture streams: the first is read")
        aspect = stream.sample_aspect_ratio
        if aspect and aspect != 1:
            self.notes.append(
                f"{self.path} is shown with pixels of {aspect.numerator}:{aspect.denominator}: they are kept square"
            )
        if frame.interlaced_frame:
            self.notes.append(f"{self.path} is interlaced: both half pictures of a frame are kept together")
        if frame.color_trc in _CURVES:
            self.notes.append(f"{self.path} has levels on the {_CURVES[frame.color_trc]} curve: they are kept so")
        if self._pixels.channels == 1 and frame.color_range == _LIMITED:
            self.notes.append(f"{self.path} has grey levels of the limited range (16 to 235 of 255): they are kept so")

    def _orientation_of(self, frame: Any) -> int:
        data = next((data for data in frame.side_data if data.type.name == "DISPLAYMATRIX"), None)
        if data is None:
            return UPRIGHT
        matrix = np.frombuffer(bytes(data), np.int32).tolist()
        orientation = orientation_of_matrix(matrix)
        if orientation is None:
            self.notes.append(f"{self.path} is shown at an angle of {frame.rotation} degrees: it is not turned")
        return orientation or UPRIGHT

    # Damage

    def _has_stamps(self, first: list[Any]) -> bool:
        """Whether the packets' time stamps are those of the first frames."""
        stamps = [frame.pts for frame in first]
        return self._index.is_sound and stamps == self._index.stamps[: len(stamps)].tolist()

    def _is_cut(self, promised: float) -> bool:
        """Whether packets are missing at the end."""
        if self.declared:
            return self._index.packets - self._index.broken < self.declared
        seconds = self._index.seconds
        step = float(np.diff(seconds).max()) if len(seconds) > 1 else 0.0
        return promised > self._index.end + 0.5 * step + 0.002

    def _decode_all(self) -> None:
        """Make the index from the frames, where packets do not tell."""
        stamps = [frame.pts for frame in self._decoder.frames()]
        if None not in stamps and (np.diff(stamps) > 0).all():
            self._index = self._index.of_stamps(np.array(stamps, np.int64))
        else:
            self._by_order = True
            self._index = self._index.of_order(len(stamps), _rate(self._decoder))

    def _decode_last(self) -> None:
        """Leave out frames at the end that cannot be decoded."""
        keys = self._index.keys
        key = int(keys[-1]) if len(keys) > 1 else None
        stamps = self._index.stamps
        decoded = [frame.pts for frame in self._decoder.frames(key) if frame.pts is not None]
        begin = stamps[0] if key is None else key
        self._index = self._index.of_stamps(stamps[(stamps < begin) | np.isin(stamps, decoded)])

    def _note_cut(self, is_cut: bool, promised: float) -> None:
        if not is_cut and not self._index.broken:
            return
        if self.declared:
            says = f"it says that it has {self.declared} frames, but {self.count} can be read"
        elif is_cut:
            says = f"it says that it lasts {promised:.2f} s, but its {self.count} frames end at {self._index.end:.2f} s"
        else:
            says = f"{self.count} frames can be read"
        self.notes.append(f"{self.path} is cut short or damaged: {says}")

    # Decoding

    def _frame(self, index: int) -> Any:
        """Decode a frame: from where the last window ended, else from a key frame, else from the beginning."""
        for frames in self._ways_to(index):
            self._frames = frames
            frame = self._advance(index)
            if frame is not None:
                return frame
        self._frames = None
        raise FileError(f"{self.path}: frame {index} cannot be decoded, the film is damaged there")

    def _ways_to(self, index: int) -> Iterator[Iterator[Any]]:
        keys = [] if self._by_order else self._index.keys_before(int(self._index.stamps[index]))
        nearest = int(np.searchsorted(self._index.stamps, keys[0])) if keys else 0
        if self._frames is not None and nearest <= self._next <= index:
            yield self._frames
        for key in keys:
            yield self._decoder.frames(key, self._index.fits)
        self._next = 0
        yield self._decoder.frames()

    def _advance(self, index: int) -> Any:
        """Decode on to a frame; None if it does not come."""
        assert self._frames is not None
        for frame in self._frames:
            if self._by_order:
                place, is_it = self._next, self._next == index
            else:
                place = int(np.searchsorted(self._index.stamps, frame.pts))
                is_it = frame.pts == self._index.stamps[index]
            self._next = place + 1
            if is_it:
                return frame
            if place > index:
                return None
        return None

    def _array(self, frame: Any, index: int) -> np.ndarray:
        """Convert a frame to ``(C, H, W)`` as it is shown."""
        if (frame.height, frame.width) != self._coded or PixelFormat.of(frame.format) != self._pixels:
            height, width = self._coded
            raise FileError(
                f"{self.path}: all frames must have one size and type, but frame 0 is {height}x{width}, "
                f"{self._pixels.bits} bits, and frame {index} is {frame.height}x{frame.width}, "
                f"{PixelFormat.of(frame.format).bits} bits"
            )
        return turned(self._opaque(self._pixels.array(frame)), self._orientation)

    def _opaque(self, pixels: np.ndarray) -> np.ndarray:
        """Lay pixels on the ground that the first frame chooses."""
        if not self._pixels.has_alpha:
            return pixels
        full = self._pixels.full
        shares = pixels / full
        values, alpha = shares[:-1], shares[-1]
        if self.ground is None:
            self.ground = contrasting_ground(values, alpha)
        if not has_transparency(alpha):
            return pixels[:-1]
        text = f"{self.path}: transparent pixels are laid on {ground_name(self.ground)}, see `ground`"
        if text not in self.notes:
            self.notes.append(text)
        laid = composite(values, alpha, self.ground) * full
        return (np.round(laid) if self.dtype.kind == "u" else laid).astype(self.dtype)


def _promised_seconds(container: Any, stream: Any) -> float:
    """Return how long a film says it lasts, where its header says it of the pictures alone; 0 where it does not."""
    own = stream.metadata.get("DURATION", "")
    if own.count(":") == 2:
        hours, minutes, seconds = own.split(":")
        return 3600 * int(hours) + 60 * int(minutes) + float(seconds)
    if container.format.name in ("flv", "matroska,webm") and len(container.streams) == 1 and container.duration:
        return float(container.duration / 1e6)
    return 0.0


def _rate(decoder: VideoDecoder) -> Fraction | None:
    """Return the frame rate that a container says; None for streams of bare packets, whose rate would be a guess."""
    container, stream = decoder.open()
    return stream.average_rate if container.duration else None
