"""Scores of single frames.

Shape letters: N batch, T time, C channels, H height, W width.
"""

import torch
from torch import Tensor


def mse(prediction: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
    r"""Squared error summed over a frame's pixels and channels, as published for Moving MNIST.

    .. math:: \sum_{c, h, w} (p - t)^2

    Args:
        prediction: predicted frames ``(N, T, C, H, W)`` in unit scale; not clipped.
        target: true frames ``(N, T, C, H, W)``.
        mask: bool ``(N, T, C, H, W)``, True where a pixel counts; default: everywhere. The values of other
            pixels, also NaN, have no effect.

    Returns:
        One value per frame, float64 ``(N, T)``: the sum over the pixels that count, NaN for a frame that has none.

    Raises:
        ValueError: if the shapes differ or are not five-dimensional, or the mask is not bool.

    Example:
        >>> import torch
        >>> mse(torch.full((1, 2, 1, 4, 4), 0.5), torch.ones(1, 2, 1, 4, 4))
        tensor([[4., 4.]], dtype=torch.float64)
    """
    prediction, target, mask = prepare(prediction, target, mask)
    return _frame_sum((prediction - target).square(), mask)


def mae(prediction: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
    r"""Absolute error summed over a frame's pixels and channels, as published for Moving MNIST.

    .. math:: \sum_{c, h, w} |p - t|

    Arguments, result and errors are those of :func:`mse`.

    Example:
        >>> import torch
        >>> mae(torch.full((1, 2, 1, 4, 4), 0.5), torch.ones(1, 2, 1, 4, 4))
        tensor([[8., 8.]], dtype=torch.float64)
    """
    prediction, target, mask = prepare(prediction, target, mask)
    return _frame_sum((prediction - target).abs(), mask)


def cross_entropy(prediction: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
    r"""Binary cross-entropy summed over a frame's pixels and channels.

    .. math:: -\sum_{c, h, w} t \log p + (1 - t) \log (1 - p)

    Predictions (probabilities, not logits) and targets are clipped to [0, 1], and a logarithm is at least -100, as in
    :func:`torch.nn.functional.binary_cross_entropy`. Arguments, result and errors are those of :func:`mse`.

    Example:
        >>> import torch
        >>> cross_entropy(torch.full((1, 1, 1, 4, 4), 0.5), torch.ones(1, 1, 1, 4, 4))  # 16 log 2
        tensor([[11.0904]], dtype=torch.float64)
    """
    prediction, target, mask = prepare(prediction, target, mask, clip=True)
    log_one, log_zero = prediction.log().clamp(min=-100), (-prediction).log1p().clamp(min=-100)
    return _frame_sum(-target * log_one - (1 - target) * log_zero, mask)


def psnr(prediction: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
    r"""Peak signal-to-noise ratio of a frame in decibels, all its channels together.

    .. math:: -10 \log_{10} \operatorname{mean}_{c, h, w} (p - t)^2

    with predictions and targets clipped to [0, 1], so that the peak is 1. The ratio of a perfect frame is infinite.
    Arguments, result and errors are those of :func:`mse`.

    Example:
        >>> import torch
        >>> psnr(torch.full((1, 1, 1, 4, 4), 0.9), torch.ones(1, 1, 1, 4, 4))
        tensor([[20.0000]], dtype=torch.float64)
    """
    prediction, target, mask = prepare(prediction, target, mask, clip=True)
    return -10 * (_frame_sum((prediction - target).square(), mask) / mask.flatten(2).sum(2)).log10()


def prepare(
    prediction: Tensor, target: Tensor, mask: Tensor | None, clip: bool = False
) -> tuple[Tensor, Tensor, Tensor]:
    """Check the arguments of a score; return both frames in float64, 0 where a pixel does not count, and the mask."""
    if target.ndim != 5:
        raise ValueError(f"`target` must have shape (N, T, C, H, W), got {tuple(target.shape)}")
    if prediction.shape != target.shape:
        shapes = f"{tuple(prediction.shape)} and {tuple(target.shape)}"
        raise ValueError(f"`prediction` and `target` must have one shape, got {shapes}")
    if mask is None:
        mask = torch.ones_like(target, dtype=torch.bool)
    elif mask.dtype != torch.bool or mask.shape != target.shape:
        received = f"{mask.dtype} {tuple(mask.shape)}"
        raise ValueError(f"`mask` must be bool with the shape {tuple(target.shape)} of `target`, got {received}")
    prediction, target = (frames.double().where(mask, 0) for frames in (prediction, target))
    return (prediction.clamp(0, 1), target.clamp(0, 1), mask) if clip else (prediction, target, mask)


def _frame_sum(values: Tensor, mask: Tensor) -> Tensor:
    # A pixel that does not count is 0 in both frames, which adds nothing to any of the sums above.
    return values.flatten(2).sum(2).where(mask.flatten(2).any(2), torch.nan)
