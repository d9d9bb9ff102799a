"""NumPy files as frames."""

from pathlib import Path

import numpy as np

from ._frame_file import FileError, FrameFile, ReadingOptions


class NumpyFile(FrameFile):
    """A ``.npy`` file ``(T, H, W)`` or ``(T, C, H, W)``, mapped into memory."""

    format = "NumPy"

    def __init__(self, path: Path, options: ReadingOptions) -> None:
        super().__init__(path, options)
        try:
            frames = np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise FileError(f"{path} is not a readable .npy file of numbers: {error}") from error
        if frames.ndim not in (3, 4) or frames.dtype.kind not in "buif":
            raise FileError(
                f"{path} must hold real numbers (T, H, W) or (T, C, H, W), got {frames.dtype} {frames.shape}"
            )
        if frames.ndim == 4 and frames.shape[-1] in (1, 3, 4) and frames.shape[1] > 4:
            raise FileError(f"{path} looks like (T, H, W, C) {frames.shape}: save np.moveaxis(frames, -1, 1) instead")
        self._frames = frames[:, None] if frames.ndim == 3 else frames
        self.count, self.channels, *size = self._frames.shape
        self.size = size[0], size[1]
        self.dtype = frames.dtype.newbyteorder("=")
        self.declared = self.count

    def read(self, start: int = 0, stop: int | None = None) -> np.ndarray:
        """Copy frames out of the file."""
        return self._frames[start:stop].astype(self.dtype)
