"""Checkpoints, read without running any code that they might hold."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """Read a checkpoint of Framecast without running any code that it might hold.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is no checkpoint of Framecast, is damaged, or holds more than plain values and tensors.
    """
    import torch  # seconds, which a report of a tested run does not need

    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no checkpoint {path}")
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ValueError(
            f"{path} holds more than tensors and plain values (loading it could run code), or is no checkpoint; refused"
        ) from error
    except Exception as error:  # what torch raises for a file that is none of its own varies
        raise ValueError(f"{path} is no checkpoint, or is damaged or cut short") from error
    about = checkpoint.get("framecast") if isinstance(checkpoint, dict) else None
    if not isinstance(about, dict) or "task" not in about or "state_dict" not in checkpoint:
        raise ValueError(f"{path} is not a checkpoint of Framecast: it does not say which model it holds")
    return checkpoint
