"""Structural similarity of frames.

Shape letters: N batch, T time, C channels, H height, W width.
"""

import torch.nn.functional as F
from torch import Tensor

from ._frames import prepare

WINDOW = 7
"""Side of the square window, in pixels; also the smallest height and width of a frame."""


def ssim(prediction: Tensor, target: Tensor, mask: Tensor | None = None, data_range: float = 1.0) -> Tensor:
    r"""Structural similarity of a frame (`Wang et al. 2004 <https://doi.org/10.1109/TIP.2003.819861>`_).

    .. math:: \frac{(2 \mu_p \mu_t + c_1) (2 \sigma_{pt} + c_2)}
                   {(\mu_p^2 + \mu_t^2 + c_1) (\sigma_p^2 + \sigma_t^2 + c_2)},
              \quad c_1 = (0.01 L)^2, \; c_2 = (0.03 L)^2

    over every 7x7 window that lies wholly in the frame, with equal weights and the sample covariance, averaged over
    the windows, then over the channels: scikit-image's default. Predictions and targets are clipped to [0, 1].

    Args:
        prediction: predicted frames ``(N, T, C, H, W)`` in unit scale.
        target: true frames ``(N, T, C, H, W)``.
        mask: bool ``(N, T, C, H, W)``, True where a pixel counts; default: everywhere. Only windows without a missing
            pixel count, and only channels with such a window.
        data_range: the range :math:`L` of the values.

    Returns:
        One value per frame, float64 ``(N, T)``, NaN for a frame without a window that counts.

    Raises:
        ValueError: if the shapes differ, are not five-dimensional or smaller than 7x7, or the mask is not bool.

    Example:
        >>> import torch
        >>> target = torch.linspace(0, 1, 64).reshape(1, 1, 1, 8, 8)
        >>> ssim(target, target), ssim(1 - target, target)
        (tensor([[1.]], dtype=torch.float64), tensor([[-0.9549]], dtype=torch.float64))
    """
    prediction, target, mask = prepare(prediction, target, mask, clip=True)
    if min(target.shape[-2:]) < WINDOW:
        raise ValueError(f"`target` must be {WINDOW}x{WINDOW} pixels or larger for SSIM, got {tuple(target.shape)}")
    p, t = prediction.flatten(0, 2), target.flatten(0, 2)
    mean_p, mean_t = _window_mean(p), _window_mean(t)
    unbiased = WINDOW**2 / (WINDOW**2 - 1)
    variances = unbiased * (_window_mean(p * p + t * t) - mean_p**2 - mean_t**2)  # of both, added
    covariance = unbiased * (_window_mean(p * t) - mean_p * mean_t)
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    numerator = (2 * mean_p * mean_t + c1) * (2 * covariance + c2)
    denominator = (mean_p**2 + mean_t**2 + c1) * (variances + c2)
    missing = F.max_pool2d((~mask).to(p.dtype).flatten(0, 2), WINDOW, stride=1)  # 1 in a window with a missing pixel
    similarity, whole = (windows.unflatten(0, mask.shape[:3]) for windows in (numerator / denominator, missing == 0))
    return _mean_where(_mean_where(similarity, whole, (3, 4)), whole.flatten(3).any(3), (2,))


def ssim_openstl(prediction: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
    """Structural similarity as in OpenSTL's tables: :func:`ssim` with a data range of 2.

    OpenSTL names no range for its frames in [0, 1], and scikit-image before 0.20 then took that of the type: floats
    meant images in [-1, 1]. The range of 2 makes the constants four times as large and the score kinder. It compares
    with what is published there and with nothing else. Arguments, result and errors are those of :func:`ssim`.

    Example:
        >>> import torch
        >>> target = torch.linspace(0, 1, 64).reshape(1, 1, 1, 8, 8)
        >>> ssim_openstl(1 - target, target)
        tensor([[-0.9171]], dtype=torch.float64)
    """
    return ssim(prediction, target, mask, data_range=2.0)


def _window_mean(frames: Tensor) -> Tensor:
    # One axis at a time: 14 additions for a window, not 49.
    return F.avg_pool2d(F.avg_pool2d(frames, (WINDOW, 1), stride=1), (1, WINDOW), stride=1)


def _mean_where(values: Tensor, mask: Tensor, axes: tuple[int, ...]) -> Tensor:
    return values.where(mask, 0).sum(axes) / mask.sum(axes)
