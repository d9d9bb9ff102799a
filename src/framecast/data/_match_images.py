"""Data modules for matching images: Omniglot, and the user's own."""

from pathlib import Path
from typing import Any, Literal

import numpy as np

from ._checks import check_positive
from ._splits import SPLITS
from .labelled import (
    Affine,
    Labelled,
    LabelledImages,
    MatchData,
    Pairs,
    in_one_list,
    load_omniglot,
    read_images,
    read_pair_list,
    split_image_folder,
    with_rotations,
)


class OmniglotData(MatchData):
    """Drawings of characters; validation and test show characters that training never saw. See :func:`load_omniglot`.

    Of every training alphabet, some characters are kept for validation. Alphabets that are in both files (in the two
    small background sets Greek and Latin are, drawing for drawing) are left out of the test.

    Args:
        train_zip: One of Omniglot's zips, or a folder into which it was unpacked.
        test_zip: Another one.
        size: Height and width of an image in pixels.
        rotations: Add the training characters turned by 90, 180 and 270 degrees as further classes.
        val_fraction: Part of each training alphabet's characters that is kept for validation, at least one.
        batch: What a batch of training holds: "images" with labels, of which the loss makes pairs, or "pairs".
        batch_size: Images, or pairs, in a batch.
        val_batch_size: Images in a batch of validation and test. Default: as in training.
        classes_per_batch: Draw so many classes for a batch, and equally many images of each. Default: any images.
        pairing: "random", as many similar pairs as others, or "neighbours", images 2k and 2k + 1.
        augment: Random changes of the training images. Default: none.
        gallery: Most training images of the gallery.
        workers: Processes that prepare batches; 0 prepares them in the main process.
        seed: Seed of pairs, order and augmentation.
        train_batches_per_epoch: Batches in an epoch. Default: as many as it takes to show every image once.

    Raises:
        ValueError: If a number is out of its range, an option does not go with the kind of batch, or (in `setup`) all
            alphabets of the test are in training too.
    """

    def __init__(
        self,
        train_zip: str,
        test_zip: str,
        *,
        size: int = 28,
        rotations: bool = False,
        val_fraction: float = 0.15,
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
        if not 0 < val_fraction < 1:
            raise ValueError(f"`val_fraction` (={val_fraction}) must be between 0 and 1")
        self.train_zip, self.test_zip = train_zip, test_zip
        self.size, self.rotations, self.val_fraction = size, rotations, val_fraction
        self.left_out: list[str] = []

    def _parts(self) -> tuple[Any, Any, Any]:
        background, other = load_omniglot(self.train_zip, self.size), load_omniglot(self.test_zip, self.size)
        self.left_out = sorted(set(background.group_names) & set(other.group_names))
        fresh = [name not in self.left_out for name in other.group_names]
        if not any(fresh):
            raise ValueError(
                f"all alphabets of {self.test_zip} ({', '.join(other.group_names)}) are in {self.train_zip} too: "
                "nothing is left to test"
            )
        kept = self._validation_classes(background)
        train = background.subset(~np.isin(background.labels, kept))
        train, val, test = in_one_list(
            with_rotations(train) if self.rotations else train,
            background.subset(np.isin(background.labels, kept)),
            other.subset(np.array(fresh)[other.groups]),
        )
        return train, val, test

    def _validation_classes(self, images: LabelledImages) -> np.ndarray:
        """Draw characters of each alphabet; the same whatever the seed, so that runs stay comparable."""
        random, kept = np.random.default_rng(0), []
        for group in range(len(images.group_names)):
            labels = np.unique(images.labels[images.groups == group])
            count = max(1, round(self.val_fraction * len(labels)))
            kept.append(random.choice(labels, count, replace=False))
        return np.concatenate(kept)

    def _data(self, split: str) -> str:
        images: LabelledImages = {"train": self.train_images, "val": self.val_set, "test": self.test_set}[split]
        alphabets = ", ".join(images.group_names[group] for group in np.unique(images.numbers["group"]))
        file = Path(self.test_zip if split == "test" else self.train_zip).name
        shared = self.left_out if split == "test" else []
        without = f" without {', '.join(shared)}, which training has" if shared else ""
        turned = ", turned to four sides as classes of their own" * (split == "train" and self.rotations)
        return f"Omniglot's {file}{without} ({alphabets}){turned}"


class ImageFolderData(MatchData):
    """The user's own images, a folder for each class. See :func:`split_image_folder` and :func:`read_image`.

    All images are held in memory as bytes.

    Args:
        folder: Folder that holds a folder of images for each class, or subfolders train, val and test that do.
        size: Height and width that images are brought to, their middle if it is of another shape: one number or two.
        grayscale: Turn colour into one channel; otherwise grey images become RGB.
        fractions: Parts of each class's images for training, validation and test, unless subfolders say it.
        pair_list: Text file of lines `A B similar`, images in `folder` and 1 or 0: the pairs to train on. Those with an
            image of validation or test are left out.
        batch: What a batch of training holds: "images" with labels, of which the loss makes pairs, or "pairs".
        batch_size: Images, or pairs, in a batch.
        val_batch_size: Images in a batch of validation and test. Default: as in training.
        classes_per_batch: Draw so many classes for a batch, and equally many images of each. Default: any images.
        pairing: "random", as many similar pairs as others, or "neighbours", images 2k and 2k + 1.
        augment: Random changes of the training images. Default: none.
        gallery: Most training images among which the test looks for neighbours.
        workers: Processes that prepare batches; 0 prepares them in the main process.
        seed: Seed of split, pairs, order and augmentation.
        train_batches_per_epoch: Batches in an epoch. Default: as many as it takes to show every image once.

    Raises:
        ValueError: If a number is out of its range, an option does not go with the kind of batch, or (in `setup`) the
            images do not suffice.
    """

    def __init__(
        self,
        folder: str,
        *,
        size: int | tuple[int, int] = 64,
        grayscale: bool = False,
        fractions: tuple[float, float, float] = (0.7, 0.15, 0.15),
        pair_list: str | None = None,
        batch: Literal["images", "pairs"] = "images",
        batch_size: int = 32,
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
        if pair_list is not None and not self.in_pairs:
            raise ValueError(f"`pair_list` (={pair_list!r}) needs `batch` to be pairs, got images")
        self.folder, self.size, self.grayscale, self.fractions = folder, size, grayscale, fractions
        self.pair_list = pair_list
        self._train_paths: list[Path] = []

    def _parts(self) -> tuple[Any, Any, Any]:
        listed, classes = split_image_folder(self.folder, self.fractions, self.seed)
        self._train_paths = [path for path, _ in listed["train"]]
        train, val, test = (self._read(listed[split], classes) for split in SPLITS)
        return train, val, test

    def _read(self, listed: Labelled, classes: list[str]) -> LabelledImages:
        images = read_images([path for path, _ in listed], self.size, self.grayscale)
        return LabelledImages(images, [label for _, label in listed], classes)

    def _pairs(self, images: Any) -> Pairs:
        if self.pair_list is None:
            return super()._pairs(images)
        listed = read_pair_list(self.pair_list, self.folder)
        places = {path.resolve(): place for place, path in enumerate(self._train_paths)}
        numbers = [places.get(path.resolve()) for path in listed.paths]
        kept = [
            (numbers[first], numbers[second], similar)
            for (first, second), similar in zip(listed.pairs, listed.similar, strict=True)
            if numbers[first] is not None and numbers[second] is not None
        ]
        if not kept:
            raise ValueError(f"{self.pair_list} has no pair of two images of the training part of {self.folder}")
        pairs = np.array(kept)
        return Pairs(images, pairs[:, :2], similar=pairs[:, 2])

    def _data(self, split: str) -> str:
        grey = ", grey" * self.grayscale
        return f"{Path(self.folder).resolve().name}, images brought to one size{grey}"
