"""Clips of moving digits as a source for matching."""

from dataclasses import dataclass

from ..labelled import ImageParts, ImageSource
from ._clips import ClipMotion, MovingDigitClips
from ._digit_source import DigitFiles

_CLIPS = 2**20  # for training


@dataclass(kw_only=True)
class MovingDigits(DigitFiles, ClipMotion, ImageSource):
    """Clips of one moving digit each; the handwriting of validation and test is in no other part.

    See :class:`MovingDigitClips`. A training clip comes again, on the same path, after 2**20 others.

    Args:
        train_length: number of clips, or pairs, that count as one epoch.
        val_length: number of validation clips.
        test_length: number of test clips.

    Raises:
        ValueError: if a number is out of its range.
    """

    train_length: int = 2_000
    val_length: int = 300
    test_length: int = 300

    def __post_init__(self) -> None:
        DigitFiles.__post_init__(self)
        ClipMotion.__post_init__(self)

    def load(self, seed: int) -> ImageParts:
        """Set the clips up; validation and test do not follow the seed, so that scores of runs stay comparable."""
        return ImageParts(
            self._clips("train", _CLIPS, seed),
            self._clips("val", self.val_length, seed=0),
            self._clips("test", self.test_length, seed=0),
        )

    def describe(self, part: str) -> str:
        """Say what the clips show, and whose digits they are."""
        return (
            f"clips of {self.min_frames} to {self.max_frames} frames, one moving digit of {self.digit_size} px each, "
            f"from {self.digit_words}; the handwriting of this split is in no other"
        )

    def _clips(self, part: str, length: int, seed: int) -> MovingDigitClips:
        return MovingDigitClips(
            self.source,
            part,
            length=length,
            min_frames=self.min_frames,
            max_frames=self.max_frames,
            size=self.size,
            digit_size=self.digit_size,
            speed=self.speed,
            seed=seed,
        )
