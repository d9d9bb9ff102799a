"""Baselines: forecasts that need no training, for a model to beat.

Shape letters: N batch, T time, K horizon, C channels, H height, W width.
"""

from collections.abc import Callable

import torch
from torch import Tensor


def last_frame(frames: Tensor, horizon: int, mask: Tensor | None = None) -> Tensor:
    """Forecast that nothing changes: the last frame repeated (persistence).

    Args:
        frames: input frames ``(N, T, C, H, W)``.
        horizon: number of frames to forecast, K.
        mask: bool ``(N, T, C, H, W)``, True where the input has a value; default: everywhere. With a mask,
            the forecast of a pixel is its own last value, or 0 if it has none.

    Returns:
        The forecast ``(N, K, C, H, W)``.

    Raises:
        ValueError: if there are no frames or the horizon is not positive.

    Example:
        >>> import torch
        >>> last_frame(torch.tensor([1.0, 3.0]).reshape(1, 2, 1, 1, 1), horizon=3).flatten()
        tensor([3., 3., 3.])
    """
    _check(frames, horizon)
    if mask is None:
        return _repeat(frames[:, -1:], horizon)
    last = torch.zeros_like(frames[:, 0])
    for frame, valid in zip(frames.unbind(1), mask.unbind(1), strict=True):
        last = frame.where(valid, last)
    return _repeat(last.unsqueeze(1), horizon)


def mean_frame(frames: Tensor, horizon: int, mask: Tensor | None = None) -> Tensor:
    """Forecast the mean of the input frames. Arguments, result and errors are those of :func:`last_frame`.

    Example:
        >>> import torch
        >>> mean_frame(torch.tensor([1.0, 3.0]).reshape(1, 2, 1, 1, 1), horizon=3).flatten()
        tensor([2., 2., 2.])
    """
    _check(frames, horizon)
    if mask is None:
        return _repeat(frames.mean(1, keepdim=True), horizon)
    total = frames.where(mask, 0).sum(1, keepdim=True)
    return _repeat(total / mask.sum(1, keepdim=True).clamp(min=1), horizon)


def zero(frames: Tensor, horizon: int, mask: Tensor | None = None) -> Tensor:
    """Forecast 0, the lower end of the unit scale. Arguments, result and errors are those of :func:`last_frame`.

    Example:
        >>> import torch
        >>> zero(torch.tensor([1.0, 3.0]).reshape(1, 2, 1, 1, 1), horizon=3).flatten()
        tensor([0., 0., 0.])
    """
    _check(frames, horizon)
    return _repeat(frames[:, :1], horizon).zero_()


BASELINES: dict[str, Callable[[Tensor, int, Tensor | None], Tensor]] = {
    "last_frame": last_frame,
    "mean_frame": mean_frame,
    "zero": zero,
}
"""The baselines by the names that ``metrics.json`` uses."""


def _repeat(frame: Tensor, horizon: int) -> Tensor:
    return frame.repeat(1, horizon, 1, 1, 1)


def _check(frames: Tensor, horizon: int) -> None:
    if frames.ndim != 5 or frames.shape[1] == 0:
        raise ValueError(f"`frames` must have shape (N, T, C, H, W) with T at least 1, got {tuple(frames.shape)}")
    if horizon < 1:
        raise ValueError(f"`horizon` (={horizon}) must be positive")
