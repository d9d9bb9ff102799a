"""What the losses of pairs share: checks, arithmetic and reductions.

Shape letters: N pairs, E embedding size.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from ._checks import check_tensors

_HALF_TYPES = (torch.bfloat16, torch.float16)


def norm(vectors: Tensor) -> Tensor:
    r"""Return :math:`\|x\|_2` of vectors ``(N, E)`` as ``(N,)``, with finite first and second derivatives everywhere.

    Where :math:`\|x\|^2` is zero in the vectors' type, the norm and all its derivatives are 0.
    """
    scale, nonzero = scale_of(vectors)
    # The square root is taken of a number from 1 to E: its second derivative divides by the cube, which for a small
    # norm would underflow and give infinity. The scale cancels, so it need not be differentiated.
    squares = (vectors / scale).square().sum(-1)
    return (scale.squeeze(-1) * squares.where(nonzero, 1).sqrt()).where(nonzero, 0)


def scale_of(vectors: Tensor) -> tuple[Tensor, Tensor]:
    """Return the largest absolute value ``(N, 1)`` of each vector, and a bool ``(N,)``, False for a vector of zeros.

    In place of 0, the value for a vector of zeros is 1.
    """
    scale = vectors.detach().abs().amax(-1, keepdim=True)
    nonzero = scale.square() != 0  # True for NaN, which must reach the loss
    return scale.where(nonzero, 1), nonzero.squeeze(-1)


def widen(*vectors: Tensor) -> list[Tensor]:
    """Convert embeddings to their widest type, and at least to float32: differences of near vectors lose digits."""
    wide = vectors[0].dtype
    for x in vectors[1:]:
        wide = torch.promote_types(wide, x.dtype)
    wide = torch.float32 if wide in _HALF_TYPES else wide
    return [x.to(wide) for x in vectors]


def _none(values: Tensor) -> Tensor:
    return values


def _mean(values: Tensor) -> Tensor:
    return values.sum() / max(values.numel(), 1)  # a miner may choose no pair


def _sum(values: Tensor) -> Tensor:
    return values.sum()


def _mean_nonzero(values: Tensor) -> Tensor:
    return values.sum() / (values != 0).sum().clamp(min=1)


REDUCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "none": _none,
    "mean": _mean,
    "sum": _sum,
    "mean_nonzero": _mean_nonzero,
}
"""Reductions by name: functions of the losses ``(N,)`` of all pairs."""


def check_reduction(reduction: str) -> None:
    """Raise ``ValueError`` unless the reduction is known."""
    if reduction not in REDUCTIONS:
        raise ValueError(f"`reduction` (={reduction!r}) must be one of {', '.join(REDUCTIONS)}")


def check_pairs(first: Tensor, second: Tensor, similar: Tensor) -> None:
    """Raise ``ValueError`` unless they are N pairs of embeddings, N and E at least 1, with a label each."""
    check_tensors(first=first, second=second, similar=similar)
    if first.shape != second.shape:
        raise ValueError(
            f"`first` and `second` must have one shape, got {tuple(first.shape)} and {tuple(second.shape)}"
        )
    check_embeddings("first", first)
    check_embeddings("second", second)
    if len(first) == 0:
        raise ValueError(f"`first` and `second` must hold at least one pair, got shape {tuple(first.shape)}")
    if similar.shape != first.shape[:1]:
        raise ValueError(f"`similar` must have shape ({len(first)},), one per pair, got {tuple(similar.shape)}")
    if similar.dtype != torch.bool and _values_are_known():
        _check_similar(similar)


def check_embeddings(name: str, embeddings: Tensor) -> None:
    """Raise ``ValueError`` unless they are floating-point vectors ``(N, E)`` with E at least 1."""
    check_tensors(**{name: embeddings})
    if embeddings.dim() != 2 or embeddings.shape[1] == 0:
        raise ValueError(f"`{name}` must have shape (N, E) with E at least 1, got {tuple(embeddings.shape)}")
    if not embeddings.is_floating_point():
        raise ValueError(f"`{name}` must be of a floating-point type, got {embeddings.dtype}")


def _check_similar(similar: Tensor) -> None:
    valid = (similar >= 0) & (similar <= 1)
    if not valid.all():
        rule = "from 0 to 1" if similar.is_floating_point() else "0 or 1"
        wrong = similar[~valid]
        raise ValueError(f"`similar` must be {rule}, got {len(wrong)} values that are not, the first {wrong[0].item()}")


def _values_are_known() -> bool:
    """Whether code may branch on the values of tensors: not while they are traced or mapped."""
    return not torch.compiler.is_compiling() and torch._C._functorch.peek_interpreter_stack() is None
