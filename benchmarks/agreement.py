"""Whether a contender computes what the textbook loop computes."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from .cases import Weights

# Largest difference, as a share of the largest value. bfloat16 has three digits, and both sides round at every step.
TOLERANCES = {torch.float32: 1e-4, torch.bfloat16: 5e-2}


class DisagreementError(RuntimeError):
    """A contender's numbers are not those of the textbook loop."""


def results(output: Tensor, gradients: Weights) -> dict[str, Tensor]:
    """What is compared, by name, in float64 on the CPU."""
    named = {"output": output, **{f"gradient of {name}": g for name, g in gradients._asdict().items()}}
    return {name: value.detach().to("cpu", torch.float64) for name, value in named.items()}


def check(found: Mapping[str, Tensor], expected: Mapping[str, Tensor], tolerance: float) -> float:
    """Compare two contenders' results.

    Args:
        found: results by name.
        expected: the textbook loop's.
        tolerance: largest difference allowed, as a share of the largest value.

    Returns:
        The largest difference.

    Raises:
        DisagreementError: if it is above the tolerance, or no number.
    """
    worst = 0.0
    for name, value in expected.items():
        if found[name].shape != value.shape:
            raise DisagreementError(f"{name} has shape {tuple(found[name].shape)}, not {tuple(value.shape)}")
        difference = float((found[name] - value).abs().max() / value.abs().max())
        if not difference <= tolerance:
            raise DisagreementError(f"{name} differs by {difference:.2g} of its largest value (at most {tolerance:g})")
        worst = max(worst, difference)
    return worst
