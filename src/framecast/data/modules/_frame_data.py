"""The data module for the user's own recordings."""

from dataclasses import dataclass, field
from typing import Any

from ..frames import RecordingFolder, SplitBy
from ..reading import ReadingOptions, check_missing
from ._recording_data import RecordingData


@dataclass(kw_only=True, eq=False, repr=False)
class FrameData(RecordingData):
    """The user's own recordings, split by recording. See :func:`split_recordings`.

    Args:
        folder: folder that holds recordings (subfolders of images, GIF, TIFF stacks, arrays, video), or subfolders
            train, val and test that do.
        fractions: parts of the recordings for training, validation and test, unless subfolders say it.
        split_by: "recordings", so that no recording is in two parts, or "time": the beginning of each recording is for
            training, its end for the test, with gaps of a window. Default: by time if there is one recording alone.
        missing: values, or ranges [low, high], that stand for no value, such as -9999. Default: what files say.
        layout: axes of arrays, where shapes leave it open: N clips, T time, C channels, H height, W width; Moving MNIST
            is TNHW.
        variable: name of the array of frames in files that hold several.
        ground: what shows through transparent pixels, from 0 (black) to 1 (white), one number or three. Default: white,
            or black if what is drawn is itself nearly white.

    Raises:
        ValueError: if a number is out of its range, or (in ``setup``) the recordings do not fit together.
    """

    folder: str = field(kw_only=False)
    fractions: tuple[float, float, float] = (0.7, 0.15, 0.15)
    split_by: SplitBy | None = None
    missing: float | list[float | tuple[float, float]] | None = None
    layout: str | None = None
    variable: str | None = None
    ground: float | tuple[float, float, float] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        options = ReadingOptions(self.layout, self.variable, self.ground, check_missing(self.missing))
        self.source = RecordingFolder(
            self.folder,
            self.fractions,
            self.seed,
            options,
            self.split_by,
            self.input_frames + max(self._horizon("train"), self._horizon("test")),
        )

    def describe(self, split: str) -> dict[str, Any]:
        """Say what the data of a split are. Call only after :meth:`setup`."""
        missing = check_missing(self.missing)
        about = super().describe(split) | ({"missing": list(missing)} if missing else {})
        return about | ({} if self.ground is None else {"ground": self.ground})
