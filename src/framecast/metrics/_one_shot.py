"""One-shot classification: one example of each class, and the nearest one names the class.

Shape letters: N images, E embedding size, W ways (classes in a trial).
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ._neighbours import check_embedded


class OneShotScore(NamedTuple):
    """Result of :func:`one_shot_accuracy`."""

    accuracy: float
    """Share of the queries that get their own class, from 0 to 1; 1 / W by chance."""
    queries: int
    """Number of queries: groups x trials x ways."""
    groups: int
    """Number of groups with enough classes for a trial; 1 without groups."""


def one_shot_accuracy(
    embeddings: Tensor,
    labels: Tensor,
    groups: Tensor | None = None,
    *,
    ways: int,
    trials: int = 20,
    seed: int,
    writers: Tensor | None = None,
) -> OneShotScore:
    """Accuracy of one-shot classification by the nearest embedding.

    In every trial some classes are drawn, and of each class two different images: the support, which is its only
    example, and the query. A query is given the class of the nearest support, by Euclidean distance. `Lake et al. 2015
    <https://doi.org/10.1126/science.aab3050>`_ make 20 trials of 20 ways within each alphabet, with support and query
    by different writers. (They take one writer for all supports of a trial and one for all queries; here the two
    writers are drawn for each class, which also works where classes have no writers in common.)

    Args:
        embeddings: embeddings ``(N, E)`` of the images.
        labels: classes ``(N,)``.
        groups: whole numbers ``(N,)``, the group of each image, for example its alphabet: the classes of a trial are of
            one group, and there are ``trials`` trials for each; a group of fewer classes than ways is left out. None:
            the classes of a trial are drawn from all.
        ways: number of classes in a trial, W.
        trials: number of trials, in each group if there are some.
        seed: a whole number, not negative. The same arguments give the same trials.
        writers: whole numbers ``(N,)``, who drew each image; support and query are by different ones. None: by any.

    Returns:
        The accuracy and the numbers of queries and of groups.

    Raises:
        ValueError: if the shapes do not fit, an embedding is not finite, ways is less than 2 or trials than 1, no
            group has as many classes as ways, a class is in two groups, or has a single image (or writer).

    Example:
        >>> import torch
        >>> embeddings = torch.tensor([[0.0], [0.1], [1.0], [1.1], [2.0], [0.6]])  # two of another class are nearer
        >>> one_shot_accuracy(embeddings, torch.tensor([3, 3, 5, 5, 7, 7]), ways=3, trials=10, seed=0)
        OneShotScore(accuracy=0.6666666666666666, queries=30, groups=1)
    """
    check_embedded("embeddings", embeddings, "labels", labels)
    for name, value, least in (("ways", ways, 2), ("trials", trials, 1)):
        if value < least:
            raise ValueError(f"`{name}` (={value}) must be at least {least}")
    if not embeddings.isfinite().all():
        raise ValueError("`embeddings` must be finite")
    members = _members(labels, *(_per_image(name, x, labels) for name, x in (("groups", groups), ("writers", writers))))
    generator = np.random.default_rng(seed)
    right = queries = 0
    vectors = embeddings.detach().double()
    large = [classes for classes in members.values() if len(classes) >= ways]
    if not large:
        most = max(len(classes) for classes in members.values())
        raise ValueError(f"`ways` (={ways}) must be at most the classes of a group, of which none has more than {most}")
    for classes in large:
        for support, query in _trials(classes, ways, trials, generator):
            # Without matrix products, which lose the digits of small distances.
            distance = torch.cdist(vectors[query], vectors[support], compute_mode="donot_use_mm_for_euclid_dist")
            right += int((distance.argmin(1).cpu() == torch.arange(ways, device="cpu")).sum())
            queries += ways
    return OneShotScore(right / queries, queries, len(large))


class _Images(NamedTuple):
    """The images of one class: their indices and their writers; of unknown writers, a number for each image."""

    indices: np.ndarray
    writers: np.ndarray


def _members(labels: Tensor, groups: np.ndarray | None, writers: np.ndarray | None) -> dict[int, list[_Images]]:
    """Return the classes of each group, both in the order of their numbers."""
    values = labels.cpu().numpy()
    groups = np.zeros_like(values) if groups is None else groups
    writers = np.arange(len(values)) if writers is None else writers
    members: dict[int, list[_Images]] = {int(group): [] for group in np.unique(groups)}
    for label in np.unique(values):
        index = np.flatnonzero(values == label)
        own = np.unique(groups[index])
        if len(own) > 1:
            raise ValueError(f"`groups` must hold each class in one group: class {label} is in {own.tolist()}")
        by = len(np.unique(writers[index]))
        if by < 2:
            rule = "`labels` must hold two images of each class, by different writers where they are known"
            raise ValueError(f"{rule}: class {label} has {len(index)} images by {by} writers")
        members[int(own[0])].append(_Images(index, writers[index]))
    return members


def _trials(
    classes: list[_Images], ways: int, trials: int, generator: np.random.Generator
) -> Iterator[tuple[list[int], list[int]]]:
    """Yield the indices of the supports and of the queries ``(W,)`` of every trial."""
    for _ in range(trials):
        drawn = [classes[k] for k in generator.permutation(len(classes))[:ways]]
        pairs = [_support_and_query(images, generator) for images in drawn]
        yield [support for support, _ in pairs], [query for _, query in pairs]


def _support_and_query(images: _Images, generator: np.random.Generator) -> tuple[int, int]:
    support = generator.integers(len(images.indices))
    others = images.indices[images.writers != images.writers[support]]
    return int(images.indices[support]), int(others[generator.integers(len(others))])


def _per_image(name: str, values: Tensor | None, labels: Tensor) -> np.ndarray | None:
    if values is None:
        return None
    if values.shape != labels.shape:
        raise ValueError(f"`{name}` must have shape ({len(labels)},), one per image, got {tuple(values.shape)}")
    array: np.ndarray = values.cpu().numpy()
    return array
