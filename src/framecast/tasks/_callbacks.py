"""Callbacks of every training: checkpoints, and the speed."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import ModelCheckpoint
from torch import Tensor

from framecast.runs import RunFolder, part_of


class LastCheckpoint(pl.Callback):
    """Keep ``checkpoints/last.ckpt`` in the run's folder, from which training resumes exactly.

    It is written every so many steps, between steps only: not within an accumulation of gradients, nor where a
    validation is due; and at the end of every epoch, after its validation.

    Args:
        every_n_steps: optimizer steps between two writes within an epoch.

    Raises:
        ValueError: if ``every_n_steps`` is not positive.
    """

    def __init__(self, every_n_steps: int = 100) -> None:
        if every_n_steps < 1:
            raise ValueError(f"`every_n_steps` (={every_n_steps}) must be at least 1")
        self.every_n_steps = every_n_steps
        self._saved = self._step = 0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Count steps from here."""
        self._saved = self._step = trainer.global_step

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Write if it is time and the optimizer has just stepped."""
        stepped, self._step = trainer.global_step > self._step, trainer.global_step
        validates = (batch_idx + 1) % trainer.val_check_batch == 0 if trainer.val_check_batch else False
        if stepped and not validates and not trainer.is_last_batch and self._step - self._saved >= self.every_n_steps:
            self._save(trainer)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write at the end of an epoch, after its validation."""
        self._save(trainer)

    def _save(self, trainer: pl.Trainer) -> None:
        if trainer.fast_dev_run:  # type: ignore[attr-defined]
            return
        save_whole(trainer, RunFolder(trainer.default_root_dir).checkpoint_path("last"))
        self._saved = trainer.global_step


class BestCheckpoint(ModelCheckpoint):
    """Keep ``checkpoints/best.ckpt`` in the run's folder, the one with the best validation.

    Args:
        run: the run's folder. It may have moved since the run began.
        monitor: name of the logged value that says how good a validation is.
        mode: ``"min"`` if lower values are better, or ``"max"``.
    """

    def __init__(self, run: RunFolder, monitor: str = "val_loss", mode: str = "min") -> None:
        self.best = run.checkpoint_path("best")
        super().__init__(
            dirpath=self.best.parent,
            filename=self.best.stem,
            monitor=monitor,
            mode=mode,
            enable_version_counter=False,
            save_on_train_epoch_end=False,
        )

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over the best value so far, even if the run's folder has moved."""
        best = str(self.best)
        scores = list(state_dict["best_k_models"].values())
        moved = {"dirpath": self.dirpath, "best_model_path": best, "kth_best_model_path": best}
        super().load_state_dict({**state_dict, **moved, "best_k_models": {best: scores[0]} if scores else {}})

    def _save_checkpoint(self, trainer: pl.Trainer, filepath: str) -> None:
        save_whole(trainer, Path(filepath))
        self._last_global_step_saved = trainer.global_step
        self._last_checkpoint_saved = filepath


def save_whole(trainer: pl.Trainer, path: Path) -> None:
    """Write a checkpoint beside its place and move it there, so that there is always a whole one."""
    part = part_of(path)
    trainer.save_checkpoint(part)
    if trainer.is_global_zero:
        part.replace(path)


class _PerSecond(pl.Callback):
    """Log how many things training takes in a second."""

    name: str
    often: int
    """Count after which the clock starts anew."""

    def __init__(self) -> None:
        self._start: float | None = None
        self._count = 0

    def count(self, batch: dict[str, Tensor]) -> int:
        """Count the things in a batch."""
        raise NotImplementedError(f"{type(self).__name__} counts nothing")

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the clock anew, so that validation does not count."""
        self._start, self._count = None, 0

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Count, and log every so many steps as everything else."""
        if self._start is None:  # the first step warms up and is not counted
            self._start = time.perf_counter()
            return
        self._count += self.count(batch)
        pl_module.log(self.name, self._count / (time.perf_counter() - self._start), prog_bar=True)
        if self._count > self.often:
            self._start, self._count = time.perf_counter(), 0


class FramesPerSecond(_PerSecond):
    """Log how many frames training takes in a second, input and target counted."""

    name, often = "frames_per_second", 10_000

    def count(self, batch: dict[str, Tensor]) -> int:
        """Count the frames of all sequences."""
        return sum(batch[name].shape[0] * batch[name].shape[1] for name in ("input", "target") if name in batch)


class ImagesPerSecond(_PerSecond):
    """Log how many images or clips training takes in a second, both sides of a pair counted."""

    name, often = "images_per_second", 10_000

    def count(self, batch: dict[str, Tensor]) -> int:
        """Count the images, or clips."""
        return sum(len(batch[name]) for name in ("image", "first", "second") if name in batch)
