"""The base of all tasks: the optimizer, the random numbers of each step, the description in a checkpoint."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import lightning.pytorch as pl
import torch
from torch import Tensor, nn

from framecast.models import config_of
from framecast.runs import RunFolder

from ._callbacks import BestCheckpoint
from ._results import Results


class TrainingDivergedError(RuntimeError):
    """The loss or its gradient became NaN or infinite."""


def cosine_decay(progress: float) -> float:
    """Return the share of the highest learning rate after a share of the training.

    Example:
        >>> cosine_decay(0.0), round(cosine_decay(0.5), 6), cosine_decay(1.2)
        (1.0, 0.5, 0.0)
    """
    return 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))


class _ReadyModule(pl.LightningModule):
    """A module that can hold others before its constructor runs, as that of a dataclass needs."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        module = super().__new__(cls)
        pl.LightningModule.__init__(module)
        return module


@dataclass(kw_only=True, eq=False, repr=False)
class Task(_ReadyModule):
    """Base of the tasks.

    A task is a dataclass whose fields are its options: an option has its name, type, default and description in one
    class, and the constructors and commands of all subclasses take it from there. (A subclass may also have a
    constructor of its own, which calls this one.)

    A subclass has a :attr:`kind`, computes the loss in :meth:`loss_of`, adds validation and test steps, and returns the
    results of a test from :meth:`summarize`.

    Args:
        network: the network to train.
        learning_rate: highest learning rate of Adam.
        betas: Adam's decay rates; a second one below its usual 0.999 suits short trainings.
        schedule: ``"cosine"`` decay to 0 over the whole training, or ``"constant"``.
        weight_decay: decoupled weight decay (AdamW).
        init_gain: factor on the initial weights of all convolutions and linear maps.

    Raises:
        ValueError: naming the argument, its rule and its value.
    """

    kind: ClassVar[str]
    """Name of the task in checkpoints and in ``metrics.json``; a row of :mod:`framecast.jobs` has the same."""
    monitor: ClassVar[tuple[str, str]] = ("val_loss", "min")
    """Name of the logged value that selects the best checkpoint, and ``"min"`` or ``"max"``."""

    network: nn.Module = field(kw_only=False)
    learning_rate: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)
    schedule: str = "cosine"
    weight_decay: float = 0.0
    init_gain: float = 1.0

    def __post_init__(self) -> None:
        if not self.learning_rate > 0:
            raise ValueError(f"`learning_rate` (={self.learning_rate}) must be positive")
        if self.schedule not in ("cosine", "constant"):
            raise ValueError(f"`schedule` must be 'cosine' or 'constant', got {self.schedule!r}")
        if not self.weight_decay >= 0:
            raise ValueError(f"`weight_decay` (={self.weight_decay}) must not be negative")
        if not all(0 <= beta < 1 for beta in self.betas):
            raise ValueError(f"`betas` (={self.betas}) must be from 0 to below 1")
        if not self.init_gain > 0:
            raise ValueError(f"`init_gain` (={self.init_gain}) must be positive")
        with torch.no_grad():
            for parameter in self.network.parameters():
                if parameter.dim() > 1:
                    parameter.mul_(self.init_gain)

    def loss_of(self, batch: dict[str, Tensor]) -> Tensor:
        """Return the loss of a batch."""
        raise NotImplementedError(f"{type(self).__name__} has no loss")

    def describe(self) -> dict[str, Any]:
        """Return plain values from which this task can be rebuilt without its configuration."""
        return {
            "task": self.kind,
            "network": type(self.network).__name__,
            "config": config_of(self.network),
        }

    def check_data(self, about: dict[str, Any]) -> None:
        """Refuse data that the network cannot take, before any work.

        Args:
            about: what the data module's ``describe`` says of the training part.

        Raises:
            ValueError: naming what does not fit, and the option to change.
        """

    def run_callbacks(self, run: RunFolder) -> list[pl.Callback]:
        """Return the callbacks of a training of this task in a run's folder."""
        return [BestCheckpoint(run, *self.monitor)]

    def summarize(self, protocol: Mapping[str, Any]) -> Results:
        """Return what a test writes and prints, after testing.

        Args:
            protocol: what every task's protocol holds: what the data module says of the test part, scale, seed,
                checkpoint and step.
        """
        raise NotImplementedError(f"{type(self).__name__} has no results")

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        """Return the loss of a batch and log it; refuse a loss that is NaN or infinite."""
        loss = self.loss_of(batch)
        if not torch.isfinite(loss):
            raise TrainingDivergedError(f"the loss became {loss.item()} at step {self.global_step}")
        self.log("train_loss", loss, prog_bar=True)
        self.log("learning_rate", self.optimizers().param_groups[0]["lr"])  # type: ignore[union-attr]
        return loss

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """Seed dropout and the like by (seed, epoch, step), so that a resumed run draws the same numbers."""
        seed = getattr(getattr(self.trainer, "datamodule", None), "seed", 0)
        torch.manual_seed(hash((seed, self.current_epoch, batch_idx)) % 2**63)

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Refuse gradients that are NaN or infinite, before they reach the weights."""
        if getattr(self.trainer.precision_plugin, "scaler", None) is not None:
            return  # a gradient scaler expects infinities and skips their steps
        gradients = [p.grad for p in self.parameters() if p.grad is not None]
        if not torch.isfinite(torch.nn.utils.get_total_norm(gradients)):
            raise TrainingDivergedError(f"the gradient became NaN or infinite at step {self.global_step}")

    def configure_optimizers(self) -> Any:
        """Return AdamW, with the chosen schedule."""
        optimizer = torch.optim.AdamW(
            self.parameters(), lr=self.learning_rate, betas=self.betas, weight_decay=self.weight_decay
        )
        if self.schedule == "constant":
            return optimizer
        steps = int(self.trainer.estimated_stepping_batches)
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: cosine_decay(step / steps))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Describe the task and its data in the checkpoint, beside the weights."""
        data = getattr(self.trainer, "datamodule", None)
        checkpoint["framecast"] = {
            **self.describe(),
            "scale": data.value_scale.as_dict() if data is not None else None,
            "data": data.describe("train") if data is not None else {},
        }
