"""Losses between predicted and true frames.

Shape letters: N batch, T time, C channels, H height, W width.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ._checks import check_tensors


def frame_cross_entropy(logits: Tensor, target: Tensor, mask: Tensor | None = None, reduction: str = "mean") -> Tensor:
    r"""Binary cross-entropy of every pixel, from logits.

    .. math:: -t \log \sigma(x) - (1 - t) \log (1 - \sigma(x))

    for a logit :math:`x` and a target :math:`t`, as in `Shi et al. 2015 <https://arxiv.org/abs/1506.04214>`_. Targets
    are clamped to [0, 1], because beyond it (a value beyond a fitted scale) the cross-entropy has no lower bound.

    Args:
        logits: the model's output ``(N, T, C, H, W)``. If its type is narrower than the target's, it is widened.
        target: true frames ``(N, T, C, H, W)`` in unit scale.
        mask: bool ``(N, T, C, H, W)``, True where a pixel counts; default: everywhere. The values of other
            pixels, also NaN, affect neither the loss nor a gradient.
        reduction: ``"mean"`` over the pixels that count; ``"frame_sum"``, the sum over the pixels of a frame, averaged
            over the frames that have a pixel that counts; or ``"none"``, the value of every pixel, 0 where it does not
            count.

    Returns:
        A scalar, 0 with zero gradient if no pixel counts; with ``"none"`` ``(N, T, C, H, W)``.

    Raises:
        ValueError: if the shapes differ or are not five-dimensional, the mask is not bool or the reduction is unknown.

    Example:
        >>> import torch
        >>> logits, target = torch.zeros(2, 3, 1, 4, 4), torch.ones(2, 3, 1, 4, 4)
        >>> frame_cross_entropy(logits, target)  # log 2 for every pixel
        tensor(0.6931)
        >>> frame_cross_entropy(logits, target, reduction="frame_sum")  # 16 of them in a frame
        tensor(11.0904)
    """
    return _masked_loss(_pixel_cross_entropy, logits, target, mask, reduction)


def frame_mse(prediction: Tensor, target: Tensor, mask: Tensor | None = None, reduction: str = "mean") -> Tensor:
    r"""Squared error of every pixel, :math:`(x - t)^2` for a prediction :math:`x` and a target :math:`t`.

    Args:
        prediction: the model's output ``(N, T, C, H, W)``. If its type is narrower than the target's, it is widened.
        target: true frames ``(N, T, C, H, W)`` in unit scale.
        mask: as for :func:`frame_cross_entropy`.
        reduction: as for :func:`frame_cross_entropy`.

    Returns:
        As for :func:`frame_cross_entropy`.

    Raises:
        ValueError: as for :func:`frame_cross_entropy`.

    Example:
        >>> import torch
        >>> prediction, target = torch.zeros(2, 3, 1, 4, 4), torch.ones(2, 3, 1, 4, 4)
        >>> frame_mse(prediction, target, reduction="frame_sum")
        tensor(16.)
    """
    return _masked_loss(_pixel_squared_error, prediction, target, mask, reduction)


class FrameLoss(nn.Module):
    """Base of the losses between frames; a subclass sets the two class attributes.

    Args:
        reduction: as for :func:`frame_cross_entropy`.
    """

    function: Callable[..., Tensor]
    """Loss from a model's output, target, mask and reduction."""
    link: Callable[[Tensor], Tensor]
    """Function from a model's output to frames in unit scale."""

    def __init__(self, reduction: str = "mean") -> None:
        super().__init__()
        _check_reduction(reduction)
        self.reduction = reduction

    def forward(self, output: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the loss of a model's output ``(N, T, C, H, W)``."""
        return self.function(output, target, mask, self.reduction)

    def to_prediction(self, output: Tensor) -> Tensor:
        """Return the frames in unit scale that the output of a model trained with this loss stands for."""
        return self.link(output)

    def extra_repr(self) -> str:
        """Show the reduction in the module's ``repr``."""
        return f"reduction={self.reduction!r}"


class FrameCrossEntropy(FrameLoss):
    """Module of :func:`frame_cross_entropy`; the model's output is logits, whose sigmoid is the frames.

    Example:
        >>> import torch
        >>> loss = FrameCrossEntropy()
        >>> logits = torch.zeros(2, 3, 1, 4, 4)
        >>> loss(logits, torch.ones(2, 3, 1, 4, 4))
        tensor(0.6931)
        >>> loss.to_prediction(logits).unique()
        tensor([0.5000])
    """

    function = staticmethod(frame_cross_entropy)
    link = staticmethod(torch.sigmoid)


class FrameMSE(FrameLoss):
    """Module of :func:`frame_mse`; the model's output is the frames themselves.

    Example:
        >>> import torch
        >>> loss = FrameMSE(reduction="frame_sum")
        >>> loss(torch.zeros(2, 3, 1, 4, 4), torch.ones(2, 3, 1, 4, 4))
        tensor(16.)
    """

    function = staticmethod(frame_mse)
    link = staticmethod(torch.nn.Identity())


LOSSES: dict[str, type[FrameLoss]] = {"cross_entropy": FrameCrossEntropy, "mse": FrameMSE}
"""The losses between frames by the names that configurations use."""


def _pixel_cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    return F.binary_cross_entropy_with_logits(logits, target.clamp(0, 1), reduction="none")


def _pixel_squared_error(prediction: Tensor, target: Tensor) -> Tensor:
    return F.mse_loss(prediction, target, reduction="none")


def _mean(values: Tensor, mask: Tensor) -> Tensor:
    return values.sum() / mask.sum().clamp(min=1)


def _frame_sum(values: Tensor, mask: Tensor) -> Tensor:
    return values.sum() / mask.flatten(2).any(2).sum().clamp(min=1)


def _none(values: Tensor, mask: Tensor) -> Tensor:
    return values


_REDUCTIONS = {"mean": _mean, "frame_sum": _frame_sum, "none": _none}


def _masked_loss(
    pixel_loss: Callable[[Tensor, Tensor], Tensor],
    output: Tensor,
    target: Tensor,
    mask: Tensor | None,
    reduction: str,
) -> Tensor:
    _check_reduction(reduction)
    check_tensors(output=output, target=target)
    mask = torch.ones_like(target, dtype=torch.bool) if mask is None else mask
    check_tensors(mask=mask)
    _check_frames(output, target, mask)
    output = output.to(torch.promote_types(output.dtype, target.dtype))
    # A mask on the result alone is not enough: in the backward pass the derivative of a NaN, times zero, is NaN.
    values = pixel_loss(output.where(mask, 0), target.where(mask, 0))
    return _REDUCTIONS[reduction](values.where(mask, 0), mask)


def _check_reduction(reduction: str) -> None:
    if reduction not in _REDUCTIONS:
        raise ValueError(f"`reduction` (={reduction!r}) must be one of {', '.join(_REDUCTIONS)}")


def _check_frames(output: Tensor, target: Tensor, mask: Tensor) -> None:
    if target.ndim != 5:
        raise ValueError(f"`target` must have shape (N, T, C, H, W), got {tuple(target.shape)}")
    if output.shape != target.shape:
        shapes = f"{tuple(output.shape)} and {tuple(target.shape)}"
        raise ValueError(f"the model's output and `target` must have one shape, got {shapes}")
    if mask.dtype != torch.bool or mask.shape != target.shape:
        received = f"{mask.dtype} {tuple(mask.shape)}"
        raise ValueError(f"`mask` must be bool with the shape {tuple(target.shape)} of `target`, got {received}")
