"""The order of training: an endless stream of samples, of which each epoch reads the next ones.

Which sample stands at which position follows from the seed alone, so a run that resumes after b batches reads on from
position b * batch_size, whatever happened before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from torch.utils.data import Sampler

_ENDLESS = 2**31


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
