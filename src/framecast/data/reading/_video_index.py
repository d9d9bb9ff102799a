"""The index of a film: time stamps of its frames and key frames, read from its packets without decoding."""

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np


@dataclass(frozen=True)
class VideoIndex:
    """Which frames a film has, and from where each can be decoded.

    Args:
        stamps: time stamps of the frames in the order they are shown, int64 ``(T,)``, in units of ``time_base``.
        sizes: bytes of each frame's packet, int64 ``(T,)``.
        keys: time stamps of the key frames, in order; decoding can begin there.
        time_base: seconds of a unit.
        packets: number of packets, those included that an edit list hides.
        broken: number of packets that the file breaks off in, or marks as damaged.
        is_sound: whether every packet has a time stamp of its own.
        end: seconds from the first frame to the end of the last.
    """

    stamps: np.ndarray
    sizes: np.ndarray
    keys: np.ndarray
    time_base: Fraction
    packets: int = 0
    broken: int = 0
    is_sound: bool = True
    end: float = 0.0

    @classmethod
    def of_packets(cls, container: Any, stream: Any) -> "VideoIndex":
        """Read the index of a stream from an open container, to whose end it goes."""
        stamps: list[int] = []
        sizes: list[int] = []
        keys: list[int] = []
        packets = broken = 0
        is_sound, last = True, None
        has_hidden_frames = stream.codec_context.name == "vp8"
        for packet in container.demux(stream):
            if not packet.size:
                continue
            packets += 1
            if packet.is_corrupt:
                broken += 1
                continue
            if packet.is_discard or (has_hidden_frames and not memoryview(packet)[0] & 16):
                continue
            stamp = packet.pts
            if stamp is None:
                is_sound = False
                continue
            stamps.append(stamp)
            sizes.append(packet.size)
            if last is None or stamp > last[0]:
                last = stamp, packet.duration or 0
            if packet.is_keyframe:
                keys.append(stamp)
        order, places = np.unique(np.array(stamps, np.int64), return_index=True)
        usual = int(np.median(np.diff(order))) if len(order) > 1 else 0
        end = float((last[0] + (last[1] or usual) - int(order[0])) * stream.time_base) if last else 0.0
        return cls(
            order,
            np.array(sizes, np.int64)[places],
            np.unique(np.array(keys, np.int64)),
            stream.time_base,
            packets,
            broken,
            is_sound and len(order) == len(stamps),
            end,
        )

    def of_stamps(self, stamps: np.ndarray) -> "VideoIndex":
        """Return the index of those frames alone that were decoded at these time stamps."""
        sizes = np.zeros(len(stamps), np.int64)
        known, here, there = np.intersect1d(stamps, self.stamps, assume_unique=True, return_indices=True)
        sizes[here] = self.sizes[there]
        keys = self.keys[np.isin(self.keys, known)]
        return replace(self, stamps=stamps, sizes=sizes, keys=keys, is_sound=True)

    def of_order(self, count: int, rate: Fraction | None) -> "VideoIndex":
        """Return the index of frames without time stamps, at a rate that is the same for all, or is unknown."""
        none = np.zeros(0, np.int64)
        stamps, time_base = np.arange(count), 1 / rate if rate else Fraction(1)
        return replace(self, stamps=stamps, sizes=none, keys=none, time_base=time_base, is_sound=bool(rate))

    @property
    def seconds(self) -> np.ndarray:
        """Times of the frames, float64 ``(T,)``, from the first."""
        return (self.stamps - self.stamps[:1]) * float(self.time_base)

    def fits(self, packet: Any) -> bool:
        """Return whether a packet read after a seek is the one of its time stamp: some containers mix them up."""
        if packet.pts is None:
            return False
        place = int(np.searchsorted(self.stamps, packet.pts))
        is_known = place < len(self.stamps) and self.stamps[place] == packet.pts
        return not is_known or packet.is_corrupt or bool(self.sizes[place] == packet.size)

    def keys_before(self, stamp: int) -> list[int]:
        """Return the key frames to decode a frame from: the last one before it first, then the one before that."""
        count = int(np.searchsorted(self.keys, stamp, side="right"))
        return [int(key) for key in self.keys[max(count - 2, 0) : count][::-1]]
