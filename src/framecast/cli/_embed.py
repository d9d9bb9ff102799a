"""The command ``embed``: vectors of a user's own images or clips."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from framecast.jobs import load_as
from framecast.runs import whole_file
from framecast.trained import Matcher

from ._call import call
from ._images import find_items, read_items


def run(args: list[str]) -> None:
    """Embed with the arguments of the command line."""
    call(embed, args, switches=("invert",))


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
    matcher = load_as(Matcher, ckpt_path, device)
    files = find_items(matcher, folder)
    embeddings = matcher.embed(read_items(matcher, files, invert))
    names = [file.relative_to(folder).as_posix() for file in files]
    with whole_file(path) as file:
        np.savez(file, allow_pickle=False, names=np.array(names), embeddings=embeddings)
    kind = "clips" if matcher.takes_clips else "images"
    print(f"{len(names)} {kind} of {folder}, {embeddings.shape[1]} numbers each: {path}")
