"""The user's own images: a folder for each class.

Shape letters: n images, C channels, H height, W width.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from .._checks import check_seed, height_and_width
from .._splits import SPLITS
from ..recordings import IMAGE_ENDINGS, frame_count, image_frames, images, visible
from ._labelled_images import LabelledImages

_ORIENTATION = 0x0112  # EXIF's tag

Labelled = list[tuple[Path, int]]  # image files and their class labels


def read_image(path: str | Path, size: int | tuple[int, int], grayscale: bool = False) -> np.ndarray:
    """Read an image file, brought to a size.

    The image is scaled until it covers the size, its sides in their proportion, and what juts out is cut off on both
    sides alike. It is turned upright if it says which way up it is (EXIF); alpha is dropped; the 16 bits of a deep grey
    image become 8.

    Args:
        path: A file of one image: PNG, JPEG, GIF, TIFF, BMP, PGM or PPM.
        size: Height and width, one number for both or a pair.
        grayscale: Turn colour into grey; otherwise grey images become RGB.

    Returns:
        uint8 `(C, H, W)`, 1 channel with `grayscale` and 3 without.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is damaged, holds several images or floating-point values, or the size is not positive.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp(), "grey.png")
        >>> Image.fromarray(np.full((20, 30), 7, np.uint8)).save(path)
        >>> read_image(path, (4, 5)).shape
        (3, 4, 5)
    """
    path = Path(path)
    height, width = height_and_width("size", size)
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist")
    if path.suffix.lower() not in IMAGE_ENDINGS:
        raise ValueError(f"{path} has an unknown ending, known are {', '.join(IMAGE_ENDINGS)}")
    count = frame_count(path)
    if count > 1:
        raise ValueError(f"{path} holds {count} images, but each file must hold one")
    (frame,) = image_frames(path)
    values = _bytes(frame.values, path)
    image = Image.fromarray(values[0] if len(values) == 1 else np.moveaxis(values, 0, -1))
    image = _upright(image, path).convert("L" if grayscale else "RGB")
    fitted = np.asarray(ImageOps.fit(image, (width, height), Image.Resampling.BILINEAR))
    return fitted[None] if grayscale else np.moveaxis(fitted, -1, 0)


def read_images(paths: Sequence[str | Path], size: int | tuple[int, int], grayscale: bool = False) -> np.ndarray:
    """Read image files into one array, see :func:`read_image`.

    Args:
        paths: The files, at least one.
        size: Height and width, one number for both or a pair.
        grayscale: Turn colour into grey; otherwise grey images become RGB.

    Returns:
        uint8 `(n, C, H, W)`.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If there are none, or one cannot be read.
    """
    if not paths:
        raise ValueError("`paths` must name at least one image")
    return np.stack([read_image(path, size, grayscale) for path in paths])


def image_classes(folder: str | Path) -> dict[str, list[Path]]:
    """List the images of each class: a subfolder holds a class and is named after it.

    Args:
        folder: The folder.

    Returns:
        The image files by class, both in natural order (img2 before img10).

    Raises:
        FileNotFoundError: If there is no such folder.
        ValueError: If no subfolder holds images.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} is not a folder: give one that holds a folder of images for each class")
    classes = {path.name: images(path) for path in visible(folder) if path.is_dir()}
    classes = {name: paths for name, paths in classes.items() if paths}
    if not classes:
        raise ValueError(
            f"{folder} holds no folders of images, one for each class; known images end in {', '.join(IMAGE_ENDINGS)}"
        )
    return classes


def read_image_folder(folder: str | Path, size: int | tuple[int, int] = 64, grayscale: bool = False) -> LabelledImages:
    """Read all images of a folder with a subfolder for each class, see :func:`read_image`.

    Args:
        folder: The folder.
        size: Height and width, one number for both or a pair.
        grayscale: Turn colour into grey; otherwise grey images become RGB.

    Returns:
        The images, sorted by class.

    Raises:
        FileNotFoundError: If there is no such folder.
        ValueError: If no subfolder holds images, or one cannot be read.
    """
    classes = image_classes(folder)
    labels = [label for label, paths in enumerate(classes.values()) for _ in paths]
    paths = [path for paths in classes.values() for path in paths]
    return LabelledImages(read_images(paths, size, grayscale), labels, list(classes))


def split_image_folder(
    folder: str | Path, fractions: tuple[float, float, float] = (0.7, 0.15, 0.15), seed: int = 0
) -> tuple[dict[str, Labelled], list[str]]:
    """Split a folder of images into training, validation and test: never one image in two of them.

    Subfolders `train`, `val` and `test`, with a folder for each class in each, are taken as they are; classes may be in
    some of them alone. Otherwise the images of each class are shuffled and split by the fractions, at least two of a
    class for each part, as pairs need.

    Args:
        folder: The folder.
        fractions: Parts for training, validation and test; positive, with a sum of 1.
        seed: Another seed, another split.

    Returns:
        Files and labels by `"train"`, `"val"` and `"test"`, and the names of the classes by label.

    Raises:
        FileNotFoundError: If there is no such folder, or only some of the three subfolders.
        ValueError: If a class has too few images, or the fractions do not fit.
    """
    folder = Path(folder)
    explicit = [split for split in SPLITS if (folder / split).is_dir()]
    missing = ", ".join(f"{split}/" for split in SPLITS if split not in explicit)
    if explicit and missing:
        raise FileNotFoundError(f"{folder} holds {', '.join(explicit)} but not {missing}: all three are needed")
    if explicit:
        parts = {split: image_classes(folder / split) for split in SPLITS}
        names = sorted({name for classes in parts.values() for name in classes})
    else:
        check_seed(seed)
        if min(fractions) <= 0 or abs(sum(fractions) - 1) > 1e-6:
            raise ValueError(f"`fractions` (={fractions}) must be positive and have a sum of 1")
        classes = image_classes(folder)
        shares = {name: _shares(name, paths, fractions, seed) for name, paths in classes.items()}
        parts = {split: {name: share[split] for name, share in shares.items()} for split in SPLITS}
        names = list(classes)
    labels = {name: label for label, name in enumerate(names)}
    listed = {
        split: [(path, labels[name]) for name, paths in classes.items() for path in paths]
        for split, classes in parts.items()
    }
    return listed, names


def _shares(name: str, paths: list[Path], fractions: tuple[float, float, float], seed: int) -> dict[str, list[Path]]:
    """Split one class."""
    least = 2 * len(SPLITS)
    if len(paths) < least:
        raise ValueError(
            f"class {name} has {len(paths)} image{'s' * (len(paths) > 1)}, but training, validation and test need two "
            "each: add images, or leave the class out"
        )
    val, test = (max(2, round(fraction * len(paths))) for fraction in fractions[1:])
    while val + test > len(paths) - 2:  # rounding may leave too little to train on
        val, test = (val - 1, test) if val > test else (val, test - 1)
    order = np.random.default_rng(seed).permutation(len(paths)).tolist()
    chosen = {"val": order[:val], "test": order[val : val + test], "train": order[val + test :]}
    return {split: [paths[index] for index in sorted(indices)] for split, indices in chosen.items()}


def _bytes(values: np.ndarray, path: Path) -> np.ndarray:
    if values.dtype == np.uint16:
        return np.round(values / 257).astype(np.uint8)
    if values.dtype != np.uint8:
        raise ValueError(f"{path} holds {values.dtype}, but an image must hold whole numbers of 8 or 16 bits")
    return values


def _upright(image: Image.Image, path: Path) -> Image.Image:
    with Image.open(path) as original:
        orientation = original.getexif().get(_ORIENTATION, 1)
    image.getexif()[_ORIENTATION] = orientation
    return ImageOps.exif_transpose(image)
