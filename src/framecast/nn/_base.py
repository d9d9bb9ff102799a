"""What layers and cells share: their options, parameters and initial values.

Shape letters: C input channels, H hidden channels, G gates, K kernel, S spatial axes.
"""

from __future__ import annotations

import inspect
import numbers
from collections.abc import Callable, Mapping
from dataclasses import fields
from math import isfinite, sqrt
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from framecast.functional import LayerSpec, StepRule, Weights, activation

from ._options import flag, whole

_SPATIAL = (
    "kernel_size",
    "recurrent_kernel_size",
    "stride",
    "padding",
    "dilation",
    "recurrent_dilation",
    "padding_mode",
    "spatial_size",
)
_OF_SOME_CELLS = (
    "nonlinearity",
    "activation",
    "recurrent_activation",
    "reset_after",
    "proj_size",
    "peephole",
    "spatial_size",
    "forget_bias",
)
_GATE_F = 1  # the forget gate's place in an LSTM's stacked gates


class RecurrentModule(nn.Module):
    """A module made of a cell's step rule and a number of spatial axes.

    A subclass names its step rule class in ``step_rule`` (whose fields are options of the constructor), its number of
    spatial axes in ``spatial_axes``, and in ``_takes`` further options that not every cell has.
    """

    step_rule: ClassVar[Callable[..., StepRule]]
    spatial_axes: ClassVar[int] = 0
    _takes: ClassVar[tuple[str, ...]] = ()
    _signature: ClassVar[inspect.Signature]

    def __init_subclass__(cls) -> None:
        """Show only the options that the class takes in its signature."""
        super().__init_subclass__()
        if hasattr(cls, "step_rule"):
            signature = inspect.signature(cls.__init__)
            refused = cls._refused()
            shown = [p for p in list(signature.parameters.values())[1:] if p.name not in refused]
            cls._signature = cls.__signature__ = signature.replace(parameters=shown)  # type: ignore[attr-defined]

    @classmethod
    def _refused(cls) -> dict[str, str]:
        """Options the class does not take, and why."""
        own = {field.name for field in fields(cls.step_rule)} | set(cls._takes)  # type: ignore[arg-type]
        refused = {name: f"{cls.__name__} has no such option" for name in _OF_SOME_CELLS if name not in own}
        if cls.spatial_axes == 0:
            refused |= dict.fromkeys(_SPATIAL, f"{cls.__name__} has no spatial axes")
        return refused

    @classmethod
    def _check_options(cls, options: Mapping[str, Any]) -> StepRule:
        """Refuse options that the class does not take; return the step rule with its own.

        Raises:
            ValueError: if an option differs from its default and has no meaning here.
        """
        defaults = inspect.signature(cls.__init__).parameters
        for name, reason in cls._refused().items():
            if name in options and name in defaults and options[name] != defaults[name].default:
                raise ValueError(f"`{name}` (={options[name]!r}) has no meaning here: {reason}")
        rule = cls.step_rule(**{field.name: options[field.name] for field in fields(cls.step_rule)})  # type: ignore[arg-type]
        for name in ("nonlinearity", "activation", "recurrent_activation"):
            if hasattr(rule, name):
                activation(getattr(rule, name))
        if hasattr(rule, "reset_after"):
            flag("reset_after", rule.reset_after)
        zoneout = options["zoneout"]
        if len(rule.states) == 1 and isinstance(zoneout, (tuple, list)):
            raise ValueError(f"`zoneout` (={zoneout!r}) must be one probability: {cls.__name__} has no cell state c")
        dtype = options["dtype"]
        if dtype is not None and not (isinstance(dtype, torch.dtype) and dtype.is_floating_point):
            raise ValueError(f"`dtype` must be a floating point type of torch, got {dtype!r}")
        return rule

    @classmethod
    def _bias_names(cls, rule: StepRule, bias: bool) -> tuple[str, ...]:
        """Names of the biases.

        Torch's dense layers have two. A convolutional layer has a second only where it does something of its own:
        in a GRU that resets after the recurrent projection.
        """
        if not bias:
            return ()
        second = getattr(rule, "reset_after", cls.spatial_axes == 0)
        return ("bias_ih", "bias_hh") if second else ("bias_ih",)

    def _add_parameters(self, spec: LayerSpec, suffix: str, device: Any, dtype: torch.dtype | None) -> None:
        for name, shape in spec.shapes().items():
            self.register_parameter(name + suffix, nn.Parameter(torch.empty(shape, device=device, dtype=dtype)))

    def _weights(self, spec: LayerSpec, suffix: str) -> Weights:
        return Weights({name: getattr(self, name + suffix) for name in spec.shapes()})

    def _reset(self, spec: LayerSpec, suffix: str, forget_bias: float | None) -> None:
        """Draw one layer's initial weights, in torch's order."""
        bound = 1 / sqrt(spec.hidden_size if self.spatial_axes == 0 else spec.fan_in())
        for name in spec.shapes():
            parameter = getattr(self, name + suffix)
            if name in ("weight_ch", "bias_norm"):
                nn.init.zeros_(parameter)
            elif name == "weight_norm":
                nn.init.ones_(parameter)
            else:
                nn.init.uniform_(parameter, -bound, bound)
        if forget_bias is not None:
            for name, value in zip(spec.bias, (forget_bias, 0.0), strict=False):
                bias: Tensor = getattr(self, name + suffix)
                nn.init.constant_(bias.detach().unflatten(0, (spec.rule.gates, -1))[_GATE_F], value)


def check_no_input(input_size: int, options: Mapping[str, Any]) -> None:
    """Refuse options of the input's convolution where the only layer has no input.

    Raises:
        ValueError: if one of them is given.
    """
    for name, default in {"stride": 1, "padding": "same", "dilation": 1}.items():
        if input_size == 0 and options[name] != default:
            raise ValueError(f"`{name}` (={options[name]!r}) has no meaning with `input_size=0`: there is no input")


def check_forget_bias(forget_bias: object, bias: bool) -> None:
    """Refuse a forget bias that is no number, or that a layer without biases cannot hold.

    Raises:
        ValueError: if it is one of these.
    """
    if forget_bias is None:
        return
    if isinstance(forget_bias, bool) or not isinstance(forget_bias, numbers.Real) or not isfinite(forget_bias):
        raise ValueError(f"`forget_bias` must be a finite number, got {forget_bias!r}")
    if not bias:
        raise ValueError(f"`forget_bias` (={forget_bias}) needs `bias=True`")


def check_like(name: str, tensor: Tensor, weight: Tensor) -> None:
    """Check that a tensor has the device and, but under autocast, the dtype of a layer's weights.

    Raises:
        ValueError: if it has not, or is not of floating point.
    """
    if not tensor.is_floating_point():
        raise ValueError(f"`{name}` must be a floating point tensor, got {tensor.dtype}")
    if tensor.device != weight.device:
        raise ValueError(f"`{name}` is on {tensor.device}, but the layer's weights are on {weight.device}")
    if tensor.dtype != weight.dtype and not torch.is_autocast_enabled(tensor.device.type):
        raise ValueError(f"`{name}` is {tensor.dtype}, but the layer's weights are {weight.dtype}")


def check_groups(groups: object) -> int:
    """Return ``groups`` if it is a positive whole number."""
    return whole("groups", groups, 1)
