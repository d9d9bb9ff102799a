"""The network of a checkpoint, with its weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from framecast import models
from framecast.runs import Scale


def trained_network(
    checkpoint: dict[str, Any], path: str | Path, network: nn.Module | None, device: str | torch.device
) -> nn.Module:
    """Build the network of a checkpoint, or take a given one, and fill in its weights.

    Raises:
        ValueError: if the network is unknown, the weights are another's, or there is no such device.
    """
    if network is None:
        network = build_network(checkpoint["framecast"], path)
    prefix = "network."
    weights = {k.removeprefix(prefix): v for k, v in checkpoint["state_dict"].items() if k.startswith(prefix)}
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        first = str(error).splitlines()[1].strip() if "\n" in str(error) else str(error)
        raise ValueError(f"the weights in {path} are those of another model: {first}") from error
    try:
        return network.to(device)
    except (RuntimeError, AssertionError) as error:
        raise ValueError(f"`device` (={device}) is not available here: {str(error).splitlines()[0]}") from error


def scale_of(about: dict[str, Any]) -> Scale:
    """The scale of the data that a checkpoint was trained on; the unit scale if it does not say."""
    return Scale.from_dict(about["scale"]) if about.get("scale") else Scale(0.0, 1.0)


def build_network(about: dict[str, Any], path: str | Path) -> nn.Module:
    """Build the network that a checkpoint names, if it is one of Framecast's own."""
    name = about.get("network", "")
    if name not in {n for n in vars(models) if not n.startswith("_")}:
        raise ValueError(f"{path} holds a network {name!r}, which Framecast does not know; pass `network=`")
    kind = getattr(models, name)
    try:
        network = kind.from_config(about["config"]) if hasattr(kind, "from_config") else kind(**about["config"])
    except (TypeError, KeyError) as error:
        raise ValueError(
            f"{path} is of another version of Framecast: {name} cannot be built from it ({error})"
        ) from error
    except ValueError as error:
        raise ValueError(f"{path} holds a network that Framecast does not know; pass `network=` ({error})") from error
    assert isinstance(network, nn.Module)
    return network
