"""The contenders that run in this process, by name.

Shape letters: T time, N batch, C input channels, H hidden channels, S height and width.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from framecast.kernels import use
from framecast.nn import ConvLSTM2d

from .cases import Case, Weights
from .textbook import TextbookConvLSTM


class OurConvLSTM(nn.Module):
    """Our layer under one choice of kernel."""

    def __init__(self, case: Case, weights: Weights, kernel: str, checkpoint: bool | int) -> None:
        super().__init__()
        self.kernel = kernel
        self.layer = ConvLSTM2d(case.channels, case.hidden, kernel_size=case.kernel, checkpoint=checkpoint)
        self.layer.load_state_dict(dict(zip(("weight_ih_l0", "weight_hh_l0", "bias_ih_l0"), weights, strict=True)))

    def forward(self, x: Tensor) -> Tensor:
        """Outputs ``(T, N, H, S, S)``."""
        with use(self.kernel):
            output: Tensor = self.layer(x)[0]
        return output

    def split(self, gradients: tuple[Tensor, ...]) -> Weights:
        """Gradients of the parameters, in the common order."""
        return Weights(*gradients)


@dataclass(frozen=True)
class Contender:
    """A way to compute the layer.

    Args:
        build: makes its module, whose ``split`` puts the gradients into the common order.
        compiled: whether `torch.compile` is at work, which takes time before the first call.
    """

    build: Callable[[Case, Weights], Any]
    compiled: bool = False


def _ours(kernel: str, checkpoint: bool | int = False) -> Contender:
    return Contender(lambda case, weights: OurConvLSTM(case, weights, kernel, checkpoint))


def _compiled(case: Case, weights: Weights) -> nn.Module:
    module = TextbookConvLSTM(case, weights)
    module.compile()
    return module


def _compiled_step(case: Case, weights: Weights) -> nn.Module:
    module = TextbookConvLSTM(case, weights)
    module.cell.compile()
    return module


CONTENDERS = {
    "textbook": Contender(TextbookConvLSTM),
    "textbook compiled": Contender(_compiled, compiled=True),
    "textbook compiled step": Contender(_compiled_step, compiled=True),
    "ours reference": _ours("reference"),
    "ours auto": _ours("auto"),
    "ours checkpoint=True": _ours("auto", checkpoint=True),
    "ours checkpoint=5": _ours("auto", checkpoint=5),
}


def training_step(module: nn.Module, input: Tensor) -> tuple[Tensor, ...]:
    """Forward, and the gradients of the parameters of ``output.square().mean()``."""
    loss = module(input).square().mean()
    return torch.autograd.grad(loss, list(module.parameters()))


def inference(module: nn.Module, input: Tensor) -> Tensor:
    """Forward alone."""
    with torch.inference_mode():
        output: Tensor = module(input)
    return output
