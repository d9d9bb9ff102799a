"""Data modules for matching handwritten digits, as images and as clips."""

from typing import Any, Literal

from ._checks import check_positive
from ._splits import SPLITS
from .digits import MovingDigitClips, download_mnist, load_digit_images
from .labelled import Affine, MatchData

_CLIPS = 2**20  # for training


class DigitPairsData(MatchData):
    """Handwritten digits, the ten classes of which are in all parts. See :func:`load_digits`.

    Args:
        source: "builtin" for the digits that scikit-learn brings, or a folder with MNIST's IDX files.
        size: Height and width of an image in pixels.
        batch: What a batch of training holds: "images" with labels, of which the loss makes pairs, or "pairs".
        batch_size: Images, or pairs, in a batch.
        val_batch_size: Images in a batch of validation and test. Default: as in training.
        classes_per_batch: Draw so many classes for a batch, and equally many images of each. Default: any images.
        pairing: "random", as many similar pairs as others, or "neighbours", images 2k and 2k + 1.
        augment: Random changes of the training images. Default: none.
        gallery: Most training images among which the test looks for neighbours.
        workers: Processes that prepare batches; 0 prepares them in the main process.
        seed: Seed of pairs, order and augmentation.
        train_batches_per_epoch: Batches in an epoch. Default: as many as it takes to show every image once.
        download: Fetch MNIST's files that are missing into the folder `source`.

    Raises:
        ValueError: If a number is out of its range, or an option does not go with the kind of batch.
    """

    def __init__(
        self,
        source: str = "builtin",
        *,
        size: int = 28,
        batch: Literal["images", "pairs"] = "images",
        batch_size: int = 128,
        val_batch_size: int | None = None,
        classes_per_batch: int | None = None,
        pairing: Literal["random", "neighbours"] = "random",
        augment: Affine | None = None,
        gallery: int = 10_000,
        workers: int = 0,
        seed: int = 0,
        train_batches_per_epoch: int | None = None,
        download: bool = False,
    ) -> None:
        super().__init__(
            batch=batch,
            batch_size=batch_size,
            val_batch_size=val_batch_size,
            classes_per_batch=classes_per_batch,
            pairing=pairing,
            augment=augment,
            gallery=gallery,
            workers=workers,
            seed=seed,
            train_batches_per_epoch=train_batches_per_epoch,
        )
        check_positive("size", size)
        if download and source == "builtin":
            raise ValueError("`download` needs `source`, the folder to fetch MNIST's files into")
        self.source, self.size, self.download = source, size, download

    def prepare_data(self) -> None:
        """Fetch MNIST if that was asked for."""
        if self.download:
            download_mnist(self.source)

    def _parts(self) -> tuple[Any, Any, Any]:
        train, val, test = (load_digit_images(self.source, split, self.size) for split in SPLITS)
        return train, val, test

    def _data(self, split: str) -> str:
        return "scikit-learn's bundled digits" if self.source == "builtin" else "MNIST"


class ClipPairsData(MatchData):
    """Clips of one moving digit each; the handwriting of validation and test is in no other part.

    See :class:`MovingDigitClips`. A training clip comes again, on the same path, after a million others.

    Args:
        source: "builtin" for the digits that scikit-learn brings, or a folder with MNIST's IDX files.
        size: Frame size in pixels: a number, or height and width.
        digit_size: Height and width of a digit in pixels.
        min_frames: Fewest frames of a clip.
        max_frames: Most frames of a clip.
        speed: Pixels per frame: a number, or low and high, between which each clip's own is drawn.
        train_length: Clips, or pairs, that count as one epoch.
        val_length: Validation clips.
        test_length: Test clips.
        batch: What a batch of training holds: "images" (clips) with labels, of which the loss makes pairs, or "pairs".
        batch_size: Clips, or pairs, in a batch.
        val_batch_size: Clips in a batch of validation and test. Default: as in training.
        classes_per_batch: Draw so many classes for a batch, and equally many clips of each. Default: any clips.
        augment: Random changes of the training clips, of all frames of one alike. Default: none.
        gallery: Training clips among which the test looks for neighbours.
        workers: Processes that prepare batches; 0 prepares them in the main process.
        seed: Seed of training's clips, pairs, order and augmentation.
        download: Fetch MNIST's files that are missing into the folder `source`.

    Raises:
        ValueError: If a number is out of its range, or an option does not go with the kind of batch.
    """

    def __init__(
        self,
        source: str = "builtin",
        *,
        size: int | tuple[int, int] = 32,
        digit_size: int = 20,
        min_frames: int = 6,
        max_frames: int = 12,
        speed: float | tuple[float, float] = (1.0, 3.0),
        train_length: int = 2_000,
        val_length: int = 300,
        test_length: int = 300,
        batch: Literal["images", "pairs"] = "images",
        batch_size: int = 64,
        val_batch_size: int | None = None,
        classes_per_batch: int | None = None,
        augment: Affine | None = None,
        gallery: int = 1_000,
        workers: int = 0,
        seed: int = 0,
        download: bool = False,
    ) -> None:
        if train_length < batch_size:
            raise ValueError(f"`train_length` (={train_length}) must be at least `batch_size` (={batch_size})")
        if download and source == "builtin":
            raise ValueError("`download` needs `source`, the folder to fetch MNIST's files into")
        super().__init__(
            batch=batch,
            batch_size=batch_size,
            val_batch_size=val_batch_size,
            classes_per_batch=classes_per_batch,
            augment=augment,
            gallery=gallery,
            workers=workers,
            seed=seed,
            train_batches_per_epoch=train_length // max(batch_size, 1),
        )
        self.source, self.size, self.digit_size = source, size, digit_size
        self.min_frames, self.max_frames, self.speed = min_frames, max_frames, speed
        self.lengths = {"train": _CLIPS, "val": val_length, "test": test_length}
        self.download = download

    def prepare_data(self) -> None:
        """Fetch MNIST if that was asked for."""
        if self.download:
            download_mnist(self.source)

    def _parts(self) -> tuple[Any, Any, Any]:
        train, val, test = (
            MovingDigitClips(
                self.source,
                split,
                length=self.lengths[split],
                min_frames=self.min_frames,
                max_frames=self.max_frames,
                size=self.size,
                digit_size=self.digit_size,
                speed=self.speed,
                seed=self.seed if split == "train" else 0,  # scores of runs with other seeds stay comparable
            )
            for split in SPLITS
        )
        return train, val, test

    def _data(self, split: str) -> str:
        source = "scikit-learn's bundled digits" if self.source == "builtin" else "MNIST"
        return (
            f"clips of {self.min_frames} to {self.max_frames} frames, one moving digit of {self.digit_size} px each, "
            f"from {source}; the handwriting of this split is in no other"
        )
