"""Windows over the user's own recordings.

Shape letters: T input frames, K horizon, C channels, H height, W width.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from framecast.runs import Scale

from .._checks import check_positive, list_index
from ._fit_scale import fit_scale
from ._frame_options import FrameOptions
from ._reading import Recording, read_recording


@dataclass(kw_only=True, eq=False, repr=False)
class FrameSequences(FrameOptions, Dataset[dict[str, Tensor]]):
    """Sequences of consecutive frames from recordings, each recording's windows in order of time.

    Item ``{"input": (T, C, H, W), "target": (K, C, H, W), "mask": (K, C, H, W), "input_mask": (T, C, H, W)}``: float32
    in the unit scale, where values beyond the scale lie beyond 0 and 1, and bool masks of the pixels that have a value
    in target and input. Missing values are 0 in input and target.

    All recordings are read once to begin with; later, those that ``cache_bytes`` does not hold are read again.

    Args:
        recordings: paths for :func:`read_recording`.
        read: reads a recording from its path, whether to turn it grey, and the factor of block means; it must travel
            to worker processes. Default: :func:`read_recording`.
        scale: the scale, or how to fit one to these recordings: ``"min-max"`` or ``"percentiles"``. An empty ``dtype``
            is filled in.
        crop_later: only check that frames are large enough for ``crop``; :class:`Augment` cuts them.
        cache_bytes: memory for recordings that have been read; the latest one always stays.

    Raises:
        ValueError: if a number is out of its range, a recording is too short or cannot be read, or the recordings
            differ in type, channels or (unless cropped) size.
        IndexError: for an index out of range.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp(), "rain.npy")
        >>> np.save(path, np.arange(7.0).reshape(7, 1, 1))
        >>> windows = FrameSequences([path], input_frames=2, horizon=1, stride=2, scale="min-max")
        >>> len(windows), windows[-1]["target"] * 6
        (3, tensor([[[[6.]]]]))
    """

    recordings: Sequence[str | Path] = field(kw_only=False)
    read: Callable[[Path, bool, int], Recording] | None = None
    scale: Scale | str = "min-max"
    crop_later: bool = False
    cache_bytes: int = 2**31

    value_scale: Scale = field(init=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_positive("cache_bytes", self.cache_bytes)
        if not self.recordings:
            raise ValueError("`recordings` must name at least one recording")
        self.recordings = [Path(path) for path in self.recordings]
        self._read = _Reader(self.read, self.grayscale, self.reduce, self.cache_bytes)
        first = self._read(self.recordings[0])
        self.channels = first.frames.shape[1]
        self.frame_size = self.crop_size or first.frames.shape[2:]
        self.kind = _kind(first)
        self._ends = list(accumulate(self._count_windows(self._read(path), first) for path in self.recordings))
        scale = self.scale
        if not isinstance(scale, Scale):
            scale = fit_scale(map(self._read, self.recordings), scale, self.percentiles, self.unit)
        self.value_scale = replace(scale, dtype=scale.dtype or first.dtype.name)

    def __len__(self) -> int:
        return self._ends[-1]

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        index = list_index(index, len(self))
        number = int(np.searchsorted(self._ends, index, side="right"))
        start = self.stride * (index - (self._ends[number - 1] if number else 0))
        frames = self._read(self.recordings[number]).frames[start : start + self.input_frames + self.horizon]
        if self.crop_size and not self.crop_later:
            frames = _centre(frames, self.crop_size)
        values = torch.from_numpy(self.value_scale.to_unit(frames))
        target = values[self.input_frames :]
        seen = values[: self.input_frames]
        return {
            "input": seen.nan_to_num(),
            "input_mask": ~seen.isnan(),
            "target": target.nan_to_num(),
            "mask": ~target.isnan(),
        }

    def _count_windows(self, recording: Recording, first: Recording) -> int:
        count, _, *size = recording.frames.shape
        needed = self.input_frames + self.horizon
        if count < needed:
            raise ValueError(
                f"{recording.name} has {count} frames, fewer than `input_frames` + `horizon` "
                f"(={self.input_frames} + {self.horizon}): leave it out, or ask for fewer"
            )
        if _kind(recording) != self.kind:
            raise ValueError(
                "recordings must have the same channels and type, "
                f"but {first.name} has {self.kind} and {recording.name} {_kind(recording)}"
            )
        crop = self.crop_size
        if crop and (crop[0] > size[0] or crop[1] > size[1]):
            raise ValueError(f"`crop` (={crop}) must not exceed the frames of {recording.name}, {tuple(size)}")
        if not crop and tuple(size) != self.frame_size:
            raise ValueError(
                f"recordings must have frames of one size, but {first.name} has {self.frame_size} and "
                f"{recording.name} has {tuple(size)}: set `crop`"
            )
        return (count - needed) // self.stride + 1


class _Reader:
    """Reads recordings and holds the latest ones."""

    def __init__(
        self, read: Callable[[Path, bool, int], Recording] | None, grayscale: bool, reduce: int, cache_bytes: int
    ) -> None:
        self.read, self.grayscale, self.reduce, self.cache_bytes = read, grayscale, reduce, cache_bytes
        self._cache: dict[Path, Recording] = {}  # the latest at the end

    def __call__(self, recording_path: str | Path) -> Recording:
        path = Path(recording_path)
        recording = self._cache.pop(path, None) or (self.read or read_recording)(path, self.grayscale, self.reduce)
        self._cache[path] = recording
        while len(self._cache) > 1 and sum(each.frames.nbytes for each in self._cache.values()) > self.cache_bytes:
            del self._cache[next(iter(self._cache))]
        return recording

    def __getstate__(self) -> dict[str, Any]:
        """Travel to a worker process without the recordings."""
        return self.__dict__ | {"_cache": {}}


def _kind(recording: Recording) -> str:
    channels = recording.frames.shape[1]
    return f"{channels} channel{'s' * (channels > 1)} of {recording.dtype}"


def _centre(frames: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    top, left = (np.subtract(frames.shape[-2:], size) // 2).tolist()
    return frames[..., top : top + size[0], left : left + size[1]]
