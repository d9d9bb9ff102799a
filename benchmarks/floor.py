"""The floor: the convolutions that no implementation can do without, and nothing else.

They are channels-last, with as few calls as the recurrence allows: all inputs at once, one recurrent convolution per
step but the first (whose state is zero), its input gradient, and the weight gradients of all steps at once. Their
arguments are there beforehand, their results are thrown away, and there is no arithmetic between them.

Shape letters: T time, N batch, C input channels, H hidden channels, S height and width, K kernel.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .cases import Case, Weights, draw_input, draw_weights


class Floor:
    """The convolutions of one case.

    Args:
        case: sizes of the layer.
        device: where to run.
        dtype: type of weights and data.
    """

    def __init__(self, case: Case, device: str = "cpu", dtype: torch.dtype = torch.float32) -> None:
        self.batch, self.padding = case.batch, case.kernel // 2
        weight_ih, weight_hh, self.bias = (w.to(device, dtype) for w in draw_weights(case))
        self.weight_ih, self.weight_hh = channels_last(weight_ih), channels_last(weight_hh)
        self.input = channels_last(draw_input(case, device, dtype).flatten(0, 1))
        rows, size = case.steps * case.batch, case.size
        self.h = channels_last(torch.randn(rows, case.hidden, size, size, dtype=dtype, device=device))
        self.grad_gates = channels_last(torch.randn(rows, 4 * case.hidden, size, size, dtype=dtype, device=device))

    def inference(self) -> None:
        """The convolutions of a forward pass."""
        F.conv2d(self.input, self.weight_ih, self.bias, padding=self.padding)
        for h in self.h.split(self.batch)[:-1]:
            F.conv2d(h, self.weight_hh, padding=self.padding)

    def training_step(self) -> Weights:
        """Those of a forward pass and of the gradients of the parameters; returns the latter."""
        self.inference()
        steps = zip(self.grad_gates.split(self.batch)[1:], self.h.split(self.batch)[:-1], strict=True)
        for grad_gates, h in reversed(list(steps)):
            self._backward(grad_gates, h, self.weight_hh, of_input=True)
        weight_ih = self._backward(self.grad_gates, self.input, self.weight_ih, of_input=False)
        weight_hh = self._backward(self.grad_gates[self.batch :], self.h[: -self.batch], self.weight_hh, of_input=False)
        return Weights(weight_ih, weight_hh, self.bias)

    def _backward(self, gradient: Tensor, input: Tensor, weight: Tensor, of_input: bool) -> Tensor:
        """The gradient of a convolution's input or of its weight."""
        padding = [self.padding, self.padding]
        results = torch.ops.aten.convolution_backward(
            gradient, input, weight, None, [1, 1], padding, [1, 1], False, [0, 0], 1, [of_input, not of_input, False]
        )
        result: Tensor = results[0 if of_input else 1]
        return result


def channels_last(x: Tensor) -> Tensor:
    """The same values with the channels of a position side by side in memory."""
    return x.contiguous(memory_format=torch.channels_last)
