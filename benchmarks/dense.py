"""Dense layers beside those of `torch.nn`.

Shape letters: T time, N batch, C input channels, H hidden channels.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import torch

from framecast import nn

from .agreement import DisagreementError
from .settings import Settings
from .timing import Action, Times, interleave, timed

SIZES = {"small": (20, 8, 16, 32), "large": (50, 32, 128, 256)}
LAYERS = {"LSTM": (nn.LSTM, torch.nn.LSTM), "GRU": (nn.GRU, torch.nn.GRU)}
MORE_ROUNDS = 2
CALLS = 10  # timed together: one call of a small layer is shorter than what waking threads and filling caches takes


class Dense(NamedTuple):
    """One layer at one size ``(T, N, C, H)``: times of both in training and in inference."""

    layer: str
    size: str
    shape: tuple[int, int, int, int]
    ours: Times
    theirs: Times
    ours_inference: Times
    theirs_inference: Times


def dense(name: str, size: str, settings: Settings) -> Dense:
    """Check that our layer and torch's agree, then time them turn about."""
    steps, batch, channels, hidden = SIZES[size]
    x = torch.randn(steps, batch, channels, device=settings.device)
    our_class, their_class = LAYERS[name]
    ours: Any = our_class(channels, hidden).to(settings.device)
    theirs = their_class(channels, hidden).to(settings.device)
    ours.load_state_dict(theirs.state_dict())
    for a, b in zip(_step(ours, x), _step(theirs, x), strict=True):
        if not torch.allclose(a, b, rtol=1e-4, atol=1e-4 * float(b.abs().max())):
            raise DisagreementError(f"the gradients of {name} differ from those of torch.nn")
    times = []
    for function in (_step, _forward):
        actions = {m: Action(timed(partial(_several, function, m, x), settings.device)) for m in (ours, theirs)}
        found = interleave(actions, MORE_ROUNDS * settings.rounds, settings.seconds * 2)
        times += [Times(tuple(seconds / CALLS for seconds in found[m].seconds)) for m in (ours, theirs)]
    return Dense(name, size, SIZES[size], *times)


def _several(function: Callable[[Any, torch.Tensor], object], layer: Any, x: torch.Tensor) -> None:
    for _ in range(CALLS):
        function(layer, x)


def _step(layer: Any, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
    return torch.autograd.grad(layer(x)[0].square().mean(), list(layer.parameters()))


def _forward(layer: Any, x: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        output: torch.Tensor = layer(x)[0]
    return output
