"""The data module for Moving MNIST."""

from dataclasses import dataclass
from pathlib import Path

from framecast.runs import Scale

from ..digits import DigitFiles, Motion, MovingMNIST, MovingMNISTTest
from ._forecast_data import ForecastData, Windows

_ENDLESS = 2**40  # training sequences, so that none comes twice


@dataclass(kw_only=True, eq=False, repr=False)
class MovingMNISTData(DigitFiles, Motion, ForecastData):
    """Moving MNIST, drawn as training goes on: no training sequence comes twice. See :class:`MovingMNIST`.

    Args:
        digits: number of digits in a sequence.
        train_length: number of sequences that count as one epoch.
        val_length: number of validation sequences.
        test_length: number of test sequences; has no effect with a test file.
        test_file: the published mnist_test_seq.npy, to test on instead of sequences from the test digits.

    Raises:
        ValueError: if a number is out of its range.
    """

    digits: int = 2
    train_length: int = 10_000
    val_length: int = 1_000
    test_length: int = 1_000
    test_file: str | None = None

    def __post_init__(self) -> None:
        DigitFiles.__post_init__(self)
        Motion.__post_init__(self)
        ForecastData.__post_init__(self)
        if self.train_length < self.batch_size:
            raise ValueError(
                f"`train_length` (={self.train_length}) must be at least `batch_size` (={self.batch_size})"
            )
        if self.train_batches_per_epoch is None:
            self.train_batches_per_epoch = self.train_length // self.batch_size
        self.value_scale = Scale(0.0, 255.0, "grey level", "uint8")

    def _windows(self, part: str) -> Windows:
        if part == "test" and self.test_file is not None:
            return MovingMNISTTest(self.test_file, input_frames=self.input_frames, horizon=self._horizon(part))
        return MovingMNIST(
            self.source,
            part,
            length={"train": _ENDLESS, "val": self.val_length, "test": self.test_length}[part],
            input_frames=self.input_frames,
            horizon=self._horizon(part),
            size=self.size,
            digits=self.digits,
            digit_size=self.digit_size,
            speed=self.speed,
            seed=self.seed if part == "train" else 0,  # scores of runs with other seeds stay comparable
        )

    def _words(self, part: str) -> str:
        if part == "test" and self.test_file is not None:
            return f"Moving MNIST, the published test sequences ({Path(self.test_file).name})"
        speed = "a tenth of the canvas"
        if self.speed_range is not None:
            low, high = self.speed_range
            speed = f"{low:g} px" if low == high else f"{low:g} to {high:g} px"
        sequences = self._set(part)
        assert isinstance(sequences, MovingMNIST)
        return (
            f"Moving MNIST, made from {self.digit_words}: {self.digits} digit{'s' * (self.digits > 1)} of "
            f"{self.digit_size} px, {speed} per frame; the {len(sequences.images):,} digits of this split are in no "
            "other"
        )
