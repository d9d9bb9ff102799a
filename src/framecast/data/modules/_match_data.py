"""The data module for matching: batches of images or of pairs, and what is tested."""

from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Literal

import numpy as np
from torch.utils.data import DataLoader, Dataset, Sampler, Subset

from framecast.runs import Scale, Split

from ..labelled import Affine, Classes, ClassSampler, ImageSource, Pairs
from ..loading import Batch, Batches, Sample, as_it_is, labels_of
from ._data_module import FramesDataModule

_ENDLESS = 2**40  # random pairs, so that none comes twice


@dataclass(kw_only=True, eq=False, repr=False)
class MatchData(FramesDataModule):
    """Images or clips for matching, from any source.

    Training yields batches of labelled images or of pairs; validation and test yield labelled images in order, and
    testing reads three sets: test, validation, and a gallery of training images as they are.

    Args:
        images: what is shown: Digits, MovingDigits (clips), Omniglot, ImageFolder, or an ``ImageSource`` of your own.
        batch: what a batch of training holds: "images" with labels, of which the loss makes pairs, or "pairs".
        classes_per_batch: number of classes in a batch, with equally many images of each. Default: any images.
        pairing: "random", as many similar pairs as others, or "neighbours", images 2k and 2k + 1.
        augment: random changes of the training images; of all frames of a clip alike. Default: none.
        gallery: largest number of training images among which the test looks for neighbours.

    Raises:
        ValueError: if a number is out of its range, or an option does not go with the kind of batch.

    Example:
        >>> from framecast.data import Digits
        >>> data = MatchData(Digits(size=16), batch="pairs", batch_size=64)
        >>> data.setup()
        >>> next(iter(data.train_dataloader()))["first"].shape
        torch.Size([64, 1, 16, 16])
    """

    images: ImageSource = field(kw_only=False)
    batch: Literal["images", "pairs"] = "images"
    classes_per_batch: int | None = None
    pairing: Literal["random", "neighbours"] = "random"
    augment: Affine | None = None
    gallery: int = 10_000
    batch_size: int = 128

    train_images: Any = field(init=False)
    gallery_set: Subset[Sample] = field(init=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.batch not in ("images", "pairs"):
            raise ValueError(f"`batch` (={self.batch!r}) must be images or pairs")
        if self.gallery < 1:
            raise ValueError(f"`gallery` (={self.gallery}) must be at least 1")
        pair_list, train_length = self.images.pair_list, self.images.train_length
        if self.in_pairs and self.classes_per_batch is not None:
            raise ValueError(f"`classes_per_batch` (={self.classes_per_batch}) needs `batch` to be images, got pairs")
        if not self.in_pairs and self.pairing != "random":
            raise ValueError(f"`pairing` (={self.pairing!r}) needs `batch` to be pairs, got images")
        if not self.in_pairs and pair_list is not None:
            raise ValueError(f"`pair_list` (={pair_list!r}) needs `batch` to be pairs, got images")
        if train_length is not None and train_length < self.batch_size:
            raise ValueError(f"`train_length` (={train_length}) must be at least `batch_size` (={self.batch_size})")
        if train_length is not None and self.train_batches_per_epoch is None:
            self.train_batches_per_epoch = train_length // self.batch_size
        self.items = self.batch
        seed = 0 if self.augment is None else (self.augment.seed + self.seed) % 2**32
        self.affine = None if self.augment is None else replace(self.augment, seed=seed)
        self.value_scale = Scale(0.0, 255.0, "grey level", "uint8")

    @property
    def in_pairs(self) -> bool:
        """Whether a batch of training holds pairs."""
        return self.batch == "pairs"

    def prepare_data(self) -> None:
        """Let the source download what was asked for."""
        self.images.prepare_data()

    def setup(self, stage: str | None = None) -> None:
        """Load the three parts, once."""
        if hasattr(self, "train_images"):
            return
        parts = self.images.load(self.seed)
        train, self.val_set, self.test_set = parts.train, parts.val, parts.test
        Classes(labels_of(train), train.classes).check(2, 2, "training pairs")
        for part, images in (("validation", parts.val), ("test", parts.test)):
            Classes(labels_of(images)).check_scored(part)
        if self.in_pairs:
            self.train_set = self._pairs(train) if parts.pairs is None else parts.pairs
        else:
            self.train_set = train
        chosen = np.random.default_rng(0).permutation(len(train))[: self.gallery]
        self.gallery_set = Subset(train, np.sort(chosen).tolist())
        self.train_images = train

    def split(self) -> Split | None:
        """Return which files are training, validation and test, if the source splits a folder. Call after ``setup``."""
        return self.images.split()

    def use_split(self, split: Split) -> None:
        """Let the source take the split that a run recorded. Call before :meth:`setup`."""
        self.images.use_split(split)

    def test_dataloader(self) -> list[DataLoader[Sample]]:
        """Return labelled images, in order: of the test part, of the validation part, and of the gallery."""
        return [self._in_order(images) for images in (self.test_set, self.val_set, self.gallery_set)]

    def describe(self, split: str) -> dict[str, Any]:
        """Say what the data of a split are, and whether training knows their classes. Call only after ``setup``."""
        images = {"train": self.train_images, "val": self.val_set, "test": self.test_set}[split]
        labels = np.unique(labels_of(images))
        known = np.isin(labels, labels_of(self.train_images))
        if split == "train":
            seen = ""
        elif known.all():
            seen = ", other images of classes that training saw"
        else:
            seen = f", {known.sum()} of which training saw" if known.any() else " that training never saw"
        channels, *size = images[0]["image"].shape[-3:]
        return {
            "data": f"{self.images.describe(split)}: {len(images):,} of {len(labels)} classes{seen}",
            "images": len(images),
            "classes": len(labels),
            "seen_classes": int(known.sum()),
            "gallery": len(self.gallery_set),
            "frame_size": size,
            "channels": channels,
            **self.images.reading(),
        }

    def _pairs(self, images: Any) -> Pairs:
        """Pair the training images."""
        return Pairs(images, self.pairing, _ENDLESS if self.pairing == "random" else None, seed=self.seed)

    def _epoch_length(self) -> int:
        return self.train_set.pairing.length if self.in_pairs else len(self.train_set)

    def _sampler(self, per_epoch: int, start: Any, rank: int, world_size: int) -> Sampler[int]:
        if self.classes_per_batch is None:
            return super()._sampler(per_epoch, start, rank, world_size)
        return ClassSampler(
            labels_of(self.train_set),
            per_epoch,
            batch_size=self.batch_size,
            classes_per_batch=self.classes_per_batch,
            names=self.train_set.classes,
            seed=self.seed,
            start=start,
            rank=rank,
            world_size=world_size,
        )

    def _stream(self) -> Dataset[Sample]:
        return Batches(self.train_set, None if self.affine is None else partial(_augmented, self.affine))

    def _in_order(self, samples: Any) -> DataLoader[Sample]:
        return super()._in_order(Batches(samples))

    def _loader_options(self) -> dict[str, Any]:
        return {**super()._loader_options(), "collate_fn": as_it_is}


def _augmented(affine: Affine, batch: Batch, positions: np.ndarray) -> Batch:
    """Change the images of a batch, each by a key of its own."""
    names = [name for name in ("image", "first", "second") if name in batch]
    changes = {name: affine.batch(batch[name], len(names) * positions + place) for place, name in enumerate(names)}
    return batch | changes
