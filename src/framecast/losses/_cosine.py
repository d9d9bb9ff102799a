"""Contrastive loss of the angle between two embeddings.

Shape letters: N pairs, E embedding size.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from ._pairs import REDUCTIONS, check_pairs, check_reduction, scale_of, widen


def cosine_contrastive_loss(
    first: Tensor, second: Tensor, similar: Tensor, *, margin: float = 0.0, reduction: str = "mean"
) -> Tensor:
    r"""Contrastive loss of the angle between two embeddings, whatever their lengths.

    .. math:: y (1 - \cos(a, b)) + (1 - y) \max(0, \cos(a, b) - m)

    for the embeddings :math:`a` and :math:`b` of a pair, the label :math:`y` (1 = similar) and the margin :math:`m`.
    Unlike :class:`torch.nn.CosineEmbeddingLoss` it takes soft labels, has second derivatives, and is exactly 0 for two
    equal embeddings. The cosine with a vector of zeros is 0, and so are its derivatives.

    Args:
        first: embeddings ``(N, E)`` of the first side.
        second: embeddings ``(N, E)`` of the second side.
        similar: ``(N,)``, as for :func:`contrastive_loss`.
        margin: cosine up to which dissimilar pairs cost nothing, from -1 to 1.
        reduction: as for :func:`contrastive_loss`.

    Returns:
        As for :func:`contrastive_loss`.

    Raises:
        ValueError: as for :func:`contrastive_loss`; if the margin is not from -1 to 1.

    Example:
        >>> import torch
        >>> first, second = torch.tensor([[1.0, 0.0], [1.0, 0.0]]), torch.tensor([[0.0, 2.0], [0.6, 0.8]])
        >>> similar = torch.tensor([True, False])  # cosines 0 and 0.6
        >>> cosine_contrastive_loss(first, second, similar, margin=0.5, reduction="none")
        tensor([1.0000, 0.1000])
    """
    _check_options(margin, reduction)
    check_pairs(first, second, similar)
    first, second = widen(first, second)
    similar = similar.to(first.dtype)
    gap = _one_minus_cosine(first, second)
    return REDUCTIONS[reduction](similar * gap + (1 - similar) * F.relu(1 - margin - gap))


class CosineContrastiveLoss(nn.Module):
    """Module of :func:`cosine_contrastive_loss`.

    Args:
        margin: as for :func:`cosine_contrastive_loss`.
        reduction: as for :func:`cosine_contrastive_loss`.

    Raises:
        ValueError: as for :func:`cosine_contrastive_loss`.

    Example:
        >>> import torch
        >>> loss = CosineContrastiveLoss()
        >>> loss(torch.tensor([[3.0, 4.0]]), torch.tensor([[6.0, 8.0]]), torch.tensor([1]))
        tensor(0.)
    """

    def __init__(self, margin: float = 0.0, reduction: str = "mean") -> None:
        super().__init__()
        _check_options(margin, reduction)
        self.margin, self.reduction = margin, reduction

    def forward(self, first: Tensor, second: Tensor, similar: Tensor) -> Tensor:
        """Return the loss of pairs of embeddings ``(N, E)`` with labels ``(N,)``."""
        return cosine_contrastive_loss(first, second, similar, margin=self.margin, reduction=self.reduction)

    def extra_repr(self) -> str:
        """Show the options in the module's ``repr``."""
        return f"margin={self.margin}, reduction={self.reduction!r}"


def _one_minus_cosine(first: Tensor, second: Tensor) -> Tensor:
    # Half the squared difference of the directions equals 1 - cos, and is precise where the directions nearly agree.
    sides, nonzero = zip(*(_direction(x) for x in (first, second)), strict=True)
    return ((sides[0] - sides[1]).square().sum(-1) / 2).where(nonzero[0] & nonzero[1], 1)


def _direction(vectors: Tensor) -> tuple[Tensor, Tensor]:
    """Return the directions x / ||x|| ``(N, E)`` of vectors, and a bool ``(N,)``, False for a vector of zeros."""
    scale, nonzero = scale_of(vectors)
    scaled = vectors / scale  # has the same direction, and no number under the root underflows
    squares = scaled.square().sum(-1, keepdim=True)
    return scaled / squares.where(nonzero.unsqueeze(-1), 1).sqrt(), nonzero


def _check_options(margin: float, reduction: str) -> None:
    if not -1 <= margin <= 1:
        raise ValueError(f"`margin` (={margin}) must be from -1 to 1")
    check_reduction(reduction)
