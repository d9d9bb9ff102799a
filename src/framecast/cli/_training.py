"""The commands ``fit``, ``validate`` and ``test``: training and scoring in a run's folder."""

from __future__ import annotations

import logging
import os
import warnings
from pathlib import Path

from framecast._extras import require
from framecast.runs import RunFolder

from ._configs import config_path
from ._options import values_of, with_values

# What Lightning says of things that are as they should be here.
_NOISE = (
    ".*does not have many workers.*",
    ".*smaller than the logging interval.*",
    "Checkpoint directory .* exists and is not empty",
    ".*callbacks used to create the checkpoint need to be provided.*",
    r"`isinstance\(treespec, LeafSpec\)` is deprecated.*",
)
_CONFIG = ("--config", "-c")


def run(args: list[str]) -> None:
    """Run ``fit``, ``validate`` or ``test`` with the arguments of the command line."""
    _quieten()
    from ._lightning import CommandLine
    from ._short_names import is_match_data, with_images
    from ._version_0_1 import current_config

    names = values_of(args, _CONFIG)
    args = with_values(args, _CONFIG, lambda name: current_config(config_path(name)))
    folder = _folder(args)
    if not names and folder is not None and {"-h", "--help"}.isdisjoint(args):
        if not folder.config.is_file():
            raise FileNotFoundError(f"{folder} holds no run: there is no {folder.config.name}; name one with --config")
        args = [args[0], "--config", current_config(folder.config), *args[1:]]
    if is_match_data(args):
        args = with_images(args)
    CommandLine(folder or RunFolder(f"runs/{Path(names[-1]).stem if names else 'unnamed'}"), args)


def _folder(args: list[str]) -> RunFolder | None:
    """Return the run that the arguments name, by its folder or by a checkpoint in it."""
    folders, checkpoints = values_of(args, ("--run",)), values_of(args, ("--ckpt_path",))
    if folders:
        return RunFolder(folders[0])
    return RunFolder.of_checkpoint(checkpoints[0]) if args[0] != "fit" and checkpoints else None


def _quieten() -> None:
    """Silence what Lightning says of things that are as they should be."""
    require("lightning", "train", "training")
    for message in _NOISE:
        warnings.filterwarnings("ignore", message=message)
    os.environ.setdefault("JSONARGPARSE_DEPRECATION_WARNINGS", "off")
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
