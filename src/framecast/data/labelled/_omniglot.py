"""Omniglot: drawings of characters from many alphabets (Lake et al. 2015)."""

import io
import re
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from .._checks import check_positive
from ._labelled_images import LabelledImages

_NAME = re.compile(r"(?:^|/)([^/]+)/([^/]+)/\d+_(\d+)\.png")  # alphabet, character, number of the character, writer

Drawing = tuple[str, str, int]  # alphabet, character, writer


def load_omniglot(
    paths: str | Path | Sequence[str | Path], size: int = 28, exclude: Collection[str] = ()
) -> LabelledImages:
    """Load Omniglot's drawings from its zips, as they are published, or from folders into which they were unpacked.

    A class is a character (``"Greek/character01"``), a group its alphabet, and a writer the number, from 1, of the
    person who drew it among those who drew that alphabet. A drawing that is in several files counts once.

    Args:
        paths: one or more of images_background.zip, images_evaluation.zip, images_background_small1.zip, ...
        size: height and width of an image in pixels; drawings (105x105) are averaged by area.
        exclude: alphabets to leave out.

    Returns:
        Images ``(n, 1, size, size)``, ink 1 on 0, sorted by alphabet, character and writer.

    Raises:
        FileNotFoundError: if a path does not exist.
        ValueError: if a file is no zip, holds no drawings or a damaged one, or nothing is left.
    """
    check_positive("size", size)
    drawings: dict[Drawing, np.ndarray] = {}
    for path in [paths] if isinstance(paths, str | Path) else paths:
        for drawing, ink in _drawings(Path(path), size, exclude):
            drawings.setdefault(drawing, ink)
    if not drawings:
        raise ValueError(f"{paths} hold no alphabets but those to leave out, {', '.join(sorted(exclude))}")
    keys = sorted(drawings)
    alphabets, groups = np.unique([alphabet for alphabet, _, _ in keys], return_inverse=True)
    classes, labels = np.unique([f"{alphabet}/{character}" for alphabet, character, _ in keys], return_inverse=True)
    return LabelledImages(
        np.stack([drawings[key] for key in keys]),
        labels,
        classes.tolist(),
        groups,
        [writer for _, _, writer in keys],
        group_names=alphabets.tolist(),
    )


def with_rotations(images: LabelledImages) -> LabelledImages:
    """Add every image turned by 90, 180 and 270 degrees, as classes of their own, as is usual to train on Omniglot.

    Args:
        images: square images.

    Returns:
        Four times as many images and classes; a group holds a class and its turned ones.

    Raises:
        ValueError: if the images are not square.

    Example:
        >>> with_rotations(LabelledImages(np.zeros((1, 3, 3), np.uint8), [0], ["A"])).classes
        ('A', 'A turned 90', 'A turned 180', 'A turned 270')
    """
    height, width = images.images.shape[-2:]
    if height != width:
        raise ValueError(f"images must be square to be turned, got {height}x{width}")
    turned = [np.rot90(images.images, turns, (-2, -1)) for turns in range(4)]
    classes = [name + f" turned {90 * turns}" * (turns > 0) for turns in range(4) for name in images.classes]
    return LabelledImages(
        np.concatenate(turned),
        np.concatenate([images.labels + turns * len(images.classes) for turns in range(4)]),
        classes,
        None if images.groups is None else np.tile(images.groups, 4),
        None if images.writers is None else np.tile(images.writers, 4),
        group_names=images.group_names,
        transform=images.transform,
    )


def _drawings(path: Path, size: int, exclude: Collection[str]) -> Iterator[tuple[Drawing, np.ndarray]]:
    """Read the drawings of a zip or a folder."""
    has_drawings = False
    try:
        for name, read in _files(path):
            match = _NAME.search(name)
            has_drawings |= match is not None
            if match and match[1] not in exclude:
                yield (match[1], match[2], int(match[3])), _ink(read(), size, f"{path}: {name}")
    except (zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"{path} is not a readable zip: {error}") from error
    if not has_drawings:
        raise ValueError(f"{path} holds no drawings alphabet/character/0123_01.png: is it one of Omniglot's?")


def _files(path: Path) -> Iterator[tuple[str, Callable[[], bytes]]]:
    """List the files of a zip or a folder, and how to read each."""
    if path.is_dir():
        for file in sorted(path.rglob("*.png")):
            yield file.relative_to(path).as_posix(), file.read_bytes
    elif path.is_file():
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                yield name, partial(archive.read, name)
    else:
        raise FileNotFoundError(
            f"{path} does not exist: give Omniglot's zips, or folders into which they were unpacked"
        )


def _ink(content: bytes, size: int, name: str) -> np.ndarray:
    """Read a drawing, black on white, as ink 255 on 0, uint8 (size, size)."""
    try:
        with Image.open(io.BytesIO(content)) as image:
            resized = image.convert("L").resize((size, size), Image.Resampling.BOX)
    except (OSError, SyntaxError, ValueError) as error:
        raise ValueError(f"{name} is not a readable image: {error}") from error
    return 255 - np.asarray(resized)
