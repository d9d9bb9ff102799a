"""Matching and embedding of a user's own images and clips, from the command line."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from framecast.data import find_recordings
from framecast.data.recordings import IMAGE_ENDINGS, natural_key
from framecast.trained import Matcher, load_matcher

# Of which side light and dark are exchanged.
_INVERTED = {None: (False, False), "first": (True, False), "second": (False, True), "both": (True, True)}


def match(
    first: str,
    second: str,
    ckpt_path: str,
    threshold: float | None = None,
    invert: Literal["first", "second", "both"] | None = None,
    device: str = "cpu",
) -> None:
    """Tell whether two images (or clips) show the same thing, or rank a folder of them by their likeness to one.

    Prints the distance of the two, the threshold and the verdict; for a folder one line each, the nearest first.
    Images are brought to the size and the channels that the model was trained on.

    Args:
        first: an image file, or a folder of them; for a model of clips a GIF, TIFF stack, .npy (T, H, W) or video.
        second: another one.
        ckpt_path: the checkpoint of a trained matcher.
        threshold: distance up to which two are the same, by default the one chosen on validation.
        invert: exchange light and dark of both (or of one) of them, as for black ink on white where the model was
            trained on light on dark.
        device: where to run the network.
    """
    matcher = load_matcher(ckpt_path, device)
    limit = matcher.threshold if threshold is None else threshold
    if math.isnan(limit):
        raise ValueError(f"{ckpt_path} has no threshold, as nothing was validated in training; give --threshold")
    sides = zip((Path(first), Path(second)), _INVERTED[invert], strict=True)
    (query, query_inverted), (other, other_inverted) = sorted(sides, key=lambda side: _is_folder(matcher, side[0]))
    if _is_folder(matcher, query):
        raise ValueError(f"{first} and {second} are both folders: give one file, and another or a folder")
    ranked = _is_folder(matcher, other)
    others = [path for path in _files(matcher, other) if path.resolve() != query.resolve()] if ranked else [other]
    if not others:
        raise ValueError(f"{other} holds nothing but {query}")
    items = [*_read(matcher, [query], query_inverted), *_read(matcher, others, other_inverted)]
    embeddings = matcher.embed(items)
    distances = np.linalg.norm(embeddings[1:] - embeddings[0], axis=1)
    if not ranked:
        print(f"distance   {distances[0]:.4f}\nthreshold  {limit:.4f}\nverdict    {_verdict(distances[0], limit)}")
        return
    print(f"{'distance':<10}{'verdict':<11}to {query}, threshold {limit:.4f}")
    for index in np.argsort(distances, kind="stable"):
        print(f"{distances[index]:<10.4f}{_verdict(distances[index], limit):<11}{others[index]}")


def embed(ckpt_path: str, input: str, output: str, invert: bool = False, device: str = "cpu") -> None:
    """Write the embeddings of all images (or clips) in a folder to one .npz file.

    Its arrays: names (n,), paths within the folder, and embeddings (n, E) float32.

    Args:
        ckpt_path: the checkpoint of a trained matcher.
        input: a folder of images, those in its subfolders included; for a model of clips a folder of recordings.
        output: the .npz file to write; it must not exist yet.
        invert: exchange light and dark, as for black ink on white where the model was trained on light on dark.
        device: where to run the network.
    """
    path, folder = Path(output), Path(input)
    if path.suffix != ".npz":
        raise ValueError(f"`output` (={output}) must end in .npz")
    if path.exists():
        raise FileExistsError(f"{path} exists: choose another file, nothing is overwritten")
    matcher = load_matcher(ckpt_path, device)
    files = _files(matcher, folder)
    embeddings = matcher.embed(_read(matcher, files, invert))
    names = [file.relative_to(folder).as_posix() for file in files]
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as file:
        np.savez(file, allow_pickle=False, names=np.array(names), embeddings=embeddings)
    kind = "clips" if matcher.takes_clips else "images"
    print(f"{len(names)} {kind} of {folder}, {embeddings.shape[1]} numbers each: {path}")


def _is_folder(matcher: Matcher, path: Path) -> bool:
    """Whether a path holds several things to match; a folder of still images is one clip."""
    return path.is_dir() and not (matcher.takes_clips and find_recordings(path) == [path])


def _files(matcher: Matcher, folder: Path) -> list[Path]:
    """What a matcher can read in a folder."""
    return find_recordings(folder) if matcher.takes_clips else _images(folder)


def _images(folder: Path) -> list[Path]:
    """The image files in a folder and its subfolders, in natural order, hidden ones left out."""
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} is not a folder: give one that holds images")
    found = [
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in IMAGE_ENDINGS and not any(p.startswith(".") for p in path.relative_to(folder).parts)
    ]
    if not found:
        raise ValueError(f"{folder} holds no images; known are those that end in {', '.join(IMAGE_ENDINGS)}")
    return sorted(found, key=lambda path: [natural_key(Path(part)) for part in path.relative_to(folder).parts])


def _read(matcher: Matcher, paths: Sequence[Path], invert: bool) -> list[np.ndarray]:
    """Read images or clips, and point out those that seem to be of the other polarity."""
    items = [matcher.read(path, invert=invert) for path in paths]
    odd = [path for path, item in zip(paths, items, strict=True) if matcher.seems_inverted(item)]
    if odd:
        more = f" and {len(odd) - 1} more" * (len(odd) > 1)
        now = ", once light and dark are exchanged" if invert else ""
        print(
            f"framecast: note: mostly light{now}: {odd[0]}{more}; the model was trained on light things on a dark "
            "ground: see --invert",
            file=sys.stderr,
        )
    return items


def _verdict(distance: float, threshold: float) -> str:
    return "same" if distance <= threshold else "different"
