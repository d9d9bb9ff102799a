"""How far a run has come, and whether its limits let it go on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Limit:
    """A limit that a run has reached.

    Args:
        option: the option that sets it.
        words: how far the run has come, and where the limit is.
        longer: a value of the option with which the run goes on.
    """

    option: str
    words: str
    longer: int


def limit_reached(max_steps: int, max_epochs: int | None, step: int, epochs: int) -> Limit | None:
    """Return the limit that a run has reached; None if it can go on.

    Args:
        max_steps: largest number of optimizer steps; -1 for no limit.
        max_epochs: largest number of epochs; None or -1 for no limit.
        step: optimizer steps so far.
        epochs: epochs so far.

    Example:
        >>> limit_reached(6, None, 10, 3)
        Limit(option='--trainer.max_steps', words='it stands at step 10, and --trainer.max_steps is 6', longer=20)
        >>> limit_reached(-1, 5, 10, 3) is None
        True
    """
    if max_steps != -1 and step >= max_steps:
        return _limit("--trainer.max_steps", f"step {step}", max_steps, step)
    if max_epochs not in (None, -1) and epochs >= max_epochs:
        return _limit("--trainer.max_epochs", f"the end of epoch {epochs}", max_epochs, epochs)
    return None


def _limit(option: str, place: str, value: int, done: int) -> Limit:
    return Limit(option, f"it stands at {place}, and {option} is {value}", max(2 * done, 1))


def epochs_of(checkpoint: dict[str, Any]) -> int:
    """Return how many epochs of training a checkpoint of Lightning has behind it."""
    progress: dict[str, Any] = checkpoint["loops"]["fit_loop"]["epoch_progress"]["current"]
    return int(progress["processed"])
