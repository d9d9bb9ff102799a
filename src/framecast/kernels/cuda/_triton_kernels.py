"""The pointwise part of a step as Triton kernels; imported by `_steps` alone, when they are first run.

Every kernel takes the operands of the step of its name, as declared in `sequence`.

A program works on BLOCK consecutive elements of the R x H matrix that the step fills. Data is read into float32, and
`tl.store` rounds it to the nearest of its type. An argument that is None is known to the compiler, which leaves its
reads out. Only what the interpreter knows as well is used.

Shape letters: R rows, H hidden channels.
"""

# mypy: allow-untyped-defs, allow-untyped-calls

import triton
import triton.language as tl


@triton.jit
def _place(gates: tl.constexpr, elements, H: tl.constexpr, BLOCK: tl.constexpr, LARGE: tl.constexpr):
    """Places in a matrix (R, H), in one (R, gates * H) for the first gate, and in a row; and which of them exist."""
    program = tl.program_id(0)
    if LARGE:
        program = program.to(tl.int64)
    here = program * BLOCK + tl.arange(0, BLOCK)
    channel = here % H
    return here, here // H * (gates * H) + channel, channel, here < elements


@triton.jit
def _read(tensor, place, exists):
    """Values in float32; zeros of None."""
    if tensor is None:
        return tl.full(place.shape, 0.0, tl.float32)
    else:
        return tl.load(tensor + place, exists, other=0.0).to(tl.float32)


@triton.jit
def _exp(x):
    # 2^n e^rest: `tl.exp` alone rounds x log2(e), a relative error that grows with x. Beyond 100 float32 overflows.
    x = tl.where(x > 100.0, 100.0, tl.where(x < -100.0, -100.0, x))
    n = tl.floor(x * 1.4426950408889634 + 0.5)
    rest = (x - n * 0.693359375) + n * 2.12194440e-4
    return tl.exp2(rest * 1.4426950408889634) * tl.exp2(n)


@triton.jit
def _sigmoid(x):
    return 1.0 / (1.0 + _exp(-x))


@triton.jit
def _tanh(x):
    # Near zero the difference of exponentials loses digits; the polynomial is that of Cephes' tanhf.
    square = x * x
    near = -5.70498872745e-3 * square + 2.06390887954e-2
    near = near * square - 5.37397155531e-2
    near = near * square + 1.33314422036e-1
    near = near * square - 3.33332819422e-1
    far = 1.0 - 2.0 / (_exp(2.0 * tl.abs(x)) + 1.0)
    return tl.where(tl.abs(x) < 0.625, near * square * x + x, tl.where(x < 0.0, -far, far))


@triton.jit
def lstm(gates, added, c_prev, peephole, h, c, elements, H: tl.constexpr, BLOCK: tl.constexpr, LARGE: tl.constexpr):
    """One LSTM step."""
    here, gate, channel, exists = _place(4, elements, H, BLOCK, LARGE)
    before = _read(c_prev, here, exists)
    i = _read(gates, gate, exists) + _read(added, gate, exists)
    f = _read(gates, gate + H, exists) + _read(added, gate + H, exists)
    g = _read(gates, gate + 2 * H, exists) + _read(added, gate + 2 * H, exists)
    o = _read(gates, gate + 3 * H, exists) + _read(added, gate + 3 * H, exists)
    if peephole is not None:
        i += _read(peephole, channel, exists) * before
        f += _read(peephole, channel + H, exists) * before
    i, f, g = _sigmoid(i), _sigmoid(f), _tanh(g)
    after = i * g + f * before
    if peephole is not None:
        o += _read(peephole, channel + 2 * H, exists) * after
    o = _sigmoid(o)
    tl.store(gates + gate, i, exists)
    tl.store(gates + gate + H, f, exists)
    tl.store(gates + gate + 2 * H, g, exists)
    tl.store(gates + gate + 3 * H, o, exists)
    tl.store(c + here, after, exists)
    tl.store(h + here, o * _tanh(after), exists)


@triton.jit
def lstm_state(gates, c_prev, c, elements, H: tl.constexpr, BLOCK: tl.constexpr, LARGE: tl.constexpr):
    """The cell state after a step, from its activated gates and the state before it."""
    here, gate, _, exists = _place(4, elements, H, BLOCK, LARGE)
    i = _read(gates, gate, exists)
    f = _read(gates, gate + H, exists)
    g = _read(gates, gate + 2 * H, exists)
    tl.store(c + here, i * g + f * _read(c_prev, here, exists), exists)


@triton.jit
def lstm_backward(
    gates,
    c_prev,
    c,
    grad_h,
    added,
    grad_c,
    peephole,
    grad_gates,
    h,
    elements,
    H: tl.constexpr,
    BLOCK: tl.constexpr,
    LARGE: tl.constexpr,
):
    """Backward of one LSTM step."""
    here, gate, channel, exists = _place(4, elements, H, BLOCK, LARGE)
    i = _read(gates, gate, exists)
    f = _read(gates, gate + H, exists)
    g = _read(gates, gate + 2 * H, exists)
    o = _read(gates, gate + 3 * H, exists)
    tanh_c = _tanh(_read(c, here, exists))
    grad = _read(grad_h, here, exists) + _read(added, here, exists)
    grad_o = grad * tanh_c * o * (1.0 - o)
    grad_after = _read(grad_c, here, exists) + grad * o * (1.0 - tanh_c * tanh_c)
    if peephole is not None:
        grad_after += grad_o * _read(peephole, channel + 2 * H, exists)
    grad_i = grad_after * g * i * (1.0 - i)
    grad_f = grad_after * _read(c_prev, here, exists) * f * (1.0 - f)
    grad_before = grad_after * f
    if peephole is not None:
        grad_before += grad_i * _read(peephole, channel, exists)
        grad_before += grad_f * _read(peephole, channel + H, exists)
    tl.store(grad_gates + gate, grad_i, exists)
    tl.store(grad_gates + gate + H, grad_f, exists)
    tl.store(grad_gates + gate + 2 * H, grad_after * i * (1.0 - g * g), exists)
    tl.store(grad_gates + gate + 3 * H, grad_o, exists)
    tl.store(grad_c + here, grad_before, exists)
    if h is not None:
        tl.store(h + here, o * tanh_c, exists)


@triton.jit
def gru(gates, recurrent, h_prev, h, hidden_n, elements, H: tl.constexpr, BLOCK: tl.constexpr, LARGE: tl.constexpr):
    """One GRU step that resets after the recurrent projection."""
    here, gate, _, exists = _place(3, elements, H, BLOCK, LARGE)
    to_n = _read(recurrent, gate + 2 * H, exists)
    r = _sigmoid(_read(gates, gate, exists) + _read(recurrent, gate, exists))
    z = _sigmoid(_read(gates, gate + H, exists) + _read(recurrent, gate + H, exists))
    n = _tanh(_read(gates, gate + 2 * H, exists) + r * to_n)
    after = n + z * (_read(h_prev, here, exists) - n)
    tl.store(gates + gate, r, exists)
    tl.store(gates + gate + H, z, exists)
    tl.store(gates + gate + 2 * H, n, exists)
    tl.store(hidden_n + here, to_n, exists)
    tl.store(h + here, after, exists)


@triton.jit
def gru_backward(
    gates,
    hidden_n,
    h_prev,
    grad_h,
    added,
    carried,
    grad_gates,
    grad_recurrent,
    elements,
    H: tl.constexpr,
    BLOCK: tl.constexpr,
    LARGE: tl.constexpr,
):
    """Backward of one GRU step that resets after the recurrent projection."""
    here, gate, _, exists = _place(3, elements, H, BLOCK, LARGE)
    r = _read(gates, gate, exists)
    z = _read(gates, gate + H, exists)
    n = _read(gates, gate + 2 * H, exists)
    grad = _read(carried, here, exists) + _read(grad_h, here, exists) + _read(added, here, exists)
    grad_n = grad * (1.0 - z) * (1.0 - n * n)
    grad_z = grad * (_read(h_prev, here, exists) - n) * z * (1.0 - z)
    grad_r = grad_n * _read(hidden_n, here, exists) * r * (1.0 - r)
    tl.store(grad_gates + gate, grad_r, exists)
    tl.store(grad_gates + gate + H, grad_z, exists)
    tl.store(grad_gates + gate + 2 * H, grad_n, exists)
    tl.store(grad_recurrent + gate, grad_r, exists)
    tl.store(grad_recurrent + gate + H, grad_z, exists)
    tl.store(grad_recurrent + gate + 2 * H, grad_n * r, exists)
    tl.store(carried + here, grad * z, exists)
