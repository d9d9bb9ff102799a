"""Omniglot as a source of images: characters that training never saw."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from framecast.runs import PARTS

from .._checks import check_positive
from ._image_source import ImageParts, ImageSource
from ._labelled_images import LabelledImages, in_one_list
from ._omniglot import load_omniglot, with_rotations


@dataclass
class Omniglot(ImageSource):
    """Drawings of characters; validation and test show characters that training never saw. See :func:`load_omniglot`.

    Of every training alphabet, some characters are left for validation. Alphabets that are in both files (in the two
    small background sets Greek and Latin are, drawing for drawing) are left out of the test.

    Args:
        train_zip: one of Omniglot's zips, or a folder into which it was unpacked.
        test_zip: another one.
        size: height and width of an image in pixels.
        rotations: add the training characters turned by 90, 180 and 270 degrees as further classes.
        val_fraction: part of each training alphabet's characters that is left for validation, at least one.

    Raises:
        ValueError: if a number is out of its range, or (when the images are loaded) all alphabets of the test are in
            training too.
    """

    train_zip: str
    test_zip: str
    size: int = 28
    rotations: bool = False
    val_fraction: float = 0.15

    _words: dict[str, str] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        check_positive("size", self.size)
        if not 0 < self.val_fraction < 1:
            raise ValueError(f"`val_fraction` (={self.val_fraction}) must be between 0 and 1")

    def load(self, seed: int) -> ImageParts:
        """Read both files; the split is the same whatever the seed, so that runs stay comparable."""
        background, other = load_omniglot(self.train_zip, self.size), load_omniglot(self.test_zip, self.size)
        shared = sorted(set(background.group_names) & set(other.group_names))
        is_new = [name not in shared for name in other.group_names]
        if not any(is_new):
            raise ValueError(
                f"all alphabets of {self.test_zip} ({', '.join(other.group_names)}) are in {self.train_zip} too: "
                "nothing is left to test"
            )
        in_val = np.isin(background.labels, self._validation_classes(background))
        known = background.subset(~in_val)
        train, val, test = parts = in_one_list(
            with_rotations(known) if self.rotations else known,
            background.subset(in_val),
            other.subset(np.array(is_new)[other.groups]),
        )
        self._words = {part: self._describe(part, images, shared) for part, images in zip(PARTS, parts, strict=True)}
        return ImageParts(train, val, test)

    def describe(self, part: str) -> str:
        """Name the file and its alphabets."""
        return self._words[part]

    def _validation_classes(self, images: LabelledImages) -> np.ndarray:
        """Draw characters of each alphabet."""
        random, classes = np.random.default_rng(0), []
        for group in range(len(images.group_names)):
            labels = np.unique(images.labels[images.groups == group])
            count = max(1, round(self.val_fraction * len(labels)))
            classes.append(random.choice(labels, count, replace=False))
        return np.concatenate(classes)

    def _describe(self, part: str, images: LabelledImages, shared: list[str]) -> str:
        alphabets = ", ".join(images.group_names[group] for group in np.unique(images.numbers["group"]))
        file = Path(self.test_zip if part == "test" else self.train_zip).name
        without = f" without {', '.join(shared)}, which training has" if shared and part == "test" else ""
        turned = ", turned to four sides as classes of their own" * (part == "train" and self.rotations)
        return f"Omniglot's {file}{without} ({alphabets}){turned}"
