"""Batches of sequences, in the one form that layers work on: packed, the longest first.

Shape letters: T time, N batch, C channels, S spatial axes, M rows of packed frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from ._steps import State


@dataclass(frozen=True)
class Batch:
    """A batch of sequences, packed.

    Args:
        data: frames ``(M, C, *S)``, step after step; ``(N, C, *S)`` if every step reads the same frame; None for a
            layer without input.
        batch_sizes: sequences alive at every step, never growing.
        batch: number of sequences N, those of length 0 included.
        order: sorted position to batch position, or None if they are the same.
        valid: ``(T, N)`` mask of the frames within each (sorted) sequence's length, or None if all are.
        source: the packed sequence this came from, if it did.
    """

    data: Tensor | None
    batch_sizes: list[int]
    batch: int
    order: Tensor | None = None
    valid: Tensor | None = None
    source: PackedSequence | None = None

    @classmethod
    def from_packed(cls, packed: PackedSequence) -> Batch:
        """Take a packed sequence as it is."""
        sizes = packed.batch_sizes.tolist()
        return cls(packed.data, sizes, sizes[0], packed.sorted_indices, source=packed)

    @classmethod
    def from_padded(cls, frames: Tensor, lengths: Tensor | None = None) -> Batch:
        """Pack ``frames (T, N, C, *S)``; ``lengths (N,)`` on the CPU, in any order."""
        steps, batch = frames.shape[:2]
        if lengths is None:
            # Expanded over time: one frame, projected once; where each step's own gradient may be asked for, as it is.
            repeated = steps > 1 and frames.stride(0) == 0 and not frames.requires_grad
            return cls(frames[0] if repeated else frames.flatten(0, 1), [batch] * steps, batch)
        lengths, order = lengths.sort(descending=True, stable=True)
        valid = torch.arange(steps, device="cpu").unsqueeze(1) < lengths
        sizes = [size for size in valid.sum(1).tolist() if size] or [0]
        valid, order = valid.to(frames.device), order.to(frames.device)
        return cls(frames.index_select(1, order)[valid], sizes, batch, order, valid)

    def is_plain(self) -> bool:
        """Whether torch's own operators take it: no empty batch, no sequence of length 0, no repeated frame."""
        return (
            self.data is not None and 0 < self.batch == self.batch_sizes[0] and len(self.data) == sum(self.batch_sizes)
        )

    def to_output(self, data: Tensor) -> Tensor | PackedSequence:
        """Bring outputs ``(M, C', *S')`` into the form of the input: ``(T, N, C', *S')`` or packed."""
        if self.source is not None:
            return PackedSequence(
                data, self.source.batch_sizes, self.source.sorted_indices, self.source.unsorted_indices
            )
        if self.valid is None:
            return data.unflatten(0, (len(self.batch_sizes), self.batch))
        output = data.new_zeros(*self.valid.shape, *data.shape[1:])
        output[self.valid] = data
        return self.unsort(output, 1)

    def sort(self, states: Sequence[State]) -> list[State]:
        """States in the caller's order to the packed order."""
        if self.order is None:
            return list(states)
        return [tuple(s.index_select(0, self.order) for s in state) for state in states]

    def unsort(self, x: Tensor, axis: int) -> Tensor:
        """One tensor, packed order to the caller's order along ``axis``."""
        return x if self.order is None else x.index_select(axis, torch.argsort(self.order))
