"""The base of all data modules: loaders for training that can stop anywhere and go on exactly."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import lightning.pytorch as pl
from torch.utils.data import DataLoader, Dataset, Sampler

from framecast.runs import Scale, Split

from ..loading import EpochSampler, ResumableLoader, Sample, Stream


@dataclass(kw_only=True, eq=False, repr=False)
class FramesDataModule(pl.LightningDataModule):
    """Base of the data modules: loaders over three data sets, and exact resumption of training.

    A data module is a dataclass whose fields are its options: an option has its name, type, default and description
    in one class, and the constructors and commands of all subclasses take it from there.

    A subclass's ``setup`` sets ``train_set``, ``val_set`` and ``test_set`` (whose items are dicts of tensors),
    ``value_scale`` and perhaps ``augment``, a function of a sample and a key; ``items`` names the items in messages.

    Args:
        batch_size: items in a batch of training: sequences, images or pairs.
        val_batch_size: items in a batch of validation and test. Default: as in training.
        workers: processes that prepare batches; 0 prepares them in the main process.
        seed: seed of all that is random in the data: split, order, pairs, augmentation.
        train_batches_per_epoch: batches in an epoch. Default: as many as it takes to read the training part once, or
            as the data say.

    Raises:
        ValueError: if a number is out of its range.
    """

    batch_size: int = 8
    val_batch_size: int | None = None
    workers: int = 0
    seed: int = 0
    train_batches_per_epoch: int | None = None

    train_set: Any = field(init=False)
    val_set: Any = field(init=False)
    test_set: Any = field(init=False)
    value_scale: Scale = field(init=False)
    augment: Any = field(init=False, default=None)
    items: str = field(init=False, default="sequences")

    def __post_init__(self) -> None:
        super().__init__()
        for name, value, least in (
            ("batch_size", self.batch_size, 1),
            ("val_batch_size", self.val_batch_size, 1),
            ("workers", self.workers, 0),
            ("seed", self.seed, 0),
            ("train_batches_per_epoch", self.train_batches_per_epoch, 1),
        ):
            if value is not None and value < least:
                raise ValueError(f"`{name}` (={value}) must be at least {least}")

    def use_scale(self, scale: Scale) -> None:
        """Take a checkpoint's scale, where :meth:`setup` would fit one. Call before it."""

    def split(self) -> Split | None:
        """Return which files are training, validation and test; None where no folder of a user's is read.

        Call only after :meth:`setup`.
        """
        return None

    def use_split(self, split: Split) -> None:
        """Take the split that a run recorded, where :meth:`setup` would make one. Call before it."""

    def describe(self, split: str) -> dict[str, Any]:
        """Say what the data of a split are, for the protocol of scores: ``data`` in words, ``frame_size``, ..."""
        raise NotImplementedError(f"{type(self).__name__} does not describe its data")

    def train_dataloader(self) -> DataLoader[Sample]:
        """Return batches of one epoch, from where training stands."""
        rank, world_size = (self.trainer.global_rank, self.trainer.world_size) if self.trainer is not None else (0, 1)
        step = self.batch_size * world_size
        available = self._epoch_length()
        batches = self.train_batches_per_epoch or available // step
        if batches == 0:
            raise ValueError(
                f"the training part has {available} {self.items}, fewer than `batch_size` (={self.batch_size})"
                + f" on each of {world_size} devices" * (world_size > 1)
            )
        sampler = self._sampler(batches * step, lambda: self._batches_read(batches) * step, rank, world_size)
        return ResumableLoader(self._stream(), self.batch_size, sampler=sampler, **self._loader_options())

    def val_dataloader(self) -> DataLoader[Sample]:
        """Return batches of the validation set, in order."""
        return self._in_order(self.val_set)

    def test_dataloader(self) -> DataLoader[Sample] | list[DataLoader[Sample]]:
        """Return batches of the test set, in order."""
        return self._in_order(self.test_set)

    def _epoch_length(self) -> int:
        """Count the samples in one pass over the training part."""
        return len(self.train_set)

    def _sampler(self, per_epoch: int, start: Callable[[], int], rank: int, world_size: int) -> Sampler[int]:
        """Return the order of training: positions p that stand for the sample ``p % len(train_set)``."""
        return EpochSampler(
            len(self.train_set), per_epoch, seed=self.seed, start=start, rank=rank, world_size=world_size
        )

    def _stream(self) -> Dataset[Sample]:
        """Return training samples by position."""
        return Stream(self.train_set, self.augment)

    def _in_order(self, samples: Any) -> DataLoader[Sample]:
        return DataLoader(samples, self.val_batch_size or self.batch_size, **self._loader_options())

    def _loader_options(self) -> dict[str, Any]:
        return {"num_workers": self.workers, "persistent_workers": self.workers > 0}

    def _batches_read(self, per_epoch: int) -> int:
        """Count the batches that training has used so far, from the number of optimizer steps."""
        if self.trainer is None:
            return 0
        limit = self.trainer.limit_train_batches
        used = min(per_epoch, limit) if isinstance(limit, int) else int(per_epoch * (1.0 if limit is None else limit))
        accumulated = self.trainer.accumulate_grad_batches
        steps_per_epoch = max(1, -(-used // accumulated))
        epoch, steps = divmod(self.trainer.global_step, steps_per_epoch)
        return epoch * per_epoch + min(steps * accumulated, used)
