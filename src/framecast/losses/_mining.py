"""Pairs from class labels, and the contrastive loss of the pairs within one batch.

Shape letters: N pairs, B embeddings in a batch, E embedding size.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from framecast._extras import require

from ._checks import check_tensors
from ._contrastive import FORMS, check_options
from ._pairs import REDUCTIONS, check_embeddings, widen

Miner = Callable[[Tensor, Tensor], tuple[Tensor, ...]]
"""Function of embeddings ``(B, E)`` and labels ``(B,)`` that returns indices of pairs or triplets, as the miners of
pytorch-metric-learning do."""


def pairs_from_labels(first_label: Tensor, second_label: Tensor) -> Tensor:
    """Return whether each pair is similar, that is, whether both its sides are of one class.

    Args:
        first_label: classes ``(N,)`` of the first side.
        second_label: classes ``(N,)`` of the second side.

    Returns:
        Bool ``(N,)``, as the losses take it.

    Raises:
        ValueError: if the shapes differ or are not ``(N,)``.

    Example:
        >>> import torch
        >>> pairs_from_labels(torch.tensor([3, 7]), torch.tensor([3, 1]))
        tensor([ True, False])
    """
    check_tensors(first_label=first_label, second_label=second_label)
    if first_label.dim() != 1 or first_label.shape != second_label.shape:
        shapes = f"{tuple(first_label.shape)} and {tuple(second_label.shape)}"
        raise ValueError(f"`first_label` and `second_label` must both have shape (N,), got {shapes}")
    return first_label == second_label


def all_pairs(labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return every pair of a batch, once.

    Args:
        labels: classes ``(B,)``.

    Returns:
        Indices ``(N,)`` of the first and of the second side, where N = B (B - 1) / 2 and the first index is the
        smaller one; and bool ``(N,)``, whether both sides are of one class.

    Raises:
        ValueError: if the shape is not ``(B,)`` or B is less than 2.

    Example:
        >>> import torch
        >>> all_pairs(torch.tensor([5, 5, 8]))
        (tensor([0, 0, 1]), tensor([1, 2, 2]), tensor([ True, False, False]))
    """
    check_tensors(labels=labels)
    if labels.dim() != 1 or len(labels) < 2:
        raise ValueError(f"`labels` must have shape (B,) with B at least 2, got {tuple(labels.shape)}")
    i, j = torch.triu_indices(len(labels), len(labels), 1, device=labels.device)
    return i, j, labels[i] == labels[j]


def contrastive_loss_of_batch(
    embeddings: Tensor,
    labels: Tensor,
    *,
    margin: float = 1.0,
    form: str = "hadsell2006",
    reduction: str = "mean_nonzero",
    miner: str | Miner | None = None,
) -> Tensor:
    """Contrastive loss of the pairs within one batch: all of them, or those that a miner chooses.

    The losses are those of :func:`contrastive_loss`. A pair is similar if both its sides are of one class. It counts
    once, however often a miner names it.

    Args:
        embeddings: embeddings ``(B, E)``.
        labels: classes ``(B,)``.
        margin: as for :func:`contrastive_loss`.
        form: as for :func:`contrastive_loss`.
        reduction: as for :func:`contrastive_loss`. Most pairs of a batch are dissimilar, and late in training beyond
            the margin, where they cost nothing: ``"mean_nonzero"`` leaves them out of the mean.
        miner: None for all pairs; a miner of pytorch-metric-learning, or a function of the same arguments and results;
            or the name of a miner, which then has its default options (they measure distances between normalised
            embeddings).

    Returns:
        As for :func:`contrastive_loss`; 0 if the miner chooses no pair.

    Raises:
        ValueError: as for :func:`contrastive_loss`; if B is less than 2, or there is no miner of that name.
        ImportError: if a miner is named and pytorch-metric-learning is not installed.

    Example:
        >>> import torch
        >>> embeddings, labels = torch.tensor([[0.0], [0.2], [0.6]]), torch.tensor([5, 5, 8])
        >>> contrastive_loss_of_batch(embeddings, labels, reduction="none")  # at distances 0.2, 0.6 and 0.4
        tensor([0.0200, 0.0800, 0.1800])
    """
    check_options(margin, form, reduction)
    check_embeddings("embeddings", embeddings)
    check_tensors(labels=labels)
    if labels.shape != embeddings.shape[:1]:
        raise ValueError(f"`labels` must have shape ({len(embeddings)},), one per embedding, got {tuple(labels.shape)}")
    (embeddings,) = widen(embeddings)
    i, j, similar = all_pairs(labels)
    miner = _miner(miner)
    if miner is not None:
        chosen = _mined_pairs(miner, embeddings, labels)[i, j]
        i, j, similar = i[chosen], j[chosen], similar[chosen]
    difference = embeddings.index_select(0, i) - embeddings.index_select(0, j)
    return REDUCTIONS[reduction](FORMS[form](difference, similar.to(embeddings.dtype), margin))


class BatchContrastiveLoss(nn.Module):
    """Module of :func:`contrastive_loss_of_batch`.

    Args:
        margin: as for :func:`contrastive_loss_of_batch`.
        form: as for :func:`contrastive_loss_of_batch`.
        reduction: as for :func:`contrastive_loss_of_batch`.
        miner: as for :func:`contrastive_loss_of_batch`.

    Raises:
        ValueError: as for :func:`contrastive_loss_of_batch`.

    Example:
        >>> import torch
        >>> loss = BatchContrastiveLoss(miner="BatchHardMiner")
        >>> embeddings = torch.tensor([[1.0, 0.0], [0.6, 0.8], [0.8, 0.6], [0.0, 1.0]])
        >>> loss(embeddings, torch.tensor([5, 5, 8, 8]))
        tensor(0.2384)
    """

    def __init__(
        self,
        margin: float = 1.0,
        form: str = "hadsell2006",
        reduction: str = "mean_nonzero",
        miner: str | Miner | None = None,
    ) -> None:
        super().__init__()
        check_options(margin, form, reduction)
        self.margin, self.form, self.reduction, self.miner = margin, form, reduction, _miner(miner)

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Return the loss of embeddings ``(B, E)`` with classes ``(B,)``."""
        return contrastive_loss_of_batch(
            embeddings,
            labels,
            margin=self.margin,
            form=self.form,
            reduction=self.reduction,
            miner=self.miner,
        )

    def extra_repr(self) -> str:
        """Show the options in the module's ``repr``."""
        return f"margin={self.margin}, form={self.form!r}, reduction={self.reduction!r}"


def _miner(miner: str | Miner | None) -> Miner | None:
    """Return the miner of a name, with its default options; anything else as it is."""
    if not isinstance(miner, str):
        return miner
    miners: Any = require("pytorch_metric_learning.miners", "train", "mining of pairs")
    names = [name for name, kind in vars(miners).items() if isinstance(kind, type) and name != "BaseMiner"]
    if miner not in names:
        raise ValueError(f"`miner` (={miner!r}) must be one of {', '.join(sorted(names))}")
    instance: Miner = getattr(miners, miner)()
    return instance


def _mined_pairs(miner: Miner, embeddings: Tensor, labels: Tensor) -> Tensor:
    """Return a symmetric bool ``(B, B)``, True where the miner chooses the pair of the row and the column."""
    anchor, positive, *others = miner(embeddings.detach(), labels)
    other, negative = others if len(others) == 2 else (anchor, *others)  # pairs of both kinds, or triplets
    chosen = torch.zeros(len(labels), len(labels), dtype=torch.bool, device=labels.device)
    chosen[anchor, positive] = chosen[other, negative] = True
    return chosen | chosen.T
