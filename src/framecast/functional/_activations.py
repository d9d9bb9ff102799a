"""Activations by name: the one table that layers, cells and step rules look up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

Activation = Callable[[Tensor], Tensor]


def _hard_sigmoid_keras2(x: Tensor) -> Tensor:
    """``clip(0.2 x + 0.5, 0, 1)``, the piecewise linear sigmoid of Keras 1 and 2."""
    return torch.clamp(0.2 * x + 0.5, 0.0, 1.0)


def _identity(x: Tensor) -> Tensor:
    return x


ACTIVATIONS: dict[str, Activation] = {
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "relu": torch.relu,
    "leaky_relu": F.leaky_relu,
    "elu": F.elu,
    "softsign": F.softsign,
    "hard_sigmoid": F.hardsigmoid,
    "hard_sigmoid_keras2": _hard_sigmoid_keras2,
    "identity": _identity,
}
"""Names and functions. ``hard_sigmoid`` is torch's and Keras 3's ``clip(x/6 + 1/2, 0, 1)``."""


def known_activation(name: str, value: Any) -> Any:
    """Return ``value`` if it is an activation's name or a callable.

    Raises:
        ValueError: if it is neither.
    """
    activation(value)
    return value


def activation(name: str | Activation) -> Activation:
    """Return the activation called ``name``; a callable is returned as it is.

    Raises:
        ValueError: if the table has no such name.

    Example:
        >>> activation("softsign")(torch.tensor([1.0]))
        tensor([0.5000])
    """
    if callable(name):
        return name
    if not isinstance(name, str) or name not in ACTIVATIONS:
        raise ValueError(f"activation {name!r} is unknown; give a callable or one of {', '.join(ACTIVATIONS)}")
    return ACTIVATIONS[name]
