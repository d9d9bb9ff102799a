"""The pointwise part of a step, forward and backward, in plain PyTorch.

Every function works on matrices of R rows (one per sequence and position) with the channels side by side, writes its
results into tensors that it is given, and allocates little. `_native` and `_triton` hold faster versions of some of
them, with the same names, arguments and results.

Gate sums, ``h`` and their gradients are of the data's type; ``c``, its gradient and the peepholes are of the state's
type: float32 where the data's is bfloat16 or float16, else the same. `lstm`, `gru` and their backwards compute in the
state's type, the others in the data's.

Shape letters: R rows, H hidden channels.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def lstm(
    gates: Tensor, added: Tensor | None, c_prev: Tensor | None, peephole: Tensor | None, h: Tensor, c: Tensor
) -> None:
    """One LSTM step.

    Args:
        gates: sums of i, f, g, o ``(R, 4H)``; becomes their activated values.
        added: what is to be added to the sums ``(R, 4H)``, or None.
        c_prev: cell state ``(R, H)`` before the step; None for zero.
        peephole: weights of i, f, o ``(3, H)``, or None.
        h: receives the output ``(R, H)``.
        c: receives the new cell state ``(R, H)``.
    """
    sums = gates.to(c.dtype) if added is None else gates.to(c.dtype) + added
    i, f, g, o = sums.chunk(4, 1)
    c_prev = torch.zeros_like(c) if c_prev is None else c_prev
    if peephole is not None:
        i, f = torch.addcmul(i, peephole[0], c_prev), torch.addcmul(f, peephole[1], c_prev)
    i, f, g = i.sigmoid(), f.sigmoid(), g.tanh()
    torch.mul(i, g, out=c).addcmul_(f, c_prev)
    if peephole is not None:
        o = torch.addcmul(o, peephole[2], c)
    o = o.sigmoid()
    for k, value in enumerate((i, f, g, o)):
        gates.chunk(4, 1)[k].copy_(value)
    h.copy_(c.tanh().mul_(o))


def lstm_state(gates: Tensor, c_prev: Tensor | None, c: Tensor) -> None:
    """The cell state ``c (R, H)`` after a step, from its activated gates ``(R, 4H)`` and the state before it."""
    i, f, g, _ = gates.to(c.dtype).chunk(4, 1)
    torch.mul(i, g, out=c).addcmul_(f, torch.zeros_like(c) if c_prev is None else c_prev)


def lstm_backward(
    gates: Tensor,
    c_prev: Tensor | None,
    c: Tensor,
    grad_h: Tensor | None,
    added: Tensor | None,
    grad_c: Tensor,
    peephole: Tensor | None,
    grad_gates: Tensor,
    h: Tensor | None,
) -> None:
    """Backward of one LSTM step.

    Args:
        gates: activated i, f, g, o ``(R, 4H)``.
        c_prev: cell state before the step ``(R, H)``; None for zero.
        c: cell state after it ``(R, H)``.
        grad_h: gradient of the output ``(R, H)``; None for zero.
        added: a second part of it ``(R, H)``, to be added; None for zero.
        grad_c: gradient of ``c (R, H)``; becomes that of ``c_prev``.
        peephole: weights of i, f, o ``(3, H)``, or None.
        grad_gates: receives the gradient of the gate sums ``(R, 4H)``; may be ``gates`` itself.
        h: receives the output ``(R, H)`` once more, if given.
    """
    i, f, g, o = gates.to(c.dtype).chunk(4, 1)
    tanh_c = c.tanh()
    if h is not None:
        h.copy_(o * tanh_c)
    grad = torch.zeros_like(c)
    for part in (grad_h, added):
        if part is not None:
            grad += part
    grad_o = grad * tanh_c * o * (1 - o)
    grad_c.add_(grad * o * (1 - tanh_c * tanh_c))
    if peephole is not None:
        grad_c.addcmul_(grad_o, peephole[2])
    grad_i = grad_c * g * i * (1 - i)
    grad_g = grad_c * i * (1 - g * g)
    grad_f = grad_c * (torch.zeros_like(c) if c_prev is None else c_prev) * f * (1 - f)
    grad_c.mul_(f)
    if peephole is not None:
        grad_c.addcmul_(grad_i, peephole[0]).addcmul_(grad_f, peephole[1])
    for k, value in enumerate((grad_i, grad_f, grad_g, grad_o)):
        grad_gates.chunk(4, 1)[k].copy_(value)


def gru(gates: Tensor, recurrent: Tensor | None, h_prev: Tensor | None, h: Tensor, hidden_n: Tensor) -> None:
    """One GRU step that resets after the recurrent projection.

    Args:
        gates: the input's part of r, z, n ``(R, 3H)``; becomes their activated values.
        recurrent: the state's part of r, z, n ``(R, 3H)``; None for zero.
        h_prev: the state before the step ``(R, H)``; None for zero.
        h: receives the new state ``(R, H)``.
        hidden_n: receives the state's part of n ``(R, H)``, which the backward needs.
    """
    wide = torch.promote_types(gates.dtype, torch.float32)
    r, z, n = gates.to(wide).chunk(3, 1)
    to_r, to_z, to_n = (torch.zeros_like(gates) if recurrent is None else recurrent).to(wide).chunk(3, 1)
    hidden_n.copy_(to_n)
    r, z = (r + to_r).sigmoid(), (z + to_z).sigmoid()
    n = torch.addcmul(n, r, to_n).tanh()
    for k, value in enumerate((r, z, n)):
        gates.chunk(3, 1)[k].copy_(value)
    h.copy_(n + z * ((0 if h_prev is None else h_prev) - n))


def gru_backward(
    gates: Tensor,
    hidden_n: Tensor,
    h_prev: Tensor | None,
    grad_h: Tensor | None,
    added: Tensor | None,
    carried: Tensor,
    grad_gates: Tensor,
    grad_recurrent: Tensor,
) -> None:
    """Backward of one GRU step that resets after the recurrent projection.

    Args:
        gates: activated r, z, n ``(R, 3H)``.
        hidden_n: the state's part of n ``(R, H)``.
        h_prev: the state before the step ``(R, H)``; None for zero.
        grad_h: gradient of the new state ``(R, H)``; None for zero.
        added: a second part of it ``(R, H)``; None for zero.
        carried: a third part of it ``(R, H)``, of the state's type; becomes what passes the recurrent projection by
            on the way to ``h_prev``'s gradient.
        grad_gates: receives the gradient of the input's part of the gate sums ``(R, 3H)``; may be ``gates`` itself.
        grad_recurrent: receives the gradient of the state's part of them ``(R, 3H)``.
    """
    wide = carried.dtype
    r, z, n = gates.to(wide).chunk(3, 1)
    grad = carried.clone()
    for part in (grad_h, added):
        if part is not None:
            grad += part
    grad_n = grad * (1 - z) * (1 - n * n)
    grad_z = grad * ((0 if h_prev is None else h_prev) - n) * z * (1 - z)
    grad_r = grad_n * hidden_n * r * (1 - r)
    torch.mul(grad, z, out=carried)
    for k, (to_input, to_state) in enumerate(((grad_r, grad_r), (grad_z, grad_z), (grad_n, grad_n * r))):
        grad_gates.chunk(3, 1)[k].copy_(to_input)
        grad_recurrent.chunk(3, 1)[k].copy_(to_state)


def gru_reset(gates: Tensor, recurrent: Tensor | None, h_prev: Tensor | None, reset_h: Tensor) -> None:
    """The first half of a GRU step that resets before the recurrent projection.

    Args:
        gates: the input's part of r, z, n ``(R, 3H)``; r and z become their activated values.
        recurrent: the state's part of r and z ``(R, 2H)``; None for zero.
        h_prev: the state before the step ``(R, H)``; None for zero.
        reset_h: receives ``r * h_prev (R, H)``, from which the state's part of n is made.
    """
    both = gates[:, : 2 * reset_h.shape[1]]
    both.copy_((both if recurrent is None else both + recurrent).sigmoid())
    reset_h.copy_(both.chunk(2, 1)[0] * (0 if h_prev is None else h_prev))


def gru_output(gates: Tensor, recurrent: Tensor | None, h_prev: Tensor | None, h: Tensor) -> None:
    """The second half: ``n`` becomes activated in ``gates (R, 3H)``, and ``h (R, H)`` receives the new state.

    ``recurrent (R, H)`` is the state's part of n; None for zero.
    """
    _, z, n = gates.chunk(3, 1)
    n.copy_((n if recurrent is None else n + recurrent).tanh())
    h.copy_(n + z * ((0 if h_prev is None else h_prev) - n))


def gru_output_backward(
    gates: Tensor, h_prev: Tensor | None, grad_h: Tensor, grad_both: Tensor, grad_n: Tensor, carried: Tensor
) -> None:
    """Backward of :func:`gru_output`.

    Args:
        gates: activated r, z, n ``(R, 3H)``.
        h_prev: the state before the step ``(R, H)``; None for zero.
        grad_h: gradient of the new state ``(R, H)``, of the state's type.
        grad_both: receives the gradient of z's sum in its second half ``(R, 2H)``.
        grad_n: receives the gradient of n's sum ``(R, H)``.
        carried: receives what passes n by on the way to ``h_prev``'s gradient ``(R, H)``, of the state's type.
    """
    _, z, n = gates.to(grad_h.dtype).chunk(3, 1)
    grad_n.copy_(grad_h * (1 - z) * (1 - n * n))
    grad_both.chunk(2, 1)[1].copy_(grad_h * ((0 if h_prev is None else h_prev) - n) * z * (1 - z))
    torch.mul(grad_h, z, out=carried)


def gru_reset_backward(
    gates: Tensor, h_prev: Tensor | None, grad_reset_h: Tensor, grad_both: Tensor, carried: Tensor
) -> None:
    """Backward of :func:`gru_reset`.

    Args:
        gates: activated r, z, n ``(R, 3H)``.
        h_prev: the state before the step ``(R, H)``; None for zero.
        grad_reset_h: gradient of ``r * h_prev (R, H)``.
        grad_both: receives the gradient of r's sum in its first half ``(R, 2H)``.
        carried: to which the part of ``h_prev``'s gradient that comes through r is added ``(R, H)``.
    """
    r = gates.chunk(3, 1)[0].to(carried.dtype)
    grad_both.chunk(2, 1)[0].copy_(grad_reset_h * (0 if h_prev is None else h_prev) * r * (1 - r))
    carried.addcmul_(grad_reset_h.to(carried.dtype), r)


_BACKWARD_OF: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "tanh": torch.ops.aten.tanh_backward,
    "relu": lambda grad, h: torch.ops.aten.threshold_backward(grad, h, 0),
}
_FORWARD_OF = {"tanh": torch.tanh, "relu": torch.relu}


def rnn(sums: Tensor, added: Tensor | None, nonlinearity: str, h: Tensor) -> None:
    """One step of a simple recurrent layer: ``h (R, H)`` receives the activated sum."""
    h.copy_(_FORWARD_OF[nonlinearity](sums if added is None else sums + added))


def rnn_backward(h: Tensor, grad_h: Tensor | None, added: Tensor | None, nonlinearity: str, grad_sums: Tensor) -> None:
    """Backward of :func:`rnn`; the two parts of the gradient of ``h (R, H)`` are added, None is zero."""
    parts = [part for part in (grad_h, added) if part is not None]
    if not parts:
        grad_sums.zero_()
        return
    grad = parts[0] if len(parts) == 1 else parts[0] + parts[1]
    grad_sums.copy_(_BACKWARD_OF[nonlinearity](grad, h))
