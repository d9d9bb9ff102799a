"""The command ``match``: whether two images or clips show the same thing."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Literal

import numpy as np

from framecast.jobs import load_as
from framecast.trained import Matcher

from ._call import call
from ._images import find_items, is_folder, read_items

# Which of both sides are inverted.
_INVERTED = {None: (False, False), "first": (True, False), "second": (False, True), "both": (True, True)}


def run(args: list[str]) -> None:
    """Match with the arguments of the command line."""
    call(match, _with_value_of_invert(args), positional=("first", "second"))


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
        invert: exchange light and dark of the first, of the second or of both, as for black ink on white where the
            model was trained on light on dark; --invert alone stands for both.
        device: where to run the network.
    """
    matcher = load_as(Matcher, ckpt_path, device)
    limit = matcher.threshold if threshold is None else threshold
    if math.isnan(limit):
        raise ValueError(f"{ckpt_path} has no threshold, as nothing was validated in training; give --threshold")
    sides = zip((Path(first), Path(second)), _INVERTED[invert], strict=True)
    (query, query_inverted), (other, other_inverted) = sorted(sides, key=lambda side: is_folder(matcher, side[0]))
    if is_folder(matcher, query):
        raise ValueError(f"{first} and {second} are both folders: give one file, and another or a folder")
    ranked = is_folder(matcher, other)
    others = [path for path in find_items(matcher, other) if path.resolve() != query.resolve()] if ranked else [other]
    if not others:
        raise ValueError(f"{other} holds nothing but {query}")
    items = [*read_items(matcher, [query], query_inverted), *read_items(matcher, others, other_inverted)]
    embeddings = matcher.embed(items)
    distances = np.linalg.norm(embeddings[1:] - embeddings[0], axis=1)
    if not ranked:
        print(f"distance   {distances[0]:.4f}\nthreshold  {limit:.4f}\nverdict    {_verdict(distances[0], limit)}")
        return
    print(f"{'distance':<10}{'verdict':<11}to {query}, threshold {limit:.4f}")
    for index in np.argsort(distances, kind="stable"):
        print(f"{distances[index]:<10.4f}{_verdict(distances[index], limit):<11}{others[index]}")


def _verdict(distance: float, threshold: float) -> str:
    return "same" if distance <= threshold else "different"


def _with_value_of_invert(args: list[str]) -> list[str]:
    """Give ``--invert`` that stands alone its value, so that it does not take the path that follows.

    Raises:
        ValueError: if what follows is neither a value, nor an option, nor the path of a file or folder.

    Example:
        >>> _with_value_of_invert(["match", "a.png", "b.png", "--invert"])
        ['match', 'a.png', 'b.png', '--invert=both']
        >>> _with_value_of_invert(["match", "--invert", "second", "a.png", "b.png"])
        ['match', '--invert=second', 'a.png', 'b.png']
    """
    values = [value for value in _INVERTED if value is not None]
    result: list[str] = []
    for previous, arg in zip([None, *args], args, strict=False):
        if arg == "--invert":
            result.append("--invert=both")
        elif previous == "--invert" and arg in values:
            result[-1] = f"--invert={arg}"
        elif previous == "--invert" and not arg.startswith("-") and not Path(arg).exists():
            raise ValueError(
                f"`--invert` must be followed by {', '.join(values)} or nothing, got {arg!r}, which is no file either"
            )
        else:
            result.append(arg)
    return result
