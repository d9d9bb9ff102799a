"""The base of the data modules for forecasting: windows of frames, split into input and target."""

from dataclasses import dataclass
from typing import Any, Protocol

from .._window import Window
from ..loading import Sample
from ._data_module import FramesDataModule


class Windows(Protocol):
    """Sequences of frames: items ``{"input": (T, C, H, W), "target": (K, C, H, W), ...}``."""

    @property
    def channels(self) -> int: ...

    @property
    def frame_size(self) -> tuple[int, int]: ...

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Sample: ...


@dataclass(kw_only=True, eq=False, repr=False)
class ForecastData(Window, FramesDataModule):
    """Base of the data modules for forecasting.

    A subclass's ``_windows`` returns the windows of a part, the training part's first, and its ``_words`` says in words
    what they are.

    Args:
        test_horizon: number of frames to forecast in the test. Default: as in training.
    """

    test_horizon: int | None = None

    def __post_init__(self) -> None:
        FramesDataModule.__post_init__(self)
        Window.__post_init__(self)

    def setup(self, stage: str | None = None) -> None:
        """Make the windows of the three parts, once."""
        if hasattr(self, "test_set"):
            return
        self.train_set = self._windows("train")
        self.val_set = self._windows("val")
        self.test_set = self._windows("test")

    def describe(self, split: str) -> dict[str, Any]:
        """Say what the data of a split are. Call only after :meth:`setup`."""
        windows = self._set(split)
        return {
            "data": self._words(split),
            "input_frames": self.input_frames,
            "horizon": self._horizon(split),
            "frame_size": list(windows.frame_size),
            "channels": windows.channels,
        }

    def _windows(self, part: str) -> Windows:
        raise NotImplementedError(f"{type(self).__name__} has no windows")

    def _words(self, part: str) -> str:
        raise NotImplementedError(f"{type(self).__name__} does not describe its data")

    def _horizon(self, part: str) -> int:
        return self.horizon if part != "test" or self.test_horizon is None else self.test_horizon

    def _set(self, part: str) -> Windows:
        windows: Windows = {"train": self.train_set, "val": self.val_set, "test": self.test_set}[part]
        return windows
