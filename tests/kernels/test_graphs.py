"""Calls replayed from CUDA graphs: which are captured, on the CPU with a stand-in; the replay itself, on a GPU."""

import pytest
import torch

from framecast.kernels.cuda import _graphs
from framecast.kernels.cuda._graphs import Graphs, refusal

gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


class StandIn:
    """Takes the place of a recording: runs the function on the memory that was there at the capture."""

    def __init__(self, run, inputs, weights):
        self.run, self.weights, self.waited = run, weights, False
        self.inputs = [None if x is None else x.clone() for x in inputs]

    def __call__(self, inputs):
        for own, given in zip(self.inputs, inputs, strict=True):
            if own is not None:
                own.copy_(given)
        return tuple(output.clone() for output in self.run(self.inputs, self.weights))

    def wait(self):
        self.waited = True


@pytest.fixture
def made(monkeypatch):
    """All recordings that a test makes; nothing is refused."""
    recordings = []

    def record(run, inputs, weights):
        recordings.append(StandIn(run, inputs, weights))
        return recordings[-1]

    monkeypatch.setattr(_graphs, "refusal", lambda inputs, weights: None)
    monkeypatch.setattr(_graphs, "Recording", record)
    return recordings


def affine(inputs, weights):
    x, offset = inputs
    product = x @ weights[0]
    return (product if offset is None else product + offset, product)


def check(graphs, x, offset, weight, name="affine"):
    for actual, expected in zip(
        graphs(affine, name, (x, offset), (weight, None)), affine((x, offset), (weight,)), strict=True
    ):
        torch.testing.assert_close(actual, expected)


def test_the_second_call_of_a_kind_is_captured_and_later_ones_are_replayed(made):
    graphs, weight = Graphs(), torch.randn(3, 4)
    check(graphs, torch.randn(2, 3), None, weight)
    assert not made
    for _ in range(3):
        check(graphs, torch.randn(2, 3), None, weight)
    assert len(made) == 1


def test_a_replay_reads_the_weights_as_they_are(made):
    graphs, weight = Graphs(), torch.randn(3, 4)
    for _ in range(4):
        check(graphs, torch.randn(2, 3), None, weight)
        weight.mul_(2)
    assert len(made) == 1


def test_what_differs_is_another_kind(made):
    graphs, weight, x = Graphs(limit=100), torch.randn(3, 4), torch.randn(2, 3)
    kinds = [
        (x, None, weight, "affine"),
        (x, None, weight, "affine, with an option"),
        (x, torch.randn(2, 4), weight, "affine"),
        (torch.randn(5, 3), None, weight, "affine"),
        (torch.randn(3, 2).T, None, weight, "affine"),
        (x.double(), None, weight.double(), "affine"),
        (x, None, weight.clone(), "affine"),
        (x, None, torch.randn(3, 7), "affine"),
    ]
    for count in (0, len(kinds), len(kinds)):
        for kind in kinds:
            check(graphs, *kind)
        assert len(made) == count


def test_the_kind_unused_for_the_longest_is_dropped_after_its_last_replay(made):
    graphs, weight = Graphs(limit=2), torch.randn(3, 4)

    def call(rows):
        check(graphs, torch.randn(rows, 3), None, weight)

    for rows in (1, 1, 2, 2, 1, 3):
        call(rows)
    one, two = made
    assert (one.waited, two.waited) == (False, True)
    call(1)
    assert len(made) == 2
    call(2)
    assert len(made) == 2
    call(2)
    assert len(made) == 3


def test_a_capture_that_fails_is_told_and_leaves_nothing_behind(made, monkeypatch):
    graphs, weight, x = Graphs(), torch.randn(3, 4), torch.randn(2, 3)
    check(graphs, x, None, weight)

    def fail(*arguments):
        raise RuntimeError("not permitted when the stream is capturing")

    with monkeypatch.context() as patch:
        patch.setattr(_graphs, "Recording", fail)
        with pytest.raises(RuntimeError, match="not permitted"):
            check(graphs, x, None, weight)
    for _ in range(3):
        check(graphs, x, None, weight)
    assert len(made) == 1


def test_what_is_refused_runs_as_it_is(device):
    graphs, weight, x = Graphs(), torch.randn(3, 4, requires_grad=True), torch.randn(2, 3)
    for _ in range(3):
        graphs(affine, "affine", (x, None), (weight,))[0].sum().backward()
    torch.testing.assert_close(weight.grad, 3 * x.T @ torch.ones(2, 4))


def test_reasons_of_refusal(monkeypatch):
    class Own(torch.Tensor):
        pass

    x = torch.zeros(2, 3, device="cpu")
    assert refusal([x], [x]) == "gradients are recorded"
    with torch.no_grad():
        assert refusal([x], [None]) == "tensors are not on one GPU but on cpu"
        assert refusal([None], []) == "tensors are not on one GPU but on none"
        assert refusal([x], [x.to("meta")]) == "tensors are not on one GPU but on cpu, meta"
        assert refusal([x], [x.as_subclass(Own)]) == "tensors of another class than torch.Tensor"
        monkeypatch.setattr(_graphs, "transforms_active", lambda: True)
        assert refusal([x], [x]).startswith("torch.func")


@gpu
def test_reasons_of_refusal_on_a_gpu(monkeypatch):
    x = torch.zeros(2, 3, device="cuda")
    with torch.no_grad():
        assert refusal([x], [x]) is None
        assert "0 elements" in refusal([x[:0]], [x])
        with torch.autocast("cuda"):
            assert refusal([x], [x]) == "autocast is on"
        monkeypatch.setattr(_graphs, "LARGEST", 5)
        assert refusal([x], [x]) == "inputs hold 6 elements, not between 1 and 5"


@gpu
@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_replays_are_right_and_their_results_stay(mode):
    graphs, weight = Graphs(), torch.randn(3, 4, device="cuda")
    kept = []
    # Calls from both modes meet in one recording.
    for context in (mode, mode, mode, torch.no_grad):
        with context():
            x = torch.randn(2, 3, device="cuda")
            weight.mul_(1.5)
            inputs = x, x[:, :1]
            kept.append((graphs(affine, "affine", inputs, (weight,)), affine(inputs, (weight,))))
    assert [type(recording) for recording in graphs._recordings.values()] == [_graphs.Recording]
    for actual, expected in kept:
        for a, e in zip(actual, expected, strict=True):
            torch.testing.assert_close(a, e)
