"""Any cell over time, against torch's layers and Framecast's own."""

import pytest
import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from framecast import nn

KINDS = ["RNN", "LSTM", "GRU"]


def flat(states):
    return states if isinstance(states, tuple) else (states,)


def close(found, expected):
    for a, b in zip((found[0], *flat(found[1])), (expected[0], *flat(expected[1])), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)


def unrolled(kind, source, layer, directions, **options):
    """``Recurrent`` over cells of ``source`` with the weights of a one-level ``layer``."""
    cells = []
    for suffix in ("_l0", "_l0_reverse")[:directions]:
        cell = getattr(source, f"{kind}Cell")(3, 5, dtype=torch.float64)
        cell.load_state_dict({n.removesuffix(suffix): p for n, p in layer.state_dict().items() if n.endswith(suffix)})
        cells.append(cell)
    return nn.Recurrent(*cells, **options)


def initial(kind, directions, batch):
    states = torch.randn(2, directions, batch, 5, dtype=torch.float64).unbind(0)
    return states if kind == "LSTM" else states[0]


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("directions", [1, 2])
@pytest.mark.parametrize("source", [torch.nn, nn], ids=["torch", "framecast"])
@pytest.mark.parametrize("kind", KINDS)
def test_cells_unrolled_are_layers(kind, source, directions, batch_first):
    options = {"bidirectional": directions == 2, "batch_first": batch_first, "dtype": torch.float64}
    theirs = getattr(torch.nn, kind)(3, 5, **options)
    ours = unrolled(kind, source, theirs, directions, batch_first=batch_first)
    x, hx = torch.randn(4, 4, 3, dtype=torch.float64)[:, :3], initial(kind, directions, 3)
    x = x.transpose(0, 1) if batch_first else x
    close(ours(x), theirs(x))
    close(ours(x, hx), theirs(x, hx))
    names = [n for n, _ in theirs.named_parameters()]
    found, expected = (
        torch.autograd.grad(sum(t.square().sum() for t in (output, *flat(final))), list(layer.parameters()))
        for layer, (output, final) in ((ours, ours(x, hx)), (theirs, theirs(x, hx)))
    )
    for name, a, b in zip(names, found, expected, strict=True):
        torch.testing.assert_close(a, b, msg=lambda text, name=name: f"{name}: {text}")


@pytest.mark.parametrize("given", [False, True])
@pytest.mark.parametrize("directions", [1, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_packed_and_lengths(kind, directions, given):
    theirs = getattr(torch.nn, kind)(3, 5, bidirectional=directions == 2, dtype=torch.float64)
    ours = unrolled(kind, torch.nn, theirs, directions)
    x, lengths = torch.randn(6, 4, 3, dtype=torch.float64), [2, 6, 1, 4]
    hx = initial(kind, directions, 4) if given else None
    packed = pack_padded_sequence(x, lengths, enforce_sorted=False)
    output, final = theirs(packed, hx)
    expected = pad_packed_sequence(output)[0], final
    output, final = ours(packed, hx)
    close((pad_packed_sequence(output)[0], final), expected)
    close(ours(x, hx, lengths=lengths), expected)
    close(ours(x, hx, lengths=torch.tensor(lengths)), expected)


def test_a_sequence_of_no_steps_keeps_its_state():
    layer = nn.Recurrent(torch.nn.GRUCell(3, 5), torch.nn.GRUCell(3, 5))
    x, hx = torch.randn(6, 3, 3), torch.randn(2, 3, 5)
    output, h_n = layer(x, hx, lengths=[2, 0, 5])
    assert not output[:, 1].any()
    torch.testing.assert_close(h_n[:, 1], hx[:, 1])
    own, own_h_n = layer(x[:5, 2:], hx[:, 2:])
    torch.testing.assert_close(output[:5, 2:], own)
    torch.testing.assert_close(h_n[:, 2:], own_h_n)


class Counter(torch.nn.Module):
    """Three states of different shapes: a running sum, a running maximum of its rows, and a count of steps."""

    def forward(self, frame, state=None):
        if state is None:
            state = torch.zeros_like(frame), frame.new_full(frame.shape[:2], 0.0), frame.new_zeros(len(frame), 1)
        total, largest, steps = state
        total = total + frame
        return total, torch.maximum(largest, total.amax(-1)), steps + 1


def test_a_cell_of_ones_own():
    layer = nn.Recurrent(Counter(), Counter())
    x = torch.randn(7, 3, 2, 4)
    lengths = [3, 7, 1]
    output, (total, largest, steps) = layer(x, lengths=lengths)
    assert output.shape == (7, 3, 4, 4)
    assert (total.shape, largest.shape, steps.shape) == ((2, 3, 2, 4), (2, 3, 2), (2, 3, 1))
    for row, length in enumerate(lengths):
        own = x[:length, row]
        forward, backward = own.cumsum(0), own.flip(0).cumsum(0)
        torch.testing.assert_close(output[:length, row], torch.cat([forward, backward.flip(0)], 1))
        torch.testing.assert_close(total[:, row], own.sum(0).expand(2, -1, -1))
        best = [sums.amax(-1).amax(0).clamp(min=0) for sums in (forward, backward)]
        torch.testing.assert_close(largest[:, row], torch.stack(best))
        assert steps[:, row].tolist() == [[length]] * 2


def test_a_framecast_cell_with_options():
    options = {"kernel_size": 3, "stride": 2, "peephole": "channel", "zoneout": (0.2, 0.1), "norm": "group"}
    layer = nn.ConvLSTM2d(2, 3, **options).eval()
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter)
    cell = nn.ConvLSTM2dCell(2, 3, **options).eval()
    cell.load_state_dict({n.removesuffix("_l0"): p for n, p in layer.state_dict().items()})
    x = torch.randn(4, 3, 2, 7, 6)
    hx = torch.randn(2, 1, 3, 3, 4, 3).unbind(0)
    for given in (None, hx):
        found, expected = (way(x, given, lengths=[4, 1, 3]) for way in (nn.Recurrent(cell).eval(), layer))
        torch.testing.assert_close(found, expected)


class Countdown(torch.nn.Module):
    """A decoder of one's own: reads no frame, halves its first state and counts in its second."""

    def forward(self, frame, state):
        assert frame is None
        value, steps = state
        return value / 2, steps + 1


@pytest.mark.parametrize("name", ["GRUCell", "LSTMCell", "ConvGRU2dCell", "ConvLSTM2dCell"])
def test_a_cell_without_input_decodes_as_a_loop_does(name):
    space = (5, 4) if name.startswith("Conv") else ()
    cells = [getattr(nn, name)(0, 3, dtype=torch.float64) for _ in range(2)]
    hx = torch.randn(2, 2, 4, 3, *space, dtype=torch.float64).unbind(0)
    hx = hx if "LSTM" in name else hx[0]
    output, final = nn.Recurrent(*cells)(None, hx, steps=6)
    for direction, cell in enumerate(cells):
        state = tuple(s[direction] for s in flat(hx))
        outputs = []
        for _ in range(6):
            state = flat(cell(None, state if len(state) > 1 else state[0]))
            outputs.append(state[0])
        if direction == 1:
            outputs.reverse()
        torch.testing.assert_close(output[:, :, 3 * direction : 3 * direction + 3], torch.stack(outputs))
        for s, expected in zip(flat(final), state, strict=True):
            torch.testing.assert_close(s[direction], expected)


def test_a_framecast_cell_without_input_is_the_layer_without_input():
    layer = nn.ConvLSTM2d(0, 3, peephole="channel", dtype=torch.float64)
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter)
    cell = nn.ConvLSTM2dCell(0, 3, peephole="channel", dtype=torch.float64)
    cell.load_state_dict({n.removesuffix("_l0"): p for n, p in layer.state_dict().items()})
    hx = torch.randn(2, 1, 4, 3, 5, 4, dtype=torch.float64).unbind(0)
    close(nn.Recurrent(cell)(None, hx, steps=4), layer(None, hx, steps=4))


def test_a_decoder_of_ones_own():
    value, steps = torch.randn(1, 3, 2), torch.zeros(1, 3, 1)
    output, (last, count) = nn.Recurrent(Countdown())(None, (value, steps), steps=3)
    torch.testing.assert_close(output, torch.cat([value / 2, value / 4, value / 8]))
    torch.testing.assert_close(last, value / 8)
    assert count.tolist() == [[[3], [3], [3]]]


def test_wrong_calls():
    layer = nn.Recurrent(torch.nn.LSTMCell(3, 5))
    with pytest.raises(ValueError, match="`cell` must be a module, got int"):
        nn.Recurrent(3)
    with pytest.raises(ValueError, match="`reverse_cell` must be a module, got str"):
        nn.Recurrent(torch.nn.LSTMCell(3, 5), "no")
    with pytest.raises(ValueError, match=r"`input` has no time steps \(T = 0\)"):
        layer(torch.zeros(0, 2, 3))
    packed = pack_padded_sequence(torch.zeros(4, 2, 3), [4, 2])
    with pytest.raises(ValueError, match="`lengths` are for padded input; a PackedSequence has its own"):
        layer(packed, lengths=[4, 2])
