"""The loop that people paste: concatenate, one convolution, four activations, step after step.

Shape letters: T time, N batch, C input channels, H hidden channels, S height and width, K kernel.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .cases import Case, Weights


class Cell(nn.Module):
    """One step, with the kernels of input and state side by side in one convolution."""

    def __init__(self, case: Case, weights: Weights) -> None:
        super().__init__()
        width = case.channels + case.hidden
        self.conv = nn.Conv2d(width, 4 * case.hidden, case.kernel, padding=case.kernel // 2)
        with torch.no_grad():
            self.conv.weight.copy_(torch.cat([weights.weight_ih, weights.weight_hh], dim=1))
            assert self.conv.bias is not None
            self.conv.bias.copy_(weights.bias)

    def forward(self, x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        """From the frame ``x (N, C, S, S)`` and the states ``(N, H, S, S)`` to the next h and c."""
        gates = self.conv(torch.cat([x, h], dim=1))
        i, f, g, o = torch.split(gates, h.shape[1], dim=1)
        i, f, g, o = torch.sigmoid(i), torch.sigmoid(f), torch.tanh(g), torch.sigmoid(o)
        c = f * c + i * g
        h = o * torch.tanh(c)
        return h, c


class TextbookConvLSTM(nn.Module):
    """The cell in a loop over the frames ``(T, N, C, S, S)``."""

    def __init__(self, case: Case, weights: Weights) -> None:
        super().__init__()
        self.channels, self.hidden = case.channels, case.hidden
        self.cell = Cell(case, weights)

    def forward(self, x: Tensor) -> Tensor:
        """Outputs ``(T, N, H, S, S)``."""
        h = c = x.new_zeros(x.shape[1], self.hidden, *x.shape[3:])
        outputs = []
        for t in range(x.shape[0]):
            h, c = self.cell(x[t], h, c)
            outputs.append(h)
        return torch.stack(outputs)

    def split(self, gradients: tuple[Tensor, ...]) -> Weights:
        """Gradients of the parameters, in the common order."""
        weight, bias = gradients
        return Weights(weight[:, : self.channels], weight[:, self.channels :], bias)
