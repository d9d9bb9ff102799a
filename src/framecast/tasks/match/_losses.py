"""The losses of matching by name.

Shape letters: N batch, P pairs, E embedding size.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from framecast.losses import FORMS, BatchContrastiveLoss, ContrastiveLoss, CosineContrastiveLoss, all_pairs

PairLoss = Callable[[Tensor, Tensor, Tensor], Tensor]
"""A loss of the embeddings of both sides ``(P, E)``, of which those marked ``(P,)`` are similar."""
BatchLoss = Callable[[Tensor, Tensor], Tensor]
"""A loss of embeddings ``(N, E)`` and their classes ``(N,)``."""


class _AllPairs(nn.Module):
    """A loss of pairs over all pairs of a batch."""

    def __init__(self, pair_loss: nn.Module) -> None:
        super().__init__()
        self.pair_loss = pair_loss

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        first, second, similar = all_pairs(labels)
        loss: Tensor = self.pair_loss(embeddings[first], embeddings[second], similar)
        return loss


def _contrastive(form: str, margin: float | None, reduction: str, miner: str | None) -> tuple[PairLoss, BatchLoss]:
    margin = 1.0 if margin is None else margin
    return ContrastiveLoss(margin, form, reduction), BatchContrastiveLoss(margin, form, reduction, miner)


def _cosine(form: str, margin: float | None, reduction: str, miner: str | None) -> tuple[PairLoss, BatchLoss]:
    if miner is not None:
        raise ValueError(f"`miner` (={miner!r}) needs `loss` to be a form of contrastive_loss, got {form!r}")
    pair_loss = CosineContrastiveLoss(0.0 if margin is None else margin, reduction)
    return pair_loss, _AllPairs(pair_loss)


MATCH_LOSSES: dict[str, Callable[[str, float | None, str, str | None], tuple[PairLoss, BatchLoss]]] = {
    **dict.fromkeys(FORMS, _contrastive),
    "cosine": _cosine,
}
"""By name, functions of name, margin, reduction and miner that return a loss of pairs and a loss of images."""
