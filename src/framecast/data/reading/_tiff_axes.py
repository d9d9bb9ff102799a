"""Which axes of a TIFF series are time, channels, height and width.

Shape letters: T time, C channels, H height, W width.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ._frame_file import FileError

_LAYOUT = {"H": "Y", "W": "X"}  # letters of `layout` in those of tifffile
_CHANNELS = "CS"  # channels, and samples of a pixel


@dataclass(frozen=True)
class FrameAxes:
    """The places of the axes in a series' shape.

    Args:
        shape: the shape of the series.
        time: place of the axis of time; None for a single frame.
        channel: place of the axis of channels; None for one channel.
        height: place of the axis of height.
        width: place of the axis of width.
    """

    shape: tuple[int, ...]
    time: int | None
    channel: int | None
    height: int
    width: int

    @classmethod
    def of(cls, path: Path, axes: str, shape: tuple[int, ...], layout: str | None) -> "FrameAxes":
        """Find the axes of a series by their letters in tifffile, or in the layout that the user names."""
        if layout is not None and len(layout) == len(shape):
            axes = "".join(_LAYOUT.get(letter, letter) for letter in layout)
        lengths = ", ".join(f"{axis} {length}" for axis, length in zip(axes, shape, strict=True))
        if axes.count("Y") != 1 or axes.count("X") != 1:
            raise FileError(f"{path} holds an array of axes {lengths}, but frames need height Y and width X once each")
        long = [place for place, length in enumerate(shape) if length > 1]
        channels = [place for place in long if axes[place] in _CHANNELS]
        times = [place for place in long if axes[place] not in "YX" + _CHANNELS]
        if len(times) == 2 and not channels and axes[times[0]] == axes[times[1]]:  # an array (T, C, H, W)
            channels = [times.pop()]
        if len(channels) > 1 or len(times) > 1:
            raise FileError(
                f"{path} holds an array of axes {lengths}, but a recording has one of time and one of channels: save "
                "the part that is meant"
            )
        time, channel = (places[0] if places else None for places in (times, channels))
        return cls(shape, time, channel, axes.index("Y"), axes.index("X"))

    @property
    def count(self) -> int:
        """Number of frames, T."""
        return 1 if self.time is None else self.shape[self.time]

    @property
    def channels(self) -> int:
        """Number of stored channels."""
        return 1 if self.channel is None else self.shape[self.channel]

    @property
    def size(self) -> tuple[int, int]:
        """Height and width, (H, W)."""
        return self.shape[self.height], self.shape[self.width]

    @property
    def is_time_first(self) -> bool:
        """Whether frames lie one after another."""
        return self.time is None or all(length == 1 for length in self.shape[: self.time])

    def shape_of_one(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of a single frame's part of the series."""
        return tuple(1 if place == self.time else length for place, length in enumerate(shape))

    def frames(self, array: np.ndarray) -> np.ndarray:
        """View a series, or a part of its frames, as ``(T, C, H, W)``."""
        order = [place for place in (self.time, self.channel, self.height, self.width) if place is not None]
        rest = [place for place in range(array.ndim) if place not in order]  # axes of length 1
        ordered = array.transpose(*rest, *order).reshape([array.shape[place] for place in order])
        if self.channel is None:
            ordered = ordered[..., None, :, :]
        return ordered if self.time is not None else ordered[None]
