"""Samples by class, and batches with equally many samples of several classes.

Shape letters: n samples, K classes.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from torch.utils.data import Sampler

from .._checks import check_positive


class Classes:
    """The samples of each class.

    Args:
        labels: class labels ``(n,)``.
        names: names of the classes by label, for messages.

    Attributes:
        order: samples sorted by class, ``(n,)``.
        starts: first place in ``order`` of each class that occurs, ``(K,)``.
        counts: number of samples of each class that occurs, ``(K,)``.
        number: number of each sample's class among those that occur, ``(n,)``.
        rank: place of each sample within its class, ``(n,)``.
    """

    def __init__(self, labels: np.ndarray, names: Sequence[str] = ()) -> None:
        self.labels, self.number, self.counts = np.unique(labels, return_inverse=True, return_counts=True)
        self.names = names
        self.order = np.argsort(self.number, kind="stable")
        self.starts = np.cumsum(self.counts) - self.counts
        self.rank = np.empty(len(labels), np.int64)
        self.rank[self.order] = np.arange(len(labels)) - self.starts[self.number[self.order]]

    def check(self, classes: int, images: int, purpose: str) -> None:
        """Raise ``ValueError`` if there are fewer classes than ``classes``, or fewer than ``images`` of one."""
        if len(self.counts) < classes:
            raise ValueError(f"{purpose} need at least {classes} classes, but the data have {len(self.counts)}")
        for label, count in zip(self.labels.tolist(), self.counts.tolist(), strict=True):
            if count < images:
                name = self.names[label] if self.names else label
                raise ValueError(
                    f"class {name} has {count} image{'s' * (count > 1)}, but {purpose} need at least {images} of each"
                )

    def check_scored(self, part: str) -> None:
        """Raise ``ValueError`` unless a part has two classes, and two images of one of them."""
        if len(self.counts) < 2 or self.counts.max() < 2:
            raise ValueError(
                f"the {part} part has {self.counts.sum()} images of {len(self.counts)} classes, but it needs two "
                "classes and two images of one of them, or there is nothing to score"
            )


class ClassSampler(Sampler[int]):
    """Positions of samples for batches that hold equally many samples of each of their classes.

    The classes of batch b, and their images, are drawn without replacement by (seed, b). A position stands for the
    sample ``position % len(labels)``, and no position comes twice.

    Args:
        labels: class labels ``(n,)``.
        per_epoch: samples in an epoch, a multiple of the batch size times ``world_size``.
        batch_size: samples in a batch.
        classes_per_batch: classes in a batch.
        names: names of the classes by label, for messages.
        seed: seed of the order.
        start: returns the number of samples that training has read before.
        rank: number of this process among ``world_size``, which share every epoch.
        world_size: number of processes.

    Raises:
        ValueError: if the batch size is not a multiple of the classes, or there are too few classes or images of one.

    Example:
        >>> sampler = ClassSampler(np.array([0, 0, 0, 1, 1, 2, 2]), 8, batch_size=4, classes_per_batch=2, seed=2)
        >>> [position % 7 for position in sampler]
        [0, 1, 4, 3, 6, 5, 0, 2]
    """

    def __init__(
        self,
        labels: np.ndarray,
        per_epoch: int,
        *,
        batch_size: int,
        classes_per_batch: int,
        names: Sequence[str] = (),
        seed: int = 0,
        start: Callable[[], int] = lambda: 0,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        check_positive("classes_per_batch", classes_per_batch)
        if batch_size % classes_per_batch:
            raise ValueError(
                f"`batch_size` (={batch_size}) must be a multiple of `classes_per_batch` (={classes_per_batch})"
            )
        self.images_per_class = batch_size // classes_per_batch
        self.classes = Classes(labels, names)
        self.classes.check(
            classes_per_batch, self.images_per_class, f"batches of {classes_per_batch} x {self.images_per_class} images"
        )
        self.per_epoch, self.batch_size, self.classes_per_batch = per_epoch, batch_size, classes_per_batch
        self.seed, self.start, self.rank, self.world_size = seed, start, rank, world_size

    def __len__(self) -> int:
        return self.per_epoch // self.world_size

    def __iter__(self) -> Iterator[int]:
        first = self.start()
        last = (first // self.per_epoch + 1) * self.per_epoch
        for batch in range(first // self.batch_size + self.rank, last // self.batch_size, self.world_size):
            for place, sample in enumerate(self._samples(batch)):
                yield (batch * self.batch_size + place) * len(self.classes.order) + sample

    def _samples(self, batch: int) -> list[int]:
        random = np.random.default_rng((self.seed, batch))
        classes = self.classes
        chosen = random.choice(len(classes.counts), self.classes_per_batch, replace=False)
        places = [
            classes.starts[number] + random.choice(classes.counts[number], self.images_per_class, replace=False)
            for number in chosen
        ]
        samples: list[int] = classes.order[np.concatenate(places)].tolist()
        return samples
