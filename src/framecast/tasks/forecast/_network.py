"""What a network must be to be trained to forecast.

Shape letters: N batch, T input frames, K forecast frames, C channels, H height, W width.
"""

from __future__ import annotations

import inspect
from typing import Protocol

from torch import Tensor, nn


class ForecastNetwork(Protocol):
    """A network that forecasts: any :class:`torch.nn.Module` that is called in this way.

    If it has an attribute ``channels``, frames with another number of channels are refused before training.
    """

    def __call__(self, frames: Tensor, horizon: int) -> Tensor:
        """Forecast the frames that follow.

        Args:
            frames: input frames ``(N, T, C, H, W)`` in unit scale.
            horizon: number K of frames to forecast.

        Returns:
            ``(N, K, C, H, W)``, from which the loss makes frames: for ``"cross_entropy"`` logits, for ``"mse"`` frames.
        """
        ...


def check_network(network: nn.Module) -> None:
    """Refuse a network that cannot be called as a :class:`ForecastNetwork`.

    Raises:
        ValueError: naming what it takes instead.

    Example:
        >>> check_network(nn.Linear(2, 3))
        Traceback (most recent call last):
        ValueError: `network` must be called as network(frames, horizon), but Linear takes (input: torch.Tensor) -> ...
    """
    signature = inspect.signature(network.forward)
    try:
        signature.bind("frames", "horizon")
    except TypeError:
        name = type(network).__name__
        raise ValueError(
            f"`network` must be called as network(frames, horizon), but {name} takes {signature}"
        ) from None
