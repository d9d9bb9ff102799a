"""The network of a checkpoint, with its weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from framecast import models
from framecast._extras import require
from framecast.runs import RunFolder, Scale


def trained_network(
    checkpoint: dict[str, Any], path: str | Path, network: nn.Module | None, device: str | torch.device
) -> nn.Module:
    """Fill the weights of a checkpoint into its network.

    Args:
        checkpoint: the checkpoint.
        path: where it was read from.
        network: the network to fill; None to build the one that the checkpoint, or the configuration of its run, names.
        device: where to run it.

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
    """Return the scale of the data that a checkpoint was trained on; the unit scale if it does not say."""
    return Scale.from_dict(about["scale"]) if about.get("scale") else Scale()


def build_network(about: dict[str, Any], path: str | Path) -> nn.Module:
    """Build the network of a checkpoint, with new weights.

    A network of :mod:`framecast.models` is built from the checkpoint alone. Of any other the class is taken from the
    configuration of the run that the checkpoint lies in; a checkpoint itself never names code to import.

    Raises:
        ValueError: if neither knows the network, or it cannot be built.
    """
    name, kind = about.get("network", ""), getattr(models, about.get("network", ""), None)
    try:
        if not isinstance(kind, type) or not issubclass(kind, models.ConfiguredModule):
            raise ValueError(f"it is none of {models.__name__}")
        network: nn.Module = kind.from_config(about["config"])
    except (TypeError, KeyError) as error:
        raise ValueError(
            f"{path} is of another version of Framecast: {name} cannot be built from it ({error})"
        ) from error
    except ValueError as error:
        run = RunFolder.of_checkpoint(path)
        if run is None:
            raise ValueError(
                f"{path} holds a network {name!r}, which Framecast does not know ({error}); pass `network=`"
            ) from error
        return _network_of_run(run, name)
    return network


def _network_of_run(run: RunFolder, name: str) -> nn.Module:
    """Build the network that the configuration of a run names, which must be of a class of that name."""
    jsonargparse = require("jsonargparse", "train", "building a network of one's own")
    yaml = require("yaml", "train", "building a network of one's own")
    unknown = f"the checkpoint of {run} holds a network {name!r}, which Framecast does not know"
    try:
        options = yaml.safe_load(run.read_config())["model"]["init_args"]["network"]
        parser = jsonargparse.ArgumentParser(exit_on_error=False)
        parser.add_subclass_arguments(nn.Module, "network", fail_untyped=False)
        network = parser.instantiate_classes(parser.parse_object({"network": options})).network
    except Exception as error:  # whatever the user's class and the parser raise
        reason = " ".join(str(error).split())
        raise ValueError(
            f"{unknown}, and {run.config.name} names none that can be built here ({reason}); pass `network=`"
        ) from error
    if type(network).__name__ != name:
        raise ValueError(f"{unknown}, and {run.config.name} names a {type(network).__name__}; pass `network=`")
    assert isinstance(network, nn.Module)
    return network
