"""The one time loop.

It runs packed sequences: at step t the first ``batch_sizes[t]`` rows are alive, the longest sequences first. A padded
batch is the case where all sizes are equal.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import torch
from torch import Tensor

from ._steps import State

Input = TypeVar("Input")


def unroll(
    step: Callable[[int, Input, State], State],
    inputs: Sequence[Input],
    state: State,
    *,
    sizes: Sequence[int],
    reverse: bool = False,
) -> tuple[list[Tensor], State]:
    """Run ``step`` over time.

    Args:
        step: ``step(rows, x, state)`` advances the first ``rows`` sequences by one step.
        inputs: what each step receives.
        state: initial state of all N sequences, the longest first.
        sizes: how many sequences are alive at each step, never growing.
        reverse: run from the last step to the first; each sequence starts at its own last step.

    Returns:
        The outputs (the first tensor of each state) in order of time, and every sequence's own final state.
    """
    alive = sizes[-1] if reverse else state[0].shape[0]
    current = state if alive == state[0].shape[0] else _rows(state, 0, alive)
    outputs: list[Tensor] = []
    ended: list[State] = []
    for t in reversed(range(len(inputs))) if reverse else range(len(inputs)):
        if sizes[t] < alive:
            ended.append(_rows(current, sizes[t], alive))
            current = _rows(current, 0, sizes[t])
        elif sizes[t] > alive:
            current = _concatenate([current, _rows(state, alive, sizes[t])])
        alive = sizes[t]
        current = step(alive, inputs[t], current)
        outputs.append(current[0])
    if reverse:
        outputs.reverse()
        if alive < state[0].shape[0]:
            ended.append(tuple(s[alive:] for s in state))
    return outputs, _concatenate([current, *reversed(ended)]) if ended else current


def _rows(state: State, first: int, last: int) -> State:
    return tuple(s[first:last] for s in state)


def _concatenate(states: Sequence[State]) -> State:
    return tuple(torch.cat(parts) for parts in zip(*states, strict=True))
