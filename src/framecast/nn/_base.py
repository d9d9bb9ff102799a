"""What layers and cells share: options, parameters and initial values.

Shape letters: C input channels, H hidden channels, G gates, K kernel, S spatial axes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import InitVar
from functools import partial
from math import sqrt
from typing import Any

import torch
from torch import Tensor, nn

from framecast.functional import (
    SPACE,
    LayerSpec,
    Option,
    StepRule,
    choice,
    flag,
    options_of_rule,
    per_axis,
    whole,
)

from ._options import OptionModule, option
from ._spec import PerLayer, zoneout_rule

_GATE_F = 1  # the forget gate's place in an LSTM's stacked gates
_SIZE = partial(per_axis, least=1)

# Declared by layers and by cells, at different places of their arguments.
BIAS = Option(True, "whether there is a bias.", flag)


def _floating_type(name: str, value: Any) -> torch.dtype:
    if not (isinstance(value, torch.dtype) and value.is_floating_point):
        raise ValueError(f"`{name}` must be a floating point type of torch, got {value!r}")
    return value


class RecurrentModule(OptionModule):
    """A module made of a cell's step rule and a number of spatial axes.

    A subclass names its step rule class in ``step_rule`` (whose fields are options of the constructor) and, if it is
    :class:`Convolutional`, its number of spatial axes in ``spatial_axes``.
    """

    input_size: int = option(
        meaning="channels of the input; 0 for none, called as ``layer(None, hx, steps=T)`` or ``cell(None, hx)``.",
        rule=partial(whole, least=0),
        kw_only=False,
    )
    groups: int = option(default=SPACE["groups"])
    norm: str | None = option(
        default=None,
        meaning='None, or ``"group"`` for a GroupNorm of every gate.',
        rule=partial(choice, choices=(None, "group")),
    )
    zoneout: float | tuple[float, ...] = option(
        default=0.0,
        meaning="probability that an element keeps its old value; a tuple gives one for every state, as (h, c).",
        rule=zoneout_rule,
    )
    device: InitVar[Any] = option(default=None, meaning="device of the parameters.", stored=False)
    dtype: InitVar[torch.dtype | None] = option(
        default=None, meaning="type of the parameters.", rule=_floating_type, stored=False
    )

    def __init_subclass__(cls) -> None:
        """See that a class with spatial axes has the options of convolutions."""
        super().__init_subclass__()
        if cls.spatial_axes and not issubclass(cls, Convolutional):
            raise TypeError(f"{cls.__name__} has `spatial_axes` {cls.spatial_axes} and needs the base Convolutional")

    def _rule(self, options: Mapping[str, Any]) -> StepRule:
        """The step rule, with the options that are its fields."""
        return self.step_rule(**{name: options[name] for name in options_of_rule(self.step_rule)})

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

    def _tensors(self, names: Sequence[str]) -> list[Tensor]:
        """Parameters by their names."""
        registered: Any = self._parameters
        try:
            return [registered[name] for name in names]
        except KeyError:  # made from others, by torch.nn.utils.parametrize or the like
            return [getattr(self, name) for name in names]

    def _reset(self, spec: LayerSpec, suffix: str) -> None:
        """Draw one layer's initial weights, in torch's order."""
        forget_bias: float | None = getattr(self, "forget_bias", None)
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

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Any:
        """Apply ``fn`` to every tensor.

        The pixel peepholes of a layer over volumes get a fifth axis meanwhile, without which they could not take a
        memory format for volumes, ``torch.channels_last_3d``.
        """
        if self.spatial_axes != 3:
            return super()._apply(fn, recurse)

        def apply(x: Tensor) -> Tensor:
            return fn(x.unsqueeze(1)).squeeze(1).contiguous() if x.dim() == 4 else fn(x)

        return super()._apply(apply, recurse)

    def _check_no_input(self) -> None:
        """Refuse options of the input's convolution where the only layer has no input."""
        for name in ("stride", "padding", "dilation"):
            if self.input_size == 0 and name in self._options and getattr(self, name) != self._options[name].default:
                raise ValueError(
                    f"`{name}` (={getattr(self, name)!r}) has no meaning with `input_size=0`: there is no input"
                )


class Convolutional(RecurrentModule):
    """The options of a layer or cell whose projections are convolutions over ``spatial_axes`` axes, 1 to 3."""

    kernel_size: PerLayer = option(
        default=3, meaning="kernel of the convolution of the input.", rule=_SIZE, spatial=True, per_layer=True
    )
    recurrent_kernel_size: PerLayer | None = option(
        default=None,
        meaning="kernel of the convolution of the state; None for the same.",
        rule=_SIZE,
        spatial=True,
        per_layer=True,
    )
    stride: PerLayer = option(default=SPACE["stride"])
    padding: str | PerLayer = option(default=SPACE["padding"])
    dilation: PerLayer = option(default=SPACE["dilation"])
    recurrent_dilation: PerLayer = option(default=SPACE["recurrent_dilation"])
    padding_mode: str = option(default=SPACE["padding_mode"])


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
