"""What the data modules for matching share: batches of images or of pairs, and what is tested."""

from dataclasses import replace
from functools import partial
from typing import Any, Literal

import numpy as np
from torch.utils.data import DataLoader, Dataset, Sampler, Subset

from framecast.runs import Scale

from ..loading import Batch, Batches, FramesDataModule, Sample, as_it_is, labels_of
from ._affine import Affine
from ._classes import Classes, ClassSampler
from ._pair_dataset import Pairs

_ENDLESS = 2**40  # random pairs, so that none comes twice


class MatchData(FramesDataModule):
    """Base of the data modules for matching.

    Training yields batches of labelled images or of pairs; validation and test yield labelled images in order, and
    testing reads three sets: test, validation, and a gallery of training images as they are.

    A subclass's `_parts` returns the images (or clips) of training, validation and test, and its `_data` describes
    them. Labels mean the same class in all three.

    Args:
        batch: What a batch of training holds: `"images"` with labels, of which the loss makes pairs, or `"pairs"`.
        batch_size: Images, or pairs, in a batch.
        val_batch_size: Images in a batch of validation and test. Default: as in training.
        classes_per_batch: Draw so many classes for a batch, and equally many images of each. Default: any images.
        pairing: `"random"`, as many similar pairs as others, or `"neighbours"`, images 2k and 2k + 1.
        augment: Random changes of the training images. Default: none.
        gallery: Most images of the gallery.
        workers: Processes that prepare batches; 0 prepares them in the main process.
        seed: Seed of pairs, order and augmentation.
        train_batches_per_epoch: Batches in an epoch. Default: as many as it takes to show every image once.

    Raises:
        ValueError: If a number is out of its range, or an option does not go with the kind of batch.
    """

    train_images: Any

    def __init__(
        self,
        *,
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
    ) -> None:
        super().__init__(
            batch_size=batch_size,
            val_batch_size=val_batch_size,
            workers=workers,
            seed=seed,
            train_batches_per_epoch=train_batches_per_epoch,
        )
        if batch not in ("images", "pairs"):
            raise ValueError(f"`batch` (={batch!r}) must be images or pairs")
        if gallery < 1:
            raise ValueError(f"`gallery` (={gallery}) must be at least 1")
        self.items = batch
        self.in_pairs = batch == "pairs"
        if self.in_pairs and classes_per_batch is not None:
            raise ValueError(f"`classes_per_batch` (={classes_per_batch}) needs `batch` to be images, got pairs")
        if not self.in_pairs and pairing != "random":
            raise ValueError(f"`pairing` (={pairing!r}) needs `batch` to be pairs, got images")
        self.classes_per_batch = classes_per_batch
        self.pairing = pairing
        self.affine = None if augment is None else replace(augment, seed=(augment.seed + seed) % 2**32)
        self.gallery = gallery
        self.scale = Scale(0.0, 255.0, "grey level", "uint8")

    def setup(self, stage: str | None = None) -> None:
        """Load the three parts, once."""
        if hasattr(self, "train_images"):
            return
        train, self.val_set, self.test_set = self._parts()
        Classes(labels_of(train), train.classes).check(2, 2, "training pairs")
        for part, images in (("validation", self.val_set), ("test", self.test_set)):
            Classes(labels_of(images)).check_scored(part)
        self.train_set = self._pairs(train) if self.in_pairs else train
        chosen = np.random.default_rng(0).permutation(len(train))[: self.gallery]
        self.gallery_set = Subset(train, np.sort(chosen).tolist())
        self.train_images = train

    def test_dataloader(self) -> list[DataLoader[Sample]]:
        """Labelled images, in order: of the test part, of the validation part, and of the gallery."""
        return [self._in_order(images) for images in (self.test_set, self.val_set, self.gallery_set)]

    def describe(self, split: str) -> dict[str, Any]:
        """Say what the data of a split are, and whether training knows their classes."""
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
            "data": f"{self._data(split)}: {len(images):,} of {len(labels)} classes{seen}",
            "images": len(images),
            "classes": len(labels),
            "seen_classes": int(known.sum()),
            "gallery": len(self.gallery_set),
            "frame_size": size,
            "channels": channels,
        }

    def _parts(self) -> tuple[Any, Any, Any]:
        """Load what training, validation and test show."""
        raise NotImplementedError(f"{type(self).__name__} has no data")

    def _data(self, split: str) -> str:
        """Say in words what the data are."""
        raise NotImplementedError(f"{type(self).__name__} does not describe its data")

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
        return Batches(self.train_set, None if self.affine is None else partial(_changed, self.affine))

    def _in_order(self, samples: Any) -> DataLoader[Sample]:
        return super()._in_order(Batches(samples))

    def _loader_options(self) -> dict[str, Any]:
        return {**super()._loader_options(), "collate_fn": as_it_is}


def _changed(affine: Affine, batch: Batch, positions: np.ndarray) -> Batch:
    """Change the images of a batch, each by a key of its own."""
    names = [name for name in ("image", "first", "second") if name in batch]
    changed = {name: affine.batch(batch[name], len(names) * positions + place) for place, name in enumerate(names)}
    return batch | changed
