"""One-step modules: a cell without time.

Shape letters: N batch, C input channels, H hidden channels, P output channels, S spatial axes.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.overrides import is_tensor_like

from framecast import kernels
from framecast.functional import Batch, whole

from ._base import BIAS, RecurrentModule, check_like
from ._options import option
from ._spec import layer_spec, zoneouts
from ._states import check_spatial_size, check_state, check_states, describe


class RecurrentCell(RecurrentModule):
    """Base of all one-step modules; the options are those of the layer of the same name."""

    hidden_size: int = option(meaning="channels of the states.", rule=partial(whole, least=1), kw_only=False)
    bias: bool = option(default=BIAS, kw_only=False)

    def __post_init__(self, device: Any, dtype: torch.dtype | None) -> None:
        """Check the options and make the parameters."""
        options = self._check()
        rule = self._rule(options)
        self._check_no_input()
        self._spatial_size: tuple[int, ...] | None = options.get("spatial_size")
        self._spec = layer_spec(
            rule,
            options,
            axes=self.spatial_axes,
            input_size=self.input_size,
            bias=self._bias_names(rule, self.bias),
            zoneout=zoneouts(self.zoneout, rule.states, type(self).__name__),
            frame_size=self._spatial_size,
        )
        self._layers = kernels.Layers((self._spec,))
        (self._names,) = self._layers.names
        self._add_parameters(self._spec, "", device, dtype)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new initial weights; peepholes start at 0."""
        self._reset(self._spec, "")

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
        spec, parameters = self._spec, self._tensors(self._names)
        names, weight = spec.rule.states, parameters[0]
        if hx is not None and len(names) > 1:
            check_states("hx", hx, names)
        state = None if hx is None else ((hx,) if len(names) == 1 else tuple(hx))
        reference: Any = state[0] if input is None and state is not None else input
        self._check_input(input, reference, weight)
        batched = reference.dim() != self.spatial_axes + 1
        frames = input if input is None or batched else input.unsqueeze(0)
        size = tuple(reference.shape[reference.dim() - self.spatial_axes :])
        check_spatial_size("hx" if input is None else "input", size, self._spatial_size)
        size = size if input is None else spec.input.output_size(size)
        batch = reference.shape[0] if batched else 1
        columns = None
        if state is not None:
            for name, s, channels in zip(names, state, spec.state_channels, strict=True):
                check_state(name, s, (*((batch,) if batched else ()), channels, *size), weight)
            columns = [(s if batched else s.unsqueeze(0),) for s in state]
        call = kernels.Call(self._layers, parameters, Batch(frames, [batch], batch), columns, training=self.training)
        _, finals = kernels.run(call)
        new = tuple(column[0] if batched else column[0].squeeze(0) for column in finals)
        return new[0] if len(new) == 1 else new

    def _check_input(self, input: Any, reference: Any, weight: Tensor) -> None:
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
        if not is_tensor_like(input):
            raise ValueError(f"`input` must be a tensor, got {describe(input)}")
        if (
            input.dim() not in (len(space) + 1, len(space) + 2)
            or input.shape[input.dim() - len(space) - 1] != self.input_size
        ):
            wanted = ", ".join(("N", str(self.input_size), *space))
            raise ValueError(f"`input` must be ({wanted}) or without N, got shape {tuple(input.shape)}")
        check_like("input", input, weight)
