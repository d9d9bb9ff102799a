"""One frame, or a state alone, in; a sequence out.

Shape letters: N batch, K returned steps, C channels, D directions, H hidden channels, S spatial axes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn


class Rollout(nn.Module):
    """Run a recurrent layer for some steps from a single frame, or from its state alone.

    Args:
        layer: a layer of :mod:`framecast.nn`, not batch-first; ``Recurrent(cell)`` is one for any cell.
        steps: number of steps.
        keep: the steps whose outputs are returned, counted from 0; None for all.
        feedback: makes the next frame from an output ``(N, H, *S)``; None repeats the frame, whose projection is then
            computed once.

    Raises:
        ValueError: if the steps are not positive, one to keep is out of range, or feedback is asked of a layer that
            also runs backwards in time or is batch-first.

    Example:
        >>> from framecast.nn import ConvGRU2d
        >>> rollout = Rollout(ConvGRU2d(1, 4, kernel_size=3), steps=20, keep=[9, 19])
        >>> outputs, h_n = rollout(torch.randn(2, 1, 8, 8))
        >>> outputs.shape
        torch.Size([2, 2, 4, 8, 8])
    """

    def __init__(
        self,
        layer: nn.Module,
        steps: int,
        keep: Sequence[int] | None = None,
        feedback: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        super().__init__()
        if isinstance(steps, bool) or not isinstance(steps, int) or steps < 1:
            raise ValueError(f"`steps` must be a positive whole number, got {steps!r}")
        indices = list(range(steps)) if keep is None else list(keep)
        if not indices or any(isinstance(k, bool) or not isinstance(k, int) or not 0 <= k < steps for k in indices):
            raise ValueError(f"`keep` must name steps from 0 to {steps - 1}, got {keep!r}")
        if getattr(layer, "batch_first", False):
            raise ValueError("`layer` must not be batch-first: a rollout starts from one frame (N, C, *S)")
        if feedback is not None and getattr(layer, "bidirectional", False):
            raise ValueError("`feedback` has no meaning for a bidirectional layer, which reads the last frame first")
        self.layer, self.steps, self.keep, self.feedback = layer, steps, indices, feedback

    def forward(self, frame: Tensor | None, hx: Any = None) -> tuple[Tensor, Any]:
        """Run the layer.

        Args:
            frame: ``(N, C, *S)``; None for a layer without input, which starts from ``hx``.
            hx: initial states of the layer; zero if None.

        Returns:
            The outputs ``(K, N, D*H, *S)`` and the layer's final states.

        Raises:
            ValueError: if there is feedback, but no frame for it to follow.
        """
        if frame is None:
            if self.feedback is not None:
                raise ValueError("`feedback` makes frames, but `frame` is None: the layer has no input")
            output, states = self.layer(None, hx, steps=self.steps)
            return output[self.keep], states
        if self.feedback is None:
            output, states = self.layer(frame.unsqueeze(0).expand(self.steps, *frame.shape), hx)
            return output[self.keep], states
        outputs: dict[int, Tensor] = {}
        for step in range(self.steps):
            output, hx = self.layer(frame.unsqueeze(0), hx)
            if step in self.keep:
                outputs[step] = output[0]
            if step + 1 < self.steps:
                frame = self.feedback(output[0])
        return torch.stack([outputs[step] for step in self.keep]), hx
