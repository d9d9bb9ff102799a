"""Networks that know the arguments they were built with, so that a checkpoint can name them."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, Self

from torch import nn


class ConfiguredModule(nn.Module):
    """Base of networks that can be built anew from plain values.

    The arguments of a subclass's constructor are recorded; :attr:`config` holds them, defaults included. Of an argument
    that is itself a network it holds the name of its class, and under ``options`` that network's own configuration.

    Example:
        >>> class Blur(ConfiguredModule):
        ...     def __init__(self, channels: int, size: int = 3) -> None:
        ...         super().__init__()
        >>> Blur(1).config
        {'channels': 1, 'size': 3}
        >>> Blur(**Blur(1).config).config
        {'channels': 1, 'size': 3}
    """

    config: dict[str, Any]
    """The arguments of the constructor, as plain values."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        """Record the arguments of the constructor."""
        module = super().__new__(cls)
        with suppress(TypeError):  # the constructor itself says which arguments are wrong; a copy is made without any
            bound = inspect.signature(cls.__init__).bind(module, *args, **kwargs)
            bound.apply_defaults()
            module.__dict__["config"] = _plain_arguments(list(bound.arguments.items())[1:])
        return module

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Build a network from a :attr:`config`, with new weights."""
        return cls(**config)


def config_of(network: nn.Module) -> dict[str, Any]:
    """Return the configuration of a network; an empty one if it does not know its own."""
    return network.config if isinstance(network, ConfiguredModule) else {}


def _plain_arguments(arguments: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    config: dict[str, Any] = {}
    for name, value in arguments:
        if isinstance(value, nn.Module):
            config |= {name: type(value).__name__, "options": config_of(value)}
        else:
            config[name] = plain(value)
    return config


def plain(value: Any) -> Any:
    """Return numbers, strings, None, and lists and dicts of them; of anything else its text.

    Example:
        >>> plain({"size": (4, 4), "kind": int})
        {'size': [4, 4], 'kind': "<class 'int'>"}
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return str(value)
