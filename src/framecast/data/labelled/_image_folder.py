"""Folders of the user's own images: a folder for each class, split into training, validation and test."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from framecast.runs import PARTS, Split

from .._note import note
from .._split import check_fractions, record_split, recorded_parts, split_at_random, split_subfolders
from ..reading import IMAGE_ENDINGS, images, images_within, natural_key, note_unknown, visible
from ._image_reading import ImageReading, read_images
from ._image_source import ImageParts, ImageSource
from ._labelled_images import LabelledImages
from ._pair_dataset import Pairs
from ._pair_file import read_pair_list

Labelled = list[tuple[Path, int]]  # image files and their class labels


@dataclass
class ImageFolder(ImageSource):
    """The user's own images, a folder for each class. See :func:`split_image_folder` and :func:`read_image`.

    All images are held in memory as bytes.

    Args:
        folder: folder that holds a folder of images for each class, or subfolders train, val and test that do.
        size: height and width that images are brought to, their middle if it is of another shape: one number or two.
        grayscale: turn colour into one channel; otherwise grey images become RGB.
        fractions: parts of each class's images, or of the classes, for training, validation and test, unless subfolders
            say it.
        split_by: "images", so that all parts show all classes, or "classes", so that validation and test show classes
            that training never saw, as faces and products need.
        ground: what shows through transparent pixels, from 0 (black) to 1 (white), one number or three. Default: white,
            or black if what is drawn is itself nearly white.
        value_range: values that become black and white in images of more than 8 bits. Default: 0 and the largest value
            of the bits that the training images fill.
        pair_list: text file of lines ``A B similar``, images in the folder and 1 or 0: the pairs to train on. Those
            with an image of validation or test are left out.

    Raises:
        ValueError: (when the images are loaded) if there are too few, or one cannot be read.
    """

    folder: str
    size: int | tuple[int, int] = 64
    grayscale: bool = False
    fractions: tuple[float, float, float] = (0.7, 0.15, 0.15)
    split_by: Literal["images", "classes"] = "images"
    ground: float | tuple[float, float, float] | None = None
    value_range: tuple[float, float] | None = None
    pair_list: str | None = None

    _record: Split | None = field(init=False, repr=False, default=None)
    _reading: ImageReading | None = field(init=False, repr=False, default=None)
    _paths: dict[str, list[Path]] = field(init=False, repr=False, default_factory=dict)

    def load(self, seed: int) -> ImageParts:
        """Split the folder and read its images."""
        files, classes = split_image_folder(self.folder, self.fractions, seed, self._record, self.split_by)
        self._paths = {part: [path for path, _ in files[part]] for part in PARTS}
        self._record = record_split(self.folder, self._paths)
        reading = ImageReading(self.size, self.grayscale, self.ground, self.value_range)
        parts = {}
        for part in PARTS:  # training first: its range of values is the others'
            images, value_range = reading.read(self._paths[part])
            reading = replace(reading, value_range=reading.value_range or value_range)
            parts[part] = LabelledImages(images, [label for _, label in files[part]], classes)
        self._reading = reading
        train, val, test = (parts[part] for part in PARTS)
        return ImageParts(train, val, test, None if self.pair_list is None else self._pairs(train, self.pair_list))

    def describe(self, part: str) -> str:
        """Name the folder, and say what was done to its images."""
        return f"{Path(self.folder).resolve().name}, images brought to one size{', grey' * self.grayscale}"

    def reading(self) -> dict[str, Any]:
        """Return ground and range of values, by which images must be read that are compared with these."""
        if self._reading is None:
            return {}
        values = {"ground": self._reading.ground, "value_range": self._reading.value_range}
        return {name: value for name, value in values.items() if value is not None}

    def split(self) -> Split | None:
        """Return the image files of each part, as they were when they were read."""
        return self._record

    def use_split(self, split: Split) -> None:
        """Take the image files of each part from a record, if it is of this folder."""
        self._record = split

    def _pairs(self, images: LabelledImages, pair_list: str) -> Pairs:
        """Pair training images as the list says."""
        pair_file = read_pair_list(pair_list, self.folder)
        places = {path.resolve(): place for place, path in enumerate(self._paths["train"])}
        numbers = [places.get(path.resolve()) for path in pair_file.paths]
        rows = [
            (numbers[first], numbers[second], similar)
            for (first, second), similar in zip(pair_file.pairs, pair_file.similar, strict=True)
            if numbers[first] is not None and numbers[second] is not None
        ]
        if not rows:
            raise ValueError(f"{pair_list} has no pair of two images of the training part of {self.folder}")
        pairs = np.array(rows)
        return Pairs(images, pairs[:, :2], similar=pairs[:, 2])


def image_classes(folder: str | Path) -> dict[str, list[Path]]:
    """List the images of each class: a subfolder holds a class, at any depth, and is named after it.

    Files with unknown endings, and images beside the folders of classes, are passed over with a note on stderr.

    Args:
        folder: the folder.

    Returns:
        The image files by class, both in natural order (img2 before img10).

    Raises:
        FileNotFoundError: if there is no such folder.
        ValueError: if no subfolder holds images.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} is not a folder: give one that holds a folder of images for each class")
    classes: dict[str, list[Path]] = {}
    unknown: list[Path] = []
    for path in visible(folder):
        if path.is_dir():
            paths, others = images_within(path)
            unknown += others
            if paths:
                classes[path.name] = paths
    if not classes:
        raise ValueError(
            f"{folder} holds no folders of images, one for each class; known images end in {', '.join(IMAGE_ENDINGS)}"
        )
    note_unknown(folder, unknown)
    loose = images(folder)
    if loose:
        count = f"{len(loose)} image{'s' * (len(loose) > 1)}"
        note(f"{folder}: {count} in no folder of a class passed over, first {loose[0].name}")
    return classes


def read_image_folder(folder: str | Path, size: int | tuple[int, int] = 64, grayscale: bool = False) -> LabelledImages:
    """Read all images of a folder with a subfolder for each class, see :func:`read_image`.

    Args:
        folder: the folder.
        size: height and width, one number for both or a pair.
        grayscale: turn colour into grey; otherwise grey images become RGB.

    Returns:
        The images, sorted by class.

    Raises:
        FileNotFoundError: if there is no such folder.
        ValueError: if no subfolder holds images, or one cannot be read.
    """
    classes = image_classes(folder)
    labels = [label for label, paths in enumerate(classes.values()) for _ in paths]
    paths = [path for paths in classes.values() for path in paths]
    return LabelledImages(read_images(paths, size, grayscale), labels, list(classes))


def split_image_folder(
    folder: str | Path,
    fractions: tuple[float, float, float] = (0.7, 0.15, 0.15),
    seed: int = 0,
    record: Split | None = None,
    split_by: Literal["images", "classes"] = "images",
) -> tuple[dict[str, Labelled], list[str]]:
    """Split a folder of images into training, validation and test: never one image in two of them.

    Subfolders ``train``, ``val`` and ``test``, each with a folder for each class, are the parts; a class may be in some
    of them alone. Otherwise the images of each class are shuffled and split by the fractions, at least two
    of a class for each part, as pairs need; or the classes themselves are, at least two for each part.

    Args:
        folder: the folder.
        fractions: parts for training, validation and test; positive, with a sum of 1.
        seed: another seed, another split.
        record: the split that a run recorded; it replaces subfolders and fractions if it is of this folder.
        split_by: ``"images"`` of each class, or ``"classes"``.

    Returns:
        Files and labels by ``"train"``, ``"val"`` and ``"test"``, and the names of the classes by label.

    Raises:
        FileNotFoundError: if there is no such folder, or only some of the three subfolders.
        ValueError: if a class has too few images, there are too few classes, the fractions do not fit, or the folder
            differs from the record.
    """
    if split_by not in ("images", "classes"):
        raise ValueError(f"`split_by` (={split_by!r}) must be images or classes")
    folder = Path(folder)
    subfolders = split_subfolders(folder)
    folders = {part: image_classes(path) for part, path in subfolders.items()} or {"": image_classes(folder)}
    files = [path for classes in folders.values() for paths in classes.values() for path in paths]
    parts = None if record is None else recorded_parts(record, folder, files, "images")
    if parts is None and subfolders:
        parts = {part: [path for paths in classes.values() for path in paths] for part, classes in folders.items()}
    elif parts is None and split_by == "classes":
        check_fractions(fractions, seed)
        parts = _share_classes(folder, folders[""], fractions, seed)
    elif parts is None:
        check_fractions(fractions, seed)
        shares = [_shares(name, paths, fractions, seed) for name, paths in folders[""].items()]
        parts = {part: [path for share in shares for path in share[part]] for part in PARTS}
    class_of = {path: name for classes in folders.values() for name, paths in classes.items() for path in paths}
    return _labelled(parts, class_of, sorted if subfolders else _naturally_sorted)


def _share_classes(
    folder: Path, classes: dict[str, list[Path]], fractions: tuple[float, float, float], seed: int
) -> dict[str, list[Path]]:
    """Split the classes, with all their images."""
    least = 2  # classes of a part: those of one alone cannot be told apart
    if len(classes) < least * len(PARTS):
        raise ValueError(
            f"{folder} has {len(classes)} class{'es' * (len(classes) != 1)}, but to split by classes, training, "
            "validation and test need two each: add classes, or set `split_by` to images"
        )
    names = split_at_random(list(classes), fractions, seed, least)
    return {part: [path for name in names[part] for path in classes[name]] for part in PARTS}


def _shares(name: str, paths: list[Path], fractions: tuple[float, float, float], seed: int) -> dict[str, list[Path]]:
    """Split one class."""
    least = 2  # images of a class in each part
    if len(paths) < least * len(PARTS):
        raise ValueError(
            f"class {name} has {len(paths)} image{'s' * (len(paths) > 1)}, but training, validation and test need two "
            "each: add images, or leave the class out"
        )
    return split_at_random(paths, fractions, seed, least)


def _labelled(
    parts: Mapping[str, Sequence[Path]], class_of: Mapping[Path, str], order: Callable[[Iterable[str]], list[str]]
) -> tuple[dict[str, Labelled], list[str]]:
    """Number the classes."""
    names = order({class_of[path] for paths in parts.values() for path in paths})
    labels = {name: label for label, name in enumerate(names)}
    return {part: [(path, labels[class_of[path]]) for path in paths] for part, paths in parts.items()}, names


def _naturally_sorted(names: Iterable[str]) -> list[str]:
    return sorted(names, key=lambda name: natural_key(Path(name)))
