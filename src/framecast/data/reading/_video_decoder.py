"""Decoding a film from a key frame on."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from framecast._extras import require

from ._frame_file import FileError

_MOST_PIXELS = 2**28  # of a frame; a header that says more is damaged


class VideoDecoder:
    """Decodes the picture stream of a film, from any key frame on, and is opened anew in another process.

    Args:
        path: the film.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._process = 0
        self._container: Any = None
        self._stream: Any = None
        self._codec: Any = None

    def open(self) -> tuple[Any, Any]:
        """Return the container and its picture stream."""
        if self._container is not None and self._process == os.getpid():
            return self._container, self._stream
        av = require("av", "video", "reading video")
        self._container = None  # after a fork: the parent's, whose position in the file is shared
        container = av.open(str(self.path), metadata_errors="replace")
        streams = [stream for stream in container.streams.video if not stream.disposition & _ATTACHED_PICTURE]
        if not streams:
            container.close()
            raise FileError(f"{self.path} is not a readable video: it has no picture stream, or is truncated")
        self._container, self._stream, self._process = container, streams[0], os.getpid()
        self._codec = _codec(av, self._stream)
        for stream in container.streams:
            if stream is not self._stream:
                stream.discard = type(stream.discard)["all"]
        return container, self._stream

    def frames(self, stamp: int | None = None, expects: Callable[[Any], bool] | None = None) -> Iterator[Any]:
        """Decode frames from the key frame at a time stamp on; None for the beginning.

        Packets that cannot be decoded are passed over. Frames end where a packet is not as it is expected.
        """
        if stamp is None:
            self.close()
        container, stream = self.open()
        if stamp is not None:
            container.seek(stamp, stream=stream, backward=True)
            self._codec.flush_buffers()
        av = require("av", "video", "reading video")
        for packet in container.demux(stream):
            if expects is not None and packet.size and not expects(packet):
                return
            try:
                yield from self._codec.decode(packet if packet.size else None)
            except (av.error.InvalidDataError, av.error.EOFError):
                continue

    def close(self) -> None:
        """Close the film; it opens again when it is needed."""
        if self._container is not None and self._process == os.getpid():
            self._container.close()
        self._container = self._stream = self._codec = None

    def __getstate__(self) -> dict[str, Any]:
        """Travel to another process closed."""
        return {"path": self.path, "_process": 0, "_container": None, "_stream": None, "_codec": None}


_ATTACHED_PICTURE = 0x400  # AV_DISPOSITION_ATTACHED_PIC: the cover of an album


def _codec(av: Any, stream: Any) -> Any:
    """Return the decoder of a stream: libvpx where a film of VP8 or VP9 has an alpha layer, which others leave out."""
    codec = stream.codec_context
    if stream.metadata.get("alpha_mode") == "1" and codec.name in ("vp8", "vp9"):
        alpha = av.CodecContext.create({"vp8": "libvpx", "vp9": "libvpx-vp9"}[codec.name], "r")
        if codec.extradata:
            alpha.extradata = codec.extradata
        codec = alpha
    codec.thread_count = 1  # data workers are the threads; frame threads would hold frames and delay seeking
    codec.options = {**codec.options, "max_pixels": str(_MOST_PIXELS)}
    return codec
