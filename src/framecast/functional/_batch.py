"""Batches of sequences, in the one form that layers work on: packed, the longest first.

Shape letters: T time, N batch, C channels, P output channels, S spatial axes, M rows of packed frames, L layers,
D directions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

Column = Tensor | Sequence[Tensor]
"""One state of all layers and directions: stacked ``(L*D, N, P, *S)``, or each by itself ``(N, P, *S)``."""


@dataclass(eq=False, repr=False)  # not frozen, which takes three times as long to make
class Batch:
    """A batch of sequences, packed.

    Args:
        packed: frames ``(M, C, *S)``, step after step; ``(N, C, *S)`` if every step reads the same frame; None for a
            layer without input, and until ``data`` is read where ``frames`` are given.
        batch_sizes: sequences alive at every step, never growing.
        batch: number of sequences N, those of length 0 included.
        order: sorted position to batch position, or None if they are the same.
        valid: ``(T, N)`` mask of the frames within each (sorted) sequence's length, or None if all are.
        source: the packed sequence this came from, if it did.
        frames: the frames ``(T, N, C, *S)`` of sequences that are all of one length, packed when ``data`` is read.
    """

    packed: Tensor | None
    batch_sizes: list[int]
    batch: int
    order: Tensor | None = None
    valid: Tensor | None = None
    source: PackedSequence | None = None
    frames: Tensor | None = None

    @classmethod
    def from_packed(cls, packed: PackedSequence) -> Batch:
        """Take a packed sequence as it is."""
        sizes = packed.batch_sizes.tolist()
        return cls(packed.data, sizes, sizes[0], packed.sorted_indices, source=packed)

    @classmethod
    def from_padded(cls, frames: Tensor, lengths: Tensor | None = None) -> Batch:
        """Pack ``frames (T, N, C, *S)``; ``lengths (N,)`` on the CPU, in any order."""
        shape = frames.shape
        steps, batch = shape[0], shape[1]
        if lengths is None:
            return cls(None, [batch] * steps, batch, None, None, None, frames)
        lengths, order = lengths.sort(descending=True, stable=True)
        valid = torch.arange(steps, device="cpu").unsqueeze(1) < lengths
        sizes = [size for size in valid.sum(1).tolist() if size] or [0]
        valid, order = valid.to(frames.device), order.to(frames.device)
        return cls(frames.index_select(1, order)[valid], sizes, batch, order, valid)

    @property
    def data(self) -> Tensor | None:
        """The packed frames ``(M, C, *S)``, or ``(N, C, *S)`` if every step reads the same; None without input."""
        frames = self.frames
        if self.packed is None and frames is not None:
            # Expanded over time: one frame, projected once; where each step's own gradient may be asked for, as it is.
            repeated = frames.shape[0] > 1 and frames.stride(0) == 0 and not frames.requires_grad
            self.packed = frames[0] if repeated else frames.flatten(0, 1)
        return self.packed

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

    def sort(self, states: Sequence[Column]) -> list[Column]:
        """States in the caller's order to the packed order."""
        order = self.order
        if order is None:
            return list(states)
        return [
            s.index_select(1, order) if isinstance(s, Tensor) else [one.index_select(0, order) for one in s]
            for s in states
        ]

    def unsort_states(self, states: Sequence[Column]) -> Sequence[Column]:
        """States in the packed order to the caller's order."""
        if self.order is None:
            return states
        return [self.unsort(s, 1) if isinstance(s, Tensor) else [self.unsort(one, 0) for one in s] for s in states]

    def unsort(self, x: Tensor, axis: int) -> Tensor:
        """One tensor, packed order to the caller's order along ``axis``."""
        return x if self.order is None else x.index_select(axis, torch.argsort(self.order))
