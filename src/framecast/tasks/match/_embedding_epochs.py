"""How an embedding moved while it was trained.

Shape letters: m images, E embedding size.
"""

from __future__ import annotations

from typing import Protocol

import lightning.pytorch as pl
import numpy as np

from framecast.runs import RunFolder

from .._evenly import evenly_spread
from ._embedded import Embedded

_MOST = 500


class _Validated(Protocol):
    """A task that embeds the validation images."""

    validated: Embedded


class EmbeddingEpochs(pl.Callback):
    """Keep where some validation images lie after each epoch, in ``embedding_epochs.npz`` in the run's folder.

    Its arrays: ``positions (epochs, m, E)``, ``labels (m,)``, and ``epochs (epochs,)``, the numbers of epochs trained.
    A run that resumes goes on with it.

    Args:
        run: the run's folder.
    """

    def __init__(self, run: RunFolder) -> None:
        self.run = run

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write the positions so far."""
        if trainer.state.fn != "fit" or trainer.sanity_checking or trainer.fast_dev_run:  # type: ignore[attr-defined]
            return
        if trainer.is_global_zero:
            self._write(trainer.current_epoch + 1, pl_module)  # type: ignore[arg-type]

    def _write(self, epoch: int, task: _Validated) -> None:
        chosen = evenly_spread(_MOST, task.validated.count)
        positions = task.validated.embeddings.numpy()[None, chosen]
        epochs = np.array([epoch])
        before = self.run.read_embedding_epochs("positions", "epochs")
        if before is not None:
            earlier = before["epochs"] < epoch  # a run that stopped after this epoch's validation makes it anew
            positions = np.concatenate([before["positions"][earlier], positions])
            epochs = np.concatenate([before["epochs"][earlier], epochs])
        labels = task.validated.labels.numpy()[chosen]
        self.run.write_embedding_epochs({"positions": positions, "labels": labels, "epochs": epochs})
