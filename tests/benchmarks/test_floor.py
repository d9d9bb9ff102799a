"""The floor's convolutions are those of the layer: given its true states, they give its true gradients."""

import pytest
import torch
from benchmarks.cases import Case, Weights, draw_input, draw_weights
from benchmarks.floor import Floor, channels_last

CASE = Case("tiny", 4, 3, 2, 5, 6, 3)


def layer(weights, x):
    """A ConvLSTM written out with separate convolutions; returns outputs and gate sums of all steps."""
    h = c = torch.zeros(CASE.batch, CASE.hidden, CASE.size, CASE.size)
    outputs, sums = [], []
    for frame in x:
        gates = torch.conv2d(frame, weights.weight_ih, weights.bias, padding=1)
        gates = gates + torch.conv2d(h, weights.weight_hh, padding=1)
        i, f, g, o = gates.chunk(4, 1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        outputs.append(h)
        sums.append(gates)
    return torch.stack(outputs), sums


def test_with_true_states_the_floor_gives_the_true_weight_gradients():
    weights = Weights(*(w.requires_grad_() for w in draw_weights(CASE)))
    output, sums = layer(weights, draw_input(CASE))
    loss = output.square().mean()
    expected = torch.autograd.grad(loss, [weights.weight_ih, weights.weight_hh], retain_graph=True)
    floor = Floor(CASE)
    floor.h = channels_last(output.detach().flatten(0, 1))
    floor.grad_gates = channels_last(torch.cat(torch.autograd.grad(loss, sums)))
    found = floor.training_step()
    torch.testing.assert_close(found.weight_ih, expected[0], rtol=1e-4, atol=1e-7)
    torch.testing.assert_close(found.weight_hh, expected[1], rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("training", [True, False])
def test_it_calls_as_many_convolutions_as_the_recurrence_needs(training):
    floor = Floor(CASE)
    with torch.profiler.profile() as profiler:
        if training:
            floor.training_step()
        else:
            floor.inference()
    counts = {row.key: row.count for row in profiler.key_averages()}
    assert counts["aten::convolution"] == CASE.steps  # all inputs at once, and each step but the first
    # The input gradient of each step but the first, and two weight gradients.
    assert counts.get("aten::convolution_backward", 0) == (CASE.steps + 1 if training else 0)
