"""The count of memory held for the backward, against counts by hand."""

import pytest
import torch
from benchmarks.cases import Case, draw_input, draw_weights
from benchmarks.contenders import CONTENDERS
from benchmarks.memory import alive_after, allocated, measure
from torch.utils.checkpoint import checkpoint

CASE = Case("tiny", 4, 3, 2, 5, 6, 3)
FLOAT = 4


class Hiding(torch.autograd.Function):
    """Doubles its input and keeps two copies of it where `saved_tensors` does not show them."""

    @staticmethod
    def forward(ctx, x):
        ctx.hidden = x.clone()
        other = x.clone()
        ctx.also = lambda: other
        return x * 2

    @staticmethod
    def backward(ctx, grad):
        return grad * 2


class Dropping(torch.autograd.Function):
    """Makes two copies as well, but keeps none."""

    @staticmethod
    def forward(ctx, x):
        x.clone(), x.clone()
        return x * 2

    @staticmethod
    def backward(ctx, grad):
        return grad * 2


def both_counts(forward, excluded=()):
    return alive_after(forward, excluded), allocated(forward, torch.device("cpu"))[0]


def test_the_textbook_loop_holds_what_a_count_by_hand_gives():
    module = CONTENDERS["textbook"].build(CASE, draw_weights(CASE))
    held, peak = measure(module, draw_input(CASE))
    # Per step: input and h side by side, four gates, c and tanh(c).
    assert held == FLOAT * CASE.floats(CASE.channels + 7 * CASE.hidden)
    # In the whole step also the input, all h and their stack.
    assert peak >= held + FLOAT * CASE.floats(CASE.channels + 2 * CASE.hidden)
    assert peak < 2 * held


def test_tensors_on_the_context_and_in_closures_are_seen():
    x = torch.randn(1000, requires_grad=True)
    assert both_counts(lambda: Hiding.apply(x).grad_fn, [x]) == (2000 * FLOAT, 2000 * FLOAT)


def test_tensors_that_are_not_kept_are_not_counted():
    x = torch.randn(1000, requires_grad=True)
    assert both_counts(lambda: Dropping.apply(x).grad_fn, [x]) == (0, 0)


@pytest.mark.parametrize("use_reentrant", [True, False])
def test_what_a_checkpoint_keeps_in_its_closure_is_seen(use_reentrant):
    weight = torch.randn(1000, requires_grad=True)

    def forward():
        x = weight * 2  # held by the checkpoint alone
        return checkpoint(lambda x: x.exp().sin().cos(), x, use_reentrant=use_reentrant).grad_fn

    held = alive_after(forward, [weight])
    assert held >= 1000 * FLOAT
    assert held < 2000 * FLOAT  # the three that are computed anew are not held


def test_a_workspace_kept_from_the_last_call_is_seen():
    workspace = torch.randn(1000)
    x = torch.randn(1000, requires_grad=True)
    assert alive_after(lambda: x.detach() * workspace, [x]) == 2000 * FLOAT  # and the result


class Scale(torch.nn.Linear):
    """Its backward needs the sum of its input, not the input."""

    def forward(self, x):
        return x.sum() * self.bias * self.weight.sum()


def test_the_input_counts_where_it_is_held():
    x = torch.randn(20, 50)
    assert measure(torch.nn.Linear(50, 1), x).held == x.nbytes
    assert measure(Scale(50, 1), x).held < x.nbytes / 20
