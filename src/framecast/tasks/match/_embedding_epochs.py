"""How an embedding moved while it was trained.

Shape letters: m images, E embedding size.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import lightning.pytorch as pl
import numpy as np

from ._embedded import evenly_spread

if TYPE_CHECKING:
    from ._task import Match

_MOST = 500
EMBEDDING_EPOCHS = "embedding_epochs.npz"


class EmbeddingEpochs(pl.Callback):
    """Keep where some validation images lie after each epoch, in ``embedding_epochs.npz`` in the run's folder.

    Its arrays: ``positions (epochs, m, E)``, ``labels (m,)``, and ``epochs (epochs,)``, the numbers of epochs trained.
    A run that resumes goes on with it.

    Args:
        folder: the run's folder.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / EMBEDDING_EPOCHS

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write the positions so far."""
        if trainer.state.fn != "fit" or trainer.sanity_checking or trainer.fast_dev_run:  # type: ignore[attr-defined]
            return
        if trainer.is_global_zero:
            self._write(trainer.current_epoch + 1, pl_module)  # type: ignore[arg-type]

    def _write(self, epoch: int, task: Match) -> None:
        chosen = evenly_spread(_MOST, task.validated.count)
        positions = task.validated.embeddings.numpy()[None, chosen]
        epochs = np.array([epoch])
        if self.path.is_file():
            with np.load(self.path, allow_pickle=False) as before:
                earlier = before["epochs"] < epoch  # a run that stopped after this epoch's validation makes it anew
                positions = np.concatenate([before["positions"][earlier], positions])
                epochs = np.concatenate([before["epochs"][earlier], epochs])
        part = self.path.with_suffix(".part")
        with part.open("wb") as file:
            labels = task.validated.labels.numpy()[chosen]
            np.savez_compressed(file, allow_pickle=False, positions=positions, labels=labels, epochs=epochs)
        part.replace(self.path)
