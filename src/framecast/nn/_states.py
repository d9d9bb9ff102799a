"""The states of all layers and directions, in the form that callers give and receive them.

Shape letters: N batch, H hidden channels, P output channels, D directions, L layers, S spatial axes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from framecast.functional import Column, LayerSpec

from ._base import check_like


@dataclass(frozen=True)
class StateForm:
    """How a layer's states look from outside.

    Args:
        specs: the L layers.
        directions: D, 1 or 2.
        per_layer: every state is a tuple with one ``(D, N, P_l, *S_l)`` per layer, else one ``(L*D, N, P, *S)``.
    """

    specs: tuple[LayerSpec, ...]
    directions: int
    per_layer: bool

    def split(self, hx: Any, batch: int, size: tuple[int, ...], batched: bool, weight: Tensor) -> list[Column]:
        """Check what the caller gave, and bring each state of the cell into a column.

        Raises:
            ValueError: if a part is missing or has another shape, device or dtype than it must.
        """
        names = [f"{name}_0" for name in self.specs[0].rule.states]
        parts = (hx,) if len(names) == 1 else hx
        if len(names) > 1:
            check_states("hx", hx, names)
        sizes, rows = self._sizes(size), (batch,) if batched else ()
        columns: list[Column] = []
        for index, (name, part) in enumerate(zip(names, parts, strict=True)):
            channels = [spec.state_channels[index] for spec in self.specs]
            if self.per_layer:
                if not isinstance(part, (tuple, list)) or len(part) != len(self.specs):
                    raise ValueError(
                        f"`{name}` must be a tuple with one tensor for each of {len(self.specs)} layers, "
                        f"got {describe(part)}"
                    )
                for k, layer in enumerate(part):
                    check_state(f"{name}[{k}]", layer, (self.directions, *rows, channels[k], *sizes[k]), weight)
                columns.append([s if batched else s.unsqueeze(0) for layer in part for s in layer.unbind(0)])
            else:
                check_state(name, part, (len(self.specs) * self.directions, *rows, channels[0], *sizes[0]), weight)
                columns.append(part if batched else part.unsqueeze(1))
        return columns

    def join(self, columns: Sequence[Column], batched: bool) -> Any:
        """Columns of final states to what the caller receives."""
        states: list[Any] = []
        for column in columns:
            if isinstance(column, Tensor):
                states.append(column if batched else column.squeeze(1))
                continue
            column = column if batched else tuple(s.squeeze(0) for s in column)
            if self.per_layer:
                first = range(0, len(column), self.directions)
                states.append(tuple(torch.stack(list(column[k : k + self.directions])) for k in first))
            else:
                states.append(torch.stack(list(column)))
        return states[0] if len(states) == 1 else tuple(states)

    def sizes_of(self, hx: Any, axes: int) -> tuple[int, tuple[int, ...], bool]:
        """Batch size, spatial size and whether there is a batch axis, for a layer without input.

        Raises:
            ValueError: if ``hx`` holds no tensor to tell them by.
        """
        first = hx
        while isinstance(first, (tuple, list)) and first:
            first = first[0]
        if not isinstance(first, Tensor) or first.dim() not in (axes + 2, axes + 3):
            raise ValueError(
                f"`hx` must hold tensors of {axes + 3} axes (or {axes + 2}, unbatched), got {describe(first)}"
            )
        batched = first.dim() == axes + 3
        return first.shape[1] if batched else 1, tuple(first.shape[first.dim() - axes :]), batched

    def _sizes(self, size: tuple[int, ...]) -> list[tuple[int, ...]]:
        """Spatial size of every layer's states, for input frames of ``size``."""
        sizes = []
        for spec in self.specs:
            size = spec.input.output_size(size) if spec.input_size else size
            sizes.append(size)
        return sizes


def check_state(name: str, state: Any, shape: tuple[int, ...], weight: Tensor) -> None:
    """Check the shape of a state, and that it has the device and dtype of the layer's ``weight``.

    Raises:
        ValueError: if it is no tensor of this shape, device and (but under autocast) dtype.
    """
    if not isinstance(state, Tensor):
        raise ValueError(f"`{name}` must be a tensor of shape {shape}, got {describe(state)}")
    if tuple(state.shape) != shape:
        raise ValueError(f"`{name}` must have shape {shape}, got {tuple(state.shape)}")
    check_like(name, state, weight)


def check_states(argument: str, states: Any, names: Sequence[str]) -> None:
    """Check that several states are given as a tuple of as many as there are ``names``.

    Raises:
        ValueError: if they are not.
    """
    if not isinstance(states, (tuple, list)) or len(states) != len(names):
        form = "a pair" if len(names) == 2 else f"a tuple of {len(names)}"
        raise ValueError(f"`{argument}` must be {form} ({', '.join(names)}), got {describe(states)}")


def check_spatial_size(name: str, size: tuple[int, ...], spatial_size: tuple[int, ...] | None) -> None:
    """Check the size of frames where it was fixed at construction.

    Raises:
        ValueError: if it is another.
    """
    if spatial_size is not None and size != spatial_size:
        raise ValueError(f"`{name}` has frames of {size}, but `spatial_size` is {spatial_size}")


def describe(value: Any) -> str:
    """What was received, for a message: the shape of a tensor, the length of a tuple, else the type."""
    if isinstance(value, Tensor):
        return f"a tensor of shape {tuple(value.shape)}"
    if isinstance(value, (tuple, list)):
        return f"a {type(value).__name__} of {len(value)}"
    return type(value).__name__
