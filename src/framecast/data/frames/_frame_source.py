"""Sources of recordings: which recordings there are for training, validation and test, and how each is read."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

from framecast.runs import Scale, Split

from .._split import record_split, recorded_parts
from ..reading import ReadingOptions, split_span
from ._folder import SplitBy, all_recordings, split_recordings
from ._reading import Recording, read_recording


class FrameSource(ABC):
    """What a data module for forecasting reads: recordings, each in one of three parts.

    The source names the recordings of a part and reads one. Windows, crops, random changes and loaders are the data
    module's, the same for all sources. A subclass needs ``recordings``, ``read`` and ``describe``.

    Attributes:
        scale: the scale of the values, where the source knows it; None if it is to be fitted to the training part.
    """

    scale: Scale | None = None

    @abstractmethod
    def recordings(self, part: str) -> Sequence[Path]:
        """Return the names of the recordings of ``"train"``, ``"val"`` or ``"test"``, at least one."""

    @abstractmethod
    def read(self, recording: Path, grayscale: bool = False, reduce: int = 1) -> Recording:
        """Read one recording: in grey if that is asked for, in block means of so many pixels a side."""

    @abstractmethod
    def describe(self, part: str) -> str:
        """Say in words what the recordings of a part are."""

    def split(self) -> Split | None:
        """Return which recordings are in which part; None if they are not files of the user's."""
        return None

    def use_split(self, split: Split) -> None:  # noqa: B027 - a source may have no files to split
        """Take the recordings of each part from a record. Call before :meth:`recordings`."""


class RecordingFolder(FrameSource):
    """The recordings in a folder, split by subfolders, by shares or by a record. See :func:`split_recordings`.

    Args:
        folder: the folder.
        fractions: parts for training, validation and test; positive, with a sum of 1.
        seed: another seed, another split.
        options: how to read files that do not say it themselves.
        split_by: ``"recordings"`` or ``"time"``. Default: by time if there is one recording alone.
        window: number of frames of a window, the gap between parts of a recording that is split by time.
    """

    def __init__(
        self,
        folder: str | Path,
        fractions: tuple[float, float, float] = (0.7, 0.15, 0.15),
        seed: int = 0,
        options: ReadingOptions | None = None,
        split_by: SplitBy | None = None,
        window: int = 1,
    ) -> None:
        self.folder, self.fractions, self.seed, self.options = folder, fractions, seed, options
        self.split_by, self.window = split_by, window
        self._record: Split | None = None
        self._parts: dict[str, list[Path]] | None = None

    def recordings(self, part: str) -> list[Path]:
        """Return the paths of a part; the folder is listed at the first call."""
        if self._parts is None:
            if self._record is not None:
                paths = all_recordings(self.folder, self.options)
                self._parts = recorded_parts(self._record, self.folder, paths, "recordings")
            self._parts = self._parts or split_recordings(
                self.folder, self.fractions, self.seed, self.options, self.split_by, self.window
            )
            self._record = record_split(self.folder, self._parts)
        return self._parts[part]

    def read(self, recording: Path, grayscale: bool = False, reduce: int = 1) -> Recording:
        """Read a recording, see :func:`read_recording`."""
        return read_recording(recording, grayscale, reduce, self.options)

    def describe(self, part: str) -> str:
        """Say how many recordings of which folder there are, and what keeps the parts apart."""
        paths = self.recordings(part)
        recordings = f"{Path(self.folder).name}: {len(paths)} recording{'s' * (len(paths) > 1)}"
        if split_span(paths[0])[1] is None:
            return f"{recordings} that no other split has a frame of"
        return f"{recordings}, split by time: no window reaches into another split"

    def split(self) -> Split | None:
        """Return the paths of each part, as they were when the folder was listed."""
        return self._record

    def use_split(self, split: Split) -> None:
        """Take the paths of each part from a record, if it is of this folder."""
        self._record = split
