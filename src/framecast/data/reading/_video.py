"""Videos as frames, decoded by PyAV."""

from functools import cached_property
from pathlib import Path

import numpy as np

from framecast._extras import require

from ._frame_file import FileError, FrameFile, ReadingOptions


class VideoFile(FrameFile):
    """The first picture stream of a video, as RGB."""

    format = "video"

    def __init__(self, path: Path, options: ReadingOptions) -> None:
        super().__init__(path, options)
        require("av", "video", "reading video")
        self.count, self.channels, *size = self._frames.shape
        self.size = size[0], size[1]
        self.dtype = self._frames.dtype

    @cached_property
    def _frames(self) -> np.ndarray:
        av = require("av", "video", "reading video")
        try:
            with av.open(str(self.path)) as container:
                if not container.streams.video:
                    raise FileError(f"{self.path} is not a readable video: it has no picture stream, or is truncated")
                frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
        except av.error.FFmpegError as error:
            raise FileError(f"{self.path} is not a readable video: {error}") from error
        if not frames:
            raise FileError(f"{self.path} holds no frames")
        return np.moveaxis(np.stack(frames), -1, 1)

    def read(self, start: int = 0, stop: int | None = None) -> np.ndarray:
        """Return decoded frames."""
        return self._frames[start:stop]
