"""Finding recordings in a folder, and splitting them into training, validation and test."""

from pathlib import Path

from framecast.runs import PARTS

from .._split import check_fractions, split_at_random, split_subfolders
from ..reading import ENDINGS, ReadingOptions, clip_paths, format_of, images, is_image, open_frames, visible


def recordings(folder: str | Path, options: ReadingOptions | None = None) -> list[Path]:
    """List the recordings in a folder, in natural order.

    A recording is a subfolder that holds images, or one file of frames: GIF, animated PNG, TIFF stack, an array or
    video. Of an array of many clips, each clip is a recording. A folder that holds nothing but still images is itself
    one recording. Other files are passed over.

    Args:
        folder: the folder.
        options: how to read files that do not say it themselves.

    Returns:
        Paths for :func:`read_recording`, at least one.

    Raises:
        FileNotFoundError: if there is no such folder.
        ValueError: if it holds no recording, or still images beside recordings.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} is not a folder: give one that holds recordings")
    entries = visible(folder)
    stills = [path for path in entries if path.is_file() and _is_still(path)]
    others = [
        path for path in entries if (_is_readable(path) and path not in stills) or (path.is_dir() and images(path))
    ]
    if stills and others:
        raise ValueError(
            f"{folder} holds recordings ({others[0].name}) and loose images ({stills[0].name}): "
            "move the images of each recording into a folder of their own"
        )
    if not stills and not others:
        raise ValueError(f"{folder} holds no recordings: put folders of images there, or files {', '.join(ENDINGS)}")
    return [folder] if stills else [clip for path in others for clip in clip_paths(path, options)]


def split_recordings(
    folder: str | Path,
    fractions: tuple[float, float, float] = (0.7, 0.15, 0.15),
    seed: int = 0,
    options: ReadingOptions | None = None,
) -> dict[str, list[Path]]:
    """Split the recordings in a folder into training, validation and test: never one recording between two.

    Subfolders ``train``, ``val`` and ``test`` are the parts. Otherwise the recordings are shuffled and split by
    the fractions, at least one for each.

    Args:
        folder: the folder.
        fractions: parts for training, validation and test; positive, with a sum of 1.
        seed: another seed, another split.
        options: how to read files that do not say it themselves.

    Returns:
        The paths by ``"train"``, ``"val"`` and ``"test"``, each in natural order.

    Raises:
        FileNotFoundError: if there is no such folder, or only some of the three subfolders.
        ValueError: if there are fewer than three recordings, or the fractions do not fit.
    """
    subfolders = split_subfolders(Path(folder))
    if subfolders:
        return {part: recordings(path, options) for part, path in subfolders.items()}
    check_fractions(fractions, seed)
    paths = recordings(folder, options)
    if len(paths) < len(PARTS):
        raise ValueError(
            f"{folder} holds {len(paths)} recording{'s' * (len(paths) > 1)}, but training, validation and test need "
            "one each: add recordings, or cut a long one into several, in time order"
        )
    return split_at_random(paths, fractions, seed, least=1)


def all_recordings(folder: str | Path, options: ReadingOptions | None = None) -> list[Path]:
    """List the recordings in a folder, or in its subfolders ``train``, ``val`` and ``test`` if it has them."""
    subfolders = split_subfolders(Path(folder))
    return [path for inside in subfolders.values() or [Path(folder)] for path in recordings(inside, options)]


def _is_readable(path: Path) -> bool:
    return format_of(path) is not None


def _is_still(path: Path) -> bool:
    if not is_image(path):
        return False
    with open_frames(path) as file:
        return file.count == 1
