"""One-step modules: a cell without time.

Shape letters: N batch, C input channels, H hidden channels, P output channels, S spatial axes.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from framecast.functional import Activation
from framecast.kernels import layer_pass

from ._base import RecurrentModule, check_forget_bias, check_groups, check_like, check_no_input
from ._options import Size, flag, layer_spec, per_axis, whole
from ._states import check_spatial_size, check_state, check_states, describe, zero_state


class RecurrentCell(RecurrentModule):
    """Base of all one-step modules; the options are those of the layer of the same name."""

    weight_hh: Tensor

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str | Activation = "tanh",
        *,
        proj_size: int = 0,
        kernel_size: Size = 3,
        recurrent_kernel_size: Size | None = None,
        stride: Size = 1,
        padding: str | Size = "same",
        dilation: Size = 1,
        recurrent_dilation: Size = 1,
        groups: int = 1,
        padding_mode: str = "zeros",
        peephole: str | None = None,
        spatial_size: Size | None = None,
        norm: str | None = None,
        activation: str | Activation = "tanh",
        recurrent_activation: str | Activation = "sigmoid",
        reset_after: bool = True,
        zoneout: float | tuple[float, float] = 0.0,
        forget_bias: float | None = None,
        device: Any = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        options = dict(locals())
        super().__init__()
        rule = self._check_options(options)
        check_forget_bias(forget_bias, flag("bias", bias))
        self.input_size, self.hidden_size, self.forget_bias = (
            whole("input_size", input_size, 0),
            hidden_size,
            forget_bias,
        )
        check_no_input(self.input_size, options)
        self._spatial_size = None
        if spatial_size is not None:
            self._spatial_size = per_axis("spatial_size", spatial_size, self.spatial_axes, 1)
        self._spec = layer_spec(
            rule,
            axes=self.spatial_axes,
            input_size=input_size,
            hidden_size=hidden_size,
            bias=self._bias_names(rule, bias),
            proj_size=proj_size,
            kernel_size=kernel_size,
            recurrent_kernel_size=recurrent_kernel_size,
            stride=stride,
            padding=padding,
            dilation=dilation,
            recurrent_dilation=recurrent_dilation,
            groups=check_groups(groups),
            padding_mode=padding_mode,
            peephole=peephole,
            frame_size=self._spatial_size,
            norm=norm,
            zoneout=zoneout,
        )
        self._add_parameters(self._spec, "", device, dtype)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new initial weights; peepholes start at 0."""
        self._reset(self._spec, "", self.forget_bias)

    def extra_repr(self) -> str:
        """The sizes, as torch prints them."""
        kernel = f", kernel_size={self._spec.input.kernel_size}" if self.spatial_axes else ""
        return f"{self.input_size}, {self.hidden_size}{kernel}"

    def forward(self, input: Tensor | None, hx: Any = None) -> Any:
        """Run one step.

        Args:
            input: frames ``(N, C, *S)`` or one frame ``(C, *S)``; None for a cell with ``input_size=0``.
            hx: the state ``(N, P, *S')``, or a pair (h, c); zero if None.

        Returns:
            The new state h, or (h, c), in the same form.

        Raises:
            ValueError: if an argument does not fit the cell.
        """
        spec, weight = self._spec, self.weight_hh
        names = spec.rule.states
        if hx is not None and len(names) > 1:
            check_states("hx", hx, names)
        given = None if hx is None else ((hx,) if len(names) == 1 else tuple(hx))
        reference: Any = given[0] if input is None and given is not None else input
        self._check_input(input, reference)
        batched = reference.dim() != self.spatial_axes + 1
        frames = input if input is None or batched else input.unsqueeze(0)
        size = tuple(reference.shape[reference.dim() - self.spatial_axes :])
        check_spatial_size("hx" if input is None else "input", size, self._spatial_size)
        size = size if input is None else spec.input.output_size(size)
        batch = reference.shape[0] if batched else 1
        if given is None:
            state = zero_state(spec, batch, size, reference)
        else:
            for name, s, channels in zip(names, given, spec.state_channels, strict=True):
                check_state(name, s, (*((batch,) if batched else ()), channels, *size), weight)
            state = given if batched else tuple(s.unsqueeze(0) for s in given)
        _, new = layer_pass(
            spec, self._weights(spec, ""), frames, [batch], state, training=self.training, zero_state=given is None
        )
        new = new if batched else tuple(s.squeeze(0) for s in new)
        return new[0] if len(new) == 1 else new

    def _check_input(self, input: Any, reference: Any) -> None:
        """Check the input, or the state if there is none to be."""
        space = ("D", "H", "W")[3 - self.spatial_axes :]
        if not self.input_size:
            if input is not None:
                raise ValueError("`input` must be None: the cell has `input_size=0`")
            if not isinstance(reference, Tensor) or reference.dim() not in (len(space) + 1, len(space) + 2):
                raise ValueError(
                    f"a cell with `input_size=0` needs `hx` of {len(space) + 2} axes (or {len(space) + 1}, "
                    f"unbatched), got {describe(reference)}"
                )
            return
        if not isinstance(input, Tensor):
            raise ValueError(f"`input` must be a tensor, got {describe(input)}")
        if (
            input.dim() not in (len(space) + 1, len(space) + 2)
            or input.shape[input.dim() - len(space) - 1] != self.input_size
        ):
            wanted = ", ".join(("N", str(self.input_size), *space))
            raise ValueError(f"`input` must be ({wanted}) or without N, got shape {tuple(input.shape)}")
        check_like("input", input, self.weight_hh)
