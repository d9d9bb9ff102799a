"""What was trained, from its checkpoint."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from framecast.runs import read_checkpoint

from ._forecaster import Forecaster, forecaster_of
from ._matcher import Matcher, matcher_of

_Maker = Callable[[dict[str, Any], str | Path, nn.Module | None, str | torch.device], Forecaster | Matcher]
_TASKS: dict[str, _Maker] = {"forecast": forecaster_of, "match": matcher_of}


def load(
    path: str | Path, *, network: nn.Module | None = None, device: str | torch.device = "cpu"
) -> Forecaster | Matcher:
    """Load a trained forecaster or matcher from a checkpoint, whichever it holds.

    Only tensors and plain values are read: a checkpoint cannot run code.

    Args:
        path: a ``.ckpt`` that ``framecast fit`` wrote.
        network: the network to fill, if it is not one of :mod:`framecast.models`.
        device: where to run it.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is damaged, not Framecast's, of an unknown task, or holds another network's weights.
    """
    checkpoint = read_checkpoint(path)
    task = checkpoint["framecast"]["task"]
    if task not in _TASKS:
        raise ValueError(f"{path} is a checkpoint of an unknown task {task!r}; known are {', '.join(_TASKS)}")
    return _TASKS[task](checkpoint, path, network, device)


def load_forecaster(path: str | Path, device: str | torch.device = "cpu") -> Forecaster:
    """Load a checkpoint that must hold a forecaster, see :func:`load`.

    Raises:
        ValueError: if it holds a matcher.
    """
    loaded = load(path, device=device)
    if not isinstance(loaded, Forecaster):
        raise ValueError(f"{path} holds a matcher, which forecasts nothing: use it with framecast match or embed")
    return loaded


def load_matcher(path: str | Path, device: str | torch.device = "cpu") -> Matcher:
    """Load a checkpoint that must hold a matcher, see :func:`load`.

    Raises:
        ValueError: if it holds a forecaster.
    """
    loaded = load(path, device=device)
    if not isinstance(loaded, Matcher):
        raise ValueError(f"{path} holds a forecaster, which matches nothing: use it with framecast predict")
    return loaded
