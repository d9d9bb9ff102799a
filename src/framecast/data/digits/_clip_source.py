"""Clips of moving digits as a source for matching."""

from dataclasses import dataclass

from ..labelled import ImageParts, ImageSource
from ._clips import MovingDigitClips
from ._digit_source import DigitFiles

_CLIPS = 2**20  # for training


@dataclass(kw_only=True)
class MovingDigits(DigitFiles, ImageSource):
    """Clips of one moving digit each; the handwriting of validation and test is in no other part.

    See :class:`MovingDigitClips`. A training clip comes again, on the same path, after 2**20 others.

    Args:
        size: frame size in pixels: a number, or height and width.
        digit_size: height and width of a digit in pixels.
        min_frames: smallest number of frames in a clip.
        max_frames: largest number of frames in a clip.
        speed: pixels per frame: a number, or low and high, between which each clip's own is drawn.
        train_length: number of clips, or pairs, that count as one epoch.
        val_length: number of validation clips.
        test_length: number of test clips.

    Raises:
        ValueError: (when the clips are loaded) if a number is out of its range.
    """

    size: int | tuple[int, int] = 32
    digit_size: int = 20
    min_frames: int = 6
    max_frames: int = 12
    speed: float | tuple[float, float] = (1.0, 3.0)
    train_length: int = 2_000
    val_length: int = 300
    test_length: int = 300

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
