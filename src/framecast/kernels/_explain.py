"""Which kernel runs a layer, and why not the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ._choice import KERNELS, Choice, recording, wanted


@dataclass(frozen=True, eq=False)
class Explanation:
    """Which kernels ran a call, and why not others.

    Args:
        wanted: the kernel asked for, or ``"auto"``.
        choices: for every pass (layer after layer, direction after direction), which kernel ran and why others cannot.
    """

    wanted: str
    choices: tuple[Choice, ...]

    def __str__(self) -> str:
        lines = [f"asked for: {self.wanted}"]
        for choice in dict.fromkeys(self.choices):
            count = self.choices.count(choice)
            lines.append(f"{choice.kernel}: runs {count} pass{'es' * (count > 1)} ({choice.about})")
            if choice.details:
                lines.append(f"  {choice.details}")
            for name, kernel in KERNELS.items():
                if name != choice.kernel:
                    reason = dict(choice.refused).get(name)
                    lines.append(f"  {name}: {reason or f'could run, {kernel.about}'}")
        return "\n".join(lines)


def explain(
    layer: Callable[..., Any],
    input: Any,
    hx: Any = None,
    *,
    lengths: Tensor | Sequence[int] | None = None,
    steps: int | None = None,
) -> Explanation:
    """Run ``layer(input, hx)`` once, without gradients, and say which kernel took each of its passes.

    Args:
        layer: a recurrent layer, or any module that contains some and is called as one.
        input: its input.
        hx: its initial states; left out of the call if None, as the others are.
        lengths: lengths of padded sequences.
        steps: number of steps of a layer without input.

    Raises:
        ValueError: if it ran no recurrent layer.

    Example:
        >>> from framecast import kernels, nn
        >>> with kernels.use("reference"):
        ...     layer = nn.ConvLSTM2d(1, 2, norm="group")
        ...     print(kernels.explain(layer, torch.zeros(3, 1, 1, 8, 8)))  # doctest: +ELLIPSIS
        asked for: reference
        reference: runs 1 pass (plain PyTorch, step by step)
          torch: ...
          tiles: ...
          graphs: ...
          triton: ...
          sequence: the gates are normalised (`norm`)
    """
    options = {name: value for name, value in {"lengths": lengths, "steps": steps}.items() if value is not None}
    with recording() as choices, torch.no_grad():
        layer(input, *(() if hx is None else (hx,)), **options)
    if not choices:
        raise ValueError(f"`layer` ({type(layer).__name__}) ran no recurrent layer of framecast.nn")
    return Explanation(wanted(), tuple(choices))
