"""Loaders for training that can stop anywhere and go on exactly, and the base of all data modules.

Training reads one endless stream of samples. Which sample stands at which position follows from the seed alone, so a
run that resumes after b batches reads on from position b * batch_size, whatever happened before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from framecast.runs import Scale, Split

_ENDLESS = 2**31
Sample = dict[str, torch.Tensor]
Augmentation = Callable[[Sample, int], Sample]


class EpochSampler(Sampler[int]):
    """Positions in an endless stream of samples, one epoch at a time.

    Position p is sample ``p % length`` of pass ``p // length``; every pass is shuffled by (seed, pass). A data set of
    more than 2**31 samples (one that makes them up) is read in order and never ends.

    Args:
        length: samples in the data set.
        per_epoch: samples in an epoch.
        seed: seed of the order.
        start: returns the number of samples that training has read before.
        rank: number of this process among ``world_size``, which share every epoch.
        world_size: number of processes.

    Example:
        >>> list(EpochSampler(3, 4, seed=0, start=lambda: 0)), list(EpochSampler(3, 4, seed=0, start=lambda: 6))
        ([2, 0, 1, 5], [8, 7])
    """

    def __init__(
        self,
        length: int,
        per_epoch: int,
        *,
        seed: int = 0,
        start: Callable[[], int] = lambda: 0,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        self.length, self.per_epoch, self.seed, self.start = length, per_epoch, seed, start
        self.rank, self.world_size = rank, world_size

    def __len__(self) -> int:
        return self.per_epoch // self.world_size

    def __iter__(self) -> Iterator[int]:
        first = self.start()
        last = (first // self.per_epoch + 1) * self.per_epoch
        order, shuffled = None, -1
        for position in range(first + self.rank, last, self.world_size):
            if self.length > _ENDLESS:
                yield position
                continue
            turn, place = divmod(position, self.length)
            if turn != shuffled:
                order, shuffled = np.random.default_rng((self.seed, turn)).permutation(self.length), turn
            assert order is not None
            yield turn * self.length + int(order[place])


class _Stream(Dataset[Sample]):
    """A data set by position in the endless stream, augmented by (seed, position)."""

    def __init__(self, samples: Any, augment: Augmentation | None) -> None:
        self.samples, self.augment = samples, augment

    def __getitem__(self, position: int) -> Sample:
        sample: Sample = self.samples[position % len(self.samples)]
        return sample if self.augment is None else self.augment(sample, position)


class _ResumableLoader(DataLoader[Sample]):
    """A loader whose sampler knows where to go on; it has no state of its own to save."""

    def __iter__(self) -> Any:
        """Begin to read only when the first batch is asked for: before that, training may not know where it stands."""
        yield from super().__iter__()

    def state_dict(self) -> dict[str, Any]:
        """Nothing."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Nothing."""


class FramesDataModule(pl.LightningDataModule):
    """Base of the data modules: loaders over three data sets, and exact resumption of training.

    A subclass's ``setup`` sets ``train_set``, ``val_set``, ``test_set`` (whose items are dicts of tensors),
    ``augment`` (None, or a function of a sample and a key) and ``scale``; ``items`` names the items in messages.

    Args:
        batch_size: sequences in a batch.
        val_batch_size: sequences in a batch of validation and test; None for ``batch_size``.
        workers: processes that prepare batches; 0 prepares them in the main process.
        seed: seed of data, order and augmentation.
        train_batches_per_epoch: batches in an epoch; None for one pass over the training set.

    Raises:
        ValueError: if a number is out of range.
    """

    train_set: Any
    val_set: Any
    test_set: Any
    scale: Scale
    items = "sequences"

    def __init__(
        self,
        *,
        batch_size: int = 8,
        val_batch_size: int | None = None,
        workers: int = 0,
        seed: int = 0,
        train_batches_per_epoch: int | None = None,
    ) -> None:
        super().__init__()
        for name, value, least in (
            ("batch_size", batch_size, 1),
            ("val_batch_size", val_batch_size, 1),
            ("workers", workers, 0),
            ("seed", seed, 0),
            ("train_batches_per_epoch", train_batches_per_epoch, 1),
        ):
            if value is not None and value < least:
                raise ValueError(f"`{name}` (={value}) must be at least {least}")
        self.batch_size, self.workers, self.seed = batch_size, workers, seed
        self.val_batch_size = val_batch_size or batch_size
        self.train_batches_per_epoch = train_batches_per_epoch
        self.augment: Augmentation | None = None

    def use_scale(self, scale: Scale) -> None:
        """Take a checkpoint's scale, where a data set would fit one of its own."""

    def split(self) -> Split | None:
        """Return which files are training, validation and test; None where no folder of a user's is read.

        Call only after :meth:`setup`.
        """
        return None

    def use_split(self, split: Split) -> None:
        """Take the split that a run recorded, where :meth:`setup` would make one."""

    def describe(self, split: str) -> dict[str, Any]:
        """What a score's protocol says of the data: ``data`` in words, ``input_frames``, ``horizon``, ..."""
        raise NotImplementedError(f"{type(self).__name__} does not describe its data")

    def train_dataloader(self) -> DataLoader[Sample]:
        """Batches of one epoch, from where training stands."""
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
        return _ResumableLoader(self._stream(), self.batch_size, sampler=sampler, **self._loader_options())

    def val_dataloader(self) -> DataLoader[Sample]:
        """Batches of the validation set, in order."""
        return self._in_order(self.val_set)

    def test_dataloader(self) -> DataLoader[Sample] | list[DataLoader[Sample]]:
        """Batches of the test set, in order."""
        return self._in_order(self.test_set)

    def _epoch_length(self) -> int:
        """Samples in one pass over the training part."""
        return len(self.train_set)

    def _sampler(self, per_epoch: int, start: Callable[[], int], rank: int, world_size: int) -> Sampler[int]:
        """The order of training: positions p that stand for the sample ``p % len(train_set)``."""
        return EpochSampler(
            len(self.train_set), per_epoch, seed=self.seed, start=start, rank=rank, world_size=world_size
        )

    def _stream(self) -> Dataset[Sample]:
        """Training samples by position."""
        return _Stream(self.train_set, self.augment)

    def _in_order(self, samples: Any) -> DataLoader[Sample]:
        return DataLoader(samples, self.val_batch_size, **self._loader_options())

    def _loader_options(self) -> dict[str, Any]:
        return {"num_workers": self.workers, "persistent_workers": self.workers > 0}

    def _batches_read(self, per_epoch: int) -> int:
        """Batches that training has used so far, from the number of optimizer steps."""
        if self.trainer is None:
            return 0
        limit = self.trainer.limit_train_batches
        used = min(per_epoch, limit) if isinstance(limit, int) else int(per_epoch * (1.0 if limit is None else limit))
        accumulated = self.trainer.accumulate_grad_batches
        steps_per_epoch = max(1, -(-used // accumulated))
        epoch, steps = divmod(self.trainer.global_step, steps_per_epoch)
        return epoch * per_epoch + min(steps * accumulated, used)
