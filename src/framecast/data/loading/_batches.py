"""Whole batches at once: much quicker than one sample after the other if the data are in memory."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from torch import Tensor
from torch.utils.data import Dataset, default_collate

Batch = dict[str, Tensor]
BatchAugmentation = Callable[[Batch, np.ndarray], Batch]


class Batches(Dataset[Batch]):
    """A data set by position in the endless stream of training; augmented by position, a batch at a time.

    For a ``DataLoader`` with ``collate_fn=as_it_is``. A sample is the same whichever others are in its batch.

    Args:
        samples: the data set; with a method ``batch(indices)``, or of items that are dicts or (image, label).
        augment: a function of a batch and its positions int64 ``(N,)``.
    """

    def __init__(self, samples: Any, augment: BatchAugmentation | None = None) -> None:
        self.samples, self.augment = samples, augment

    def __len__(self) -> int:
        return len(self.samples)

    def __getitems__(self, positions: Sequence[int]) -> Batch:
        """Read the samples at these positions, stacked."""
        keys = np.asarray(positions, np.int64)
        batch = gather(self.samples, keys % len(self.samples))
        return batch if self.augment is None else self.augment(batch, keys)


def as_it_is(batch: Batch) -> Batch:
    """Return a batch unchanged: :class:`Batches` has collated it."""
    return batch


def gather(samples: Any, indices: np.ndarray) -> Batch:
    """Read samples of any data set as one batch."""
    if hasattr(samples, "batch"):
        batch: Batch = samples.batch(indices)
        return batch
    return default_collate([_as_dict(samples[int(index)]) for index in indices])


def labels_of(samples: Any) -> np.ndarray:
    """Return the class labels int64 ``(n,)`` of a labelled data set: its ``labels``, ``targets``, or item by item."""
    for name in ("labels", "targets"):
        if hasattr(samples, name):
            return np.asarray(getattr(samples, name), np.int64)
    return np.array([int(_as_dict(samples[index])["label"]) for index in range(len(samples))], np.int64)


def _as_dict(sample: Any) -> dict[str, Any]:
    return sample if isinstance(sample, dict) else {"image": sample[0], "label": sample[1]}
