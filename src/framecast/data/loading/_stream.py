"""Training samples by position, and the loader that reads on where training stands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset

Sample = dict[str, torch.Tensor]
Augmentation = Callable[[Sample, int], Sample]


class Stream(Dataset[Sample]):
    """A data set by position in the endless stream, augmented by (seed, position).

    Args:
        samples: the data set; position p is its item ``p % len(samples)``.
        augment: a function of a sample and its position.
    """

    def __init__(self, samples: Any, augment: Augmentation | None) -> None:
        self.samples, self.augment = samples, augment

    def __getitem__(self, position: int) -> Sample:
        sample: Sample = self.samples[position % len(self.samples)]
        return sample if self.augment is None else self.augment(sample, position)


class ResumableLoader(DataLoader[Sample]):
    """A loader whose sampler knows where to go on; the loader has no state of its own to save."""

    def __iter__(self) -> Any:
        """Begin to read only when the first batch is asked for: before that, training may not know where it stands."""
        yield from super().__iter__()

    def state_dict(self) -> dict[str, Any]:
        """Return an empty state."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Ignore a state."""
