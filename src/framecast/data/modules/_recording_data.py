"""The base of the data modules that read recordings: a source, windows over it, and changes of the frames."""

from dataclasses import dataclass, field
from typing import Any, Literal

from framecast.runs import Scale, Split

from ..frames import Augment, FrameOptions, FrameSequences, FrameSource
from ._forecast_data import ForecastData, Windows


@dataclass(kw_only=True, eq=False, repr=False)
class RecordingData(FrameOptions, ForecastData):
    """Base of the data modules that read recordings. See :class:`FrameSequences` and :class:`Augment`.

    A subclass's ``__post_init__`` calls this one and sets ``source``; its own fields are the options of that source.

    Args:
        scale: what becomes 0 and 1: "min-max" or "percentiles" of the training recordings, or two numbers.
        random_crop: cut training frames at a random place; otherwise, and in validation and test, in the middle.
        flip: mirror training frames left and right, every other time.
        rotate90: turn training frames by a random multiple of a quarter turn; they must be square.

    Raises:
        ValueError: if a number is out of its range, or (in ``setup``) the recordings do not fit together.
    """

    scale: Literal["min-max", "percentiles"] | tuple[float, float] = "min-max"
    random_crop: bool = False
    flip: bool = False
    rotate90: bool = False

    source: FrameSource = field(init=False)
    wanted_scale: Scale | str = field(init=False)

    def __post_init__(self) -> None:
        ForecastData.__post_init__(self)
        FrameOptions.__post_init__(self)
        if self.random_crop and self.crop is None:
            raise ValueError("`random_crop` needs `crop`, the size to cut out")
        if isinstance(self.scale, str):
            self.wanted_scale = self.scale
        else:
            self.wanted_scale = Scale(float(self.scale[0]), float(self.scale[1]), self.unit)
        if self.flip or self.rotate90 or self.random_crop:
            self.augment = Augment(self.flip, self.rotate90, self.seed, self.crop if self.random_crop else None)

    def setup(self, stage: str | None = None) -> None:
        """Read each recording once, and fit the scale to the training part."""
        super().setup(stage)
        for other in (self.val_set, self.test_set):
            if other.kind != self.train_set.kind:
                raise ValueError(
                    "recordings must have the same channels and type, but "
                    f"{self.train_set.recordings[0]} has {self.train_set.kind} and {other.recordings[0]} {other.kind}"
                )

    def use_scale(self, scale: Scale) -> None:
        """Take a checkpoint's scale instead of fitting one."""
        self.wanted_scale = scale

    def split(self) -> Split | None:
        """Return which recordings are training, validation and test, if they are files. Call after :meth:`setup`."""
        return self.source.split()

    def use_split(self, split: Split) -> None:
        """Take the recordings of each part from the split that a run recorded. Call before :meth:`setup`."""
        self.source.use_split(split)

    def describe(self, split: str) -> dict[str, Any]:
        """Say what the data of a split are. Call only after :meth:`setup`."""
        return super().describe(split) | {"reduce": self.reduce, "grayscale": self.grayscale}

    def _windows(self, part: str) -> Windows:
        windows = FrameSequences(
            self.source.recordings(part),
            read=self.source.read,
            input_frames=self.input_frames,
            horizon=self._horizon(part),
            stride=self.stride,
            scale=self._scale(part),
            percentiles=self.percentiles,
            unit=self.unit,
            reduce=self.reduce,
            crop=self.crop,
            crop_later=self.random_crop and part == "train",
            grayscale=self.grayscale,
        )
        if part == "train":
            self.value_scale = windows.value_scale
        return windows

    def _scale(self, part: str) -> Scale | str:
        """Return the scale or how to fit it: two numbers that are asked for, else the source's, else a method."""
        if part != "train":
            return self.value_scale
        if isinstance(self.wanted_scale, Scale) or self.source.scale is None:
            return self.wanted_scale
        return self.source.scale

    def _words(self, part: str) -> str:
        reduced = f", block means of {self.reduce}x{self.reduce} pixels" * (self.reduce > 1)
        place = "at random" if self.random_crop and part == "train" else "in the middle"
        cropped = f", cropped {place}" * (self.crop is not None)
        every = f"a window every {self.stride} frame{'s' * (self.stride > 1)}"
        return f"{self.source.describe(part)}, {every}{reduced}{cropped}"
