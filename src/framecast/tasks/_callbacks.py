"""Callbacks of every training: checkpoints to resume from, and the speed."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import lightning.pytorch as pl

LAST = "last.ckpt"
BEST = "best.ckpt"


class LastCheckpoint(pl.Callback):
    """Keep ``checkpoints/last.ckpt`` in the run's folder, from which training resumes exactly.

    Args:
        every_n_steps: optimizer steps between two writes within an epoch; every epoch's end is written as well.

    Raises:
        ValueError: if ``every_n_steps`` is not positive.
    """

    def __init__(self, every_n_steps: int = 100) -> None:
        if every_n_steps < 1:
            raise ValueError(f"`every_n_steps` (={every_n_steps}) must be at least 1")
        self.every_n_steps = every_n_steps
        self._saved = -1

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any) -> None:
        """Write within an epoch; not on its last batch, when the epoch's validation is still to come."""
        due = trainer.global_step % self.every_n_steps == 0 and trainer.global_step != self._saved
        if due and not trainer.is_last_batch:
            self._save(trainer)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write at the end of an epoch, after its validation."""
        self._save(trainer)

    def _save(self, trainer: pl.Trainer) -> None:
        if trainer.fast_dev_run or trainer.sanity_checking:  # type: ignore[attr-defined]
            return
        trainer.save_checkpoint(Path(trainer.default_root_dir) / "checkpoints" / LAST)
        self._saved = trainer.global_step


class FramesPerSecond(pl.Callback):
    """Log how many frames training takes in a second, input and target counted."""

    def __init__(self) -> None:
        self._start: float | None = None
        self._frames = 0

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the clock anew, without what validation took."""
        self._start, self._frames = None, 0

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Count, and log every so many steps as everything else."""
        if self._start is None:  # the first step warms up and is not counted
            self._start = time.perf_counter()
            return
        self._frames += sum(
            batch[name].shape[0] * batch[name].shape[1] for name in ("input", "target") if name in batch
        )
        speed = self._frames / (time.perf_counter() - self._start)
        pl_module.log("frames_per_second", speed, prog_bar=True)
        if self._frames > 10_000:
            self._start, self._frames = time.perf_counter(), 0
