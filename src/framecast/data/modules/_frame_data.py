"""The data module for the user's own recordings."""

from dataclasses import dataclass, field

from ..frames import RecordingFolder
from ._recording_data import RecordingData


@dataclass(kw_only=True, eq=False, repr=False)
class FrameData(RecordingData):
    """The user's own recordings, split by recording. See :func:`split_recordings`.

    Args:
        folder: folder that holds recordings (subfolders of images, GIF, TIFF stacks, .npy, video), or subfolders
            train, val and test that do.
        fractions: parts of the recordings for training, validation and test, unless subfolders say it.

    Raises:
        ValueError: if a number is out of its range, or (in ``setup``) the recordings do not fit together.
    """

    folder: str = field(kw_only=False)
    fractions: tuple[float, float, float] = (0.7, 0.15, 0.15)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.source = RecordingFolder(self.folder, self.fractions, self.seed)
