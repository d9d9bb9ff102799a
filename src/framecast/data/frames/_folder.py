"""Finding recordings in a folder, and splitting them into training, validation and test."""

from pathlib import Path
from typing import Literal

from framecast.runs import PARTS

from .._note import note
from .._split import check_fractions, split_at_random, split_subfolders
from ..reading import (
    ENDINGS,
    ReadingOptions,
    clip_paths,
    format_of,
    images,
    is_image,
    note_unknown,
    open_frames,
    span_path,
    visible,
)

SplitBy = Literal["recordings", "time"]


def recordings(folder: str | Path, options: ReadingOptions | None = None) -> list[Path]:
    """List the recordings in a folder and in its subfolders at any depth, in natural order.

    A recording is a subfolder that holds images, or one file of frames: GIF, animated PNG, TIFF stack, an array or
    video. Of an array of many clips, each clip is a recording. A folder that holds nothing but still images is itself
    one recording. Files with unknown endings are passed over, with a note on stderr.

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
    unknown: list[Path] = []
    paths = _recordings_in(folder, options, unknown)
    if not paths:
        raise ValueError(f"{folder} holds no recordings: put folders of images there, or files {', '.join(ENDINGS)}")
    note_unknown(folder, unknown)
    return paths


def _recordings_in(folder: Path, options: ReadingOptions | None, unknown: list[Path]) -> list[Path]:
    """List the recordings in a folder, and add files with unknown endings to ``unknown``."""
    entries = visible(folder)
    stills = [path for path in entries if path.is_file() and _is_still(path)]
    others: list[Path] = []
    for path in entries:
        if path in stills:
            continue
        if _is_readable(path):
            others += clip_paths(path, options)
        elif not path.is_dir():
            unknown.append(path)
        elif _is_recording(path):
            others.append(path)
        elif not folder.resolve().is_relative_to(path.resolve()):  # a link to a folder above has no end
            others += _recordings_in(path, options, unknown)
    if stills and others:
        raise ValueError(
            f"{folder} holds recordings ({others[0].relative_to(folder).as_posix()}) and loose images "
            f"({stills[0].name}): move the images of each recording into a folder of their own"
        )
    return [folder] if stills else others


def split_recordings(
    folder: str | Path,
    fractions: tuple[float, float, float] = (0.7, 0.15, 0.15),
    seed: int = 0,
    options: ReadingOptions | None = None,
    split_by: SplitBy | None = None,
    window: int = 1,
) -> dict[str, list[Path]]:
    """Split the recordings in a folder into training, validation and test: never one frame between two.

    Subfolders ``train``, ``val`` and ``test`` are the parts. Otherwise the recordings are shuffled and split by
    the fractions, at least one for each; or each recording is split by time: training first, then validation, then
    test, with a gap of a window between them, so that no window reaches from one part into another.

    Args:
        folder: the folder.
        fractions: parts for training, validation and test; positive, with a sum of 1.
        seed: another seed, another split.
        options: how to read files that do not say it themselves.
        split_by: ``"recordings"`` or ``"time"``. Default: by time if there is one recording alone, with a note.
        window: number of frames that a window spans, which is also the gap between parts of a recording.

    Returns:
        The paths by ``"train"``, ``"val"`` and ``"test"``, each in natural order; frames 0 to 69 of ``film.mp4`` are
        ``film.mp4@0:70``.

    Raises:
        FileNotFoundError: if there is no such folder, or only some of the three subfolders.
        ValueError: if there are too few recordings or frames, or the fractions do not fit.
    """
    if split_by not in (None, "recordings", "time"):
        raise ValueError(f"`split_by` (={split_by!r}) must be recordings or time")
    subfolders = split_subfolders(Path(folder))
    if subfolders:
        return {part: recordings(path, options) for part, path in subfolders.items()}
    check_fractions(fractions, seed)
    paths = recordings(folder, options)
    if split_by is None and len(paths) == 1:
        split_by = "time"
        note(f"{paths[0]} is one recording alone: it is split by time, with a gap of {window} frames between parts")
    if split_by == "time":
        spans = [split_by_time(path, fractions, window, options) for path in paths]
        return {part: [each[part] for each in spans] for part in PARTS}
    if len(paths) < len(PARTS):
        raise ValueError(
            f"{folder} holds {len(paths)} recording{'s' * (len(paths) > 1)}, but training, validation and test need "
            "one each: add recordings, or set `split_by` to time"
        )
    return split_at_random(paths, fractions, seed, least=1)


def split_by_time(
    path: Path, fractions: tuple[float, float, float], window: int, options: ReadingOptions | None = None
) -> dict[str, Path]:
    """Split one recording by time, with a gap of a window between the parts.

    Args:
        path: the recording.
        fractions: parts for training, validation and test.
        window: number of frames of a window: of the gaps, and fewest of a part.
        options: how to read a file that does not say it itself.

    Returns:
        The spans of frames by part, as paths.

    Raises:
        ValueError: if there are too few frames.
    """
    with open_frames(path, options) as file:
        count = file.count
    available = count - 2 * window
    if available < len(PARTS) * window:
        raise ValueError(
            f"{path} has {count} frames, too few to split by time: three parts and two gaps of a window of {window} "
            f"frames need {(len(PARTS) + 2) * window}"
        )
    val, test = (max(window, round(fraction * available)) for fraction in fractions[1:])
    while val + test > available - window:
        val, test = (val - 1, test) if val > test else (val, test - 1)
    train = available - val - test
    starts = {"train": 0, "val": train + window, "test": count - test}
    return {
        part: span_path(path, starts[part], starts[part] + size)
        for part, size in zip(PARTS, (train, val, test), strict=True)
    }


def all_recordings(folder: str | Path, options: ReadingOptions | None = None) -> list[Path]:
    """List the recordings in a folder, or in its subfolders ``train``, ``val`` and ``test`` if it has them."""
    subfolders = split_subfolders(Path(folder))
    return [path for inside in subfolders.values() or [Path(folder)] for path in recordings(inside, options)]


def _is_readable(path: Path) -> bool:
    return format_of(path) is not None


def _is_recording(folder: Path) -> bool:
    """Whether a folder holds images of which the first is a still: one frame of the folder's recording."""
    paths = images(folder)
    return bool(paths) and _is_still(paths[0])


def _is_still(path: Path) -> bool:
    if not is_image(path):
        return False
    with open_frames(path) as file:
        return file.count == 1
