"""A cell of one's own: the minimal gated unit (Zhou et al. 2016, arXiv 1603.09420), convolutional.

One forget gate takes the places of a GRU's two: ``f = sigmoid(x_f + U_f h)``, ``n = tanh(x_n + U_n (f * h))``,
``h' = (1 - f) * h + f * n``. Stacking, directions, packed sequences and lengths come with the base.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from framecast.functional import Maps, State, StepRule
from framecast.nn import Convolutional, RecurrentLayer


@dataclass(frozen=True)
class MGUStep(StepRule):
    gates: ClassVar[int] = 2

    def __call__(self, x: Tensor, state: State, maps: Maps) -> State:
        (h,) = state
        x_f, x_n = x.chunk(2, 1)
        f = torch.sigmoid(maps.normalize(x_f + maps.recurrent(h, 0, 1), 0, 1))
        n = torch.tanh(maps.normalize(x_n + maps.recurrent(f * h, 1, 2), 1, 2))
        return ((1 - f) * h + f * n,)


class ConvMGU2d(Convolutional, RecurrentLayer):
    step_rule = MGUStep
    spatial_axes = 2


if __name__ == "__main__":
    layer = ConvMGU2d(1, 4, num_layers=2, kernel_size=3, bidirectional=True)
    output, h_n = layer(torch.randn(6, 3, 1, 10, 12), lengths=[6, 2, 4])
    print(layer, tuple(output.shape), tuple(h_n.shape))
