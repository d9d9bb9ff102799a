"""Any one-step module, unrolled over time.

Shape letters: T time, N batch, H hidden channels, D directions, S spatial axes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from framecast.functional import Batch, State, flag, unroll, whole

from ._layer import check_lengths
from ._states import describe


class Recurrent(nn.Module):
    """Run a cell over a sequence: directions, states, packed sequences and lengths for any one-step module.

    A cell is called as ``cell(frame, state)`` with a frame ``(N, ...)``, and with ``state=None`` for zeros; it returns
    its new state, a tensor or a tuple of tensors whose first is the output. ``torch.nn.LSTMCell`` is one, so are
    Framecast's cells.

    A decoder has no input: its cell is called as ``cell(None, state)``, as Framecast's cells with ``input_size=0``
    are, and the layer as ``layer(None, hx, steps=T)``.

    Args:
        cell: the cell.
        reverse_cell: a second cell, to run backwards in time as well; the outputs are stacked along axis 2.
        batch_first: input and output are ``(N, T, ...)``.

    Raises:
        ValueError: if an argument is of another kind.

    Example:
        >>> layer = Recurrent(torch.nn.LSTMCell(3, 5), torch.nn.LSTMCell(3, 5))
        >>> output, (h_n, c_n) = layer(torch.randn(7, 4, 3), lengths=[7, 2, 5, 1])
        >>> output.shape, h_n.shape
        (torch.Size([7, 4, 10]), torch.Size([2, 4, 5]))
    """

    def __init__(self, cell: nn.Module, reverse_cell: nn.Module | None = None, *, batch_first: bool = False) -> None:
        super().__init__()
        for name, module in (("cell", cell), ("reverse_cell", reverse_cell)):
            if not isinstance(module, nn.Module) and (module is not None or name == "cell"):
                raise ValueError(f"`{name}` must be a module, got {type(module).__name__}")
        self.cell, self.reverse_cell, self.batch_first = cell, reverse_cell, flag("batch_first", batch_first)

    @property
    def bidirectional(self) -> bool:
        """Whether a second cell runs backwards in time."""
        return self.reverse_cell is not None

    def forward(
        self,
        input: Tensor | PackedSequence | None,
        hx: Any = None,
        *,
        lengths: Tensor | Sequence[int] | None = None,
        steps: int | None = None,
    ) -> tuple[Any, Any]:
        """Run the cell.

        Args:
            input: frames ``(T, N, ...)``, ``(N, T, ...)`` with ``batch_first``, a ``PackedSequence``, or None for a
                cell without input.
            hx: initial state, each tensor ``(D, N, ...)``; zero if None.
            lengths: lengths ``(N,)`` of padded sequences, as in the other layers.
            steps: number of steps to run a cell without input, from ``hx``.

        Returns:
            The output in the form of the input (``(T, N, ...)`` without one), and the final state, each tensor
            ``(D, N, ...)``.

        Raises:
            ValueError: if an argument does not fit.
        """
        if input is None and steps is not None:
            batch = self._without_input(hx, lengths, steps)
        else:
            batch = self._with_input(input, lengths, steps)
        outputs, finals = [], []
        cells = [self.cell] if self.reverse_cell is None else [self.cell, self.reverse_cell]
        for direction, cell in enumerate(cells):
            state = self._state(hx, direction, len(cells), batch.batch)
            rows, final = self._run(cell, batch, state, reverse=direction == 1)
            outputs.append(rows)
            finals.append(final)
        if len({len(final) for final in finals}) > 1:
            raise ValueError(f"`cell` has {len(finals[0])} states, but `reverse_cell` has {len(finals[1])}")
        output = batch.to_output(torch.cat(outputs, 1))
        if self.batch_first and isinstance(output, Tensor):
            output = output.transpose(0, 1)
        states = tuple(batch.unsort(torch.stack(parts), 1) for parts in zip(*finals, strict=True))
        return output, states[0] if len(states) == 1 else states

    def _with_input(self, input: Any, lengths: Any, steps: int | None) -> Batch:
        """The batch of sequences that the caller gave."""
        if steps is not None:
            raise ValueError("`steps` is for cells without input; here the input says how many there are")
        if isinstance(input, PackedSequence):
            if lengths is not None:
                raise ValueError("`lengths` are for padded input; a PackedSequence has its own")
            return Batch.from_packed(input)
        if not isinstance(input, Tensor) or input.dim() < 3:
            raise ValueError(f"`input` must be a PackedSequence or a tensor (T, N, ...), got {describe(input)}")
        padded = input.transpose(0, 1) if self.batch_first else input
        if not len(padded):
            raise ValueError("`input` has no time steps (T = 0)")
        checked = None if lengths is None else check_lengths(lengths, padded.shape[0], padded.shape[1])
        return Batch.from_padded(padded.contiguous(), checked)

    def _without_input(self, hx: Any, lengths: Any, steps: int) -> Batch:
        """A batch of as many steps without frames, and as many sequences as ``hx`` has."""
        if lengths is not None:
            raise ValueError("`lengths` has no meaning without input: give `steps`")
        if self.batch_first:
            raise ValueError("`batch_first` has no meaning without input")
        if hx is None:
            raise ValueError("a cell without input needs `hx` and `steps`")
        first = hx[0] if isinstance(hx, (tuple, list)) and hx else hx
        if not isinstance(first, Tensor) or first.dim() < 2:
            raise ValueError(f"`hx` must hold tensors (D, N, ...), got {describe(first)}")
        return Batch(None, [first.shape[1]] * whole("steps", steps, 1), first.shape[1])

    @staticmethod
    def _state(hx: Any, direction: int, directions: int, batch: int) -> State | None:
        if hx is None:
            return None
        parts = hx if isinstance(hx, (tuple, list)) else (hx,)
        for part in parts or ((),):
            if not isinstance(part, Tensor) or part.shape[:2] != (directions, batch):
                raise ValueError(f"`hx` must hold tensors ({directions}, {batch}, ...), got {describe(part)}")
        return tuple(part[direction] for part in parts)

    @staticmethod
    def _run(cell: nn.Module, batch: Batch, state: State | None, *, reverse: bool) -> tuple[Tensor, State]:
        sizes = batch.batch_sizes
        frames: Sequence[Tensor | None] = [None] * len(sizes) if batch.data is None else batch.data.split(sizes)
        if state is None:
            state = tuple(s.new_zeros(batch.batch, *s.shape[1:]) for s in _probe(cell, frames[0]))
        else:
            state = tuple(batch.sort([state])[0])
        single = len(state) == 1

        def step(rows: int, x: Tensor | None, old: State) -> State:
            return _parts(cell(x, old[0] if single else old))

        outputs, final = unroll(step, frames, state, sizes=sizes, reverse=reverse)
        return torch.cat(outputs), final


def _probe(cell: nn.Module, x: Tensor | None) -> State:
    """The state's shapes, from a step that leaves no trace: no statistics, no random numbers."""
    training = cell.training
    devices = [x.device] if x is not None and x.is_cuda else []
    with torch.no_grad(), torch.random.fork_rng(devices=devices):
        try:
            return _parts(cell.eval()(x, None))
        finally:
            cell.train(training)


def _parts(state: Any) -> State:
    return tuple(state) if isinstance(state, (tuple, list)) else (state,)
