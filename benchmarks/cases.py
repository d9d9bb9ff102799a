"""The cases: one convolutional LSTM layer each, with its weights and its input.

Shape letters: T time, N batch, C input channels, H hidden channels, S height and width, K kernel.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Case(NamedTuple):
    """Sizes of a layer and of its input ``(T, N, C, S, S)``."""

    name: str
    steps: int
    batch: int
    channels: int
    hidden: int
    size: int
    kernel: int

    def __str__(self) -> str:
        return (
            f"{self.name}: T={self.steps} N={self.batch} C={self.channels} H={self.hidden} "
            f"{self.size}x{self.size} kernel {self.kernel}"
        )

    def floats(self, channels: int) -> int:
        """Elements of ``channels`` channels in every frame of the sequence."""
        return self.steps * self.batch * channels * self.size**2


class Weights(NamedTuple):
    """Parameters, or their gradients, in torch's order i, f, g, o.

    Shapes: ``weight_ih (4H, C, K, K)``, ``weight_hh (4H, H, K, K)``, ``bias (4H,)``.
    """

    weight_ih: Tensor
    weight_hh: Tensor
    bias: Tensor


CASES = {
    case.name: case
    for case in (
        Case("A", 10, 10, 3, 10, 25, 3),
        Case("B", 10, 8, 16, 64, 16, 5),
        Case("C", 10, 8, 64, 64, 16, 3),
        Case("D", 10, 4, 16, 64, 32, 5),
        Case("E", 20, 32, 64, 128, 64, 3),
        Case("F", 20, 16, 16, 64, 64, 5),
    )
}
# The last two take minutes a step without a GPU.
ON_CPU, ON_GPU = "ABCD", "ABCDEF"


def draw_input(case: Case, device: str = "cpu", dtype: torch.dtype = torch.float32) -> Tensor:
    """Frames ``(T, N, C, S, S)``, the same in every call."""
    shape = (case.steps, case.batch, case.channels, case.size, case.size)
    return torch.randn(shape, generator=torch.Generator().manual_seed(1)).to(device, dtype)


def draw_weights(case: Case) -> Weights:
    """Weights within ``1/sqrt(fan_in)``, as the layers draw them; the same in every call."""
    generator = torch.Generator().manual_seed(2)
    bound = ((case.channels + case.hidden) * case.kernel**2) ** -0.5
    kernel = (case.kernel, case.kernel)
    shapes = ((4 * case.hidden, case.channels, *kernel), (4 * case.hidden, case.hidden, *kernel), (4 * case.hidden,))
    return Weights(*(torch.empty(shape).uniform_(-bound, bound, generator=generator) for shape in shapes))
