"""The contenders agree with an independent loop, and the check sees one that does not."""

import sys
import time

import pytest
import torch
from benchmarks.agreement import DisagreementError, check, results
from benchmarks.cases import Case, Weights, draw_input, draw_weights
from benchmarks.contenders import CONTENDERS, Contender, inference, training_step
from benchmarks.layers import FLOOR, TEXTBOOK, compare
from benchmarks.libraries import LIBRARIES
from benchmarks.peers import Peer, PeerError
from benchmarks.settings import Settings
from benchmarks.textbook import TextbookConvLSTM

from benchmarks import layers

CASE = Case("tiny", 4, 3, 2, 5, 6, 3)
QUICK = Settings(rounds=1, seconds=0.0)
PLAIN = [name for name, contender in CONTENDERS.items() if not contender.compiled]


def expected():
    """Outputs and gradients of a ConvLSTM written out in float64 with separate convolutions."""
    weights = Weights(*(w.double().requires_grad_() for w in draw_weights(CASE)))
    h = c = torch.zeros(CASE.batch, CASE.hidden, CASE.size, CASE.size, dtype=torch.float64)
    outputs = []
    for frame in draw_input(CASE).double():
        gates = torch.conv2d(frame, weights.weight_ih, weights.bias, padding=1)
        gates = gates + torch.conv2d(h, weights.weight_hh, padding=1)
        i, f, g, o = gates.chunk(4, 1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        outputs.append(h)
    output = torch.stack(outputs)
    return results(output, Weights(*torch.autograd.grad(output.square().mean(), weights)))


class Forgetful(TextbookConvLSTM):
    """Starts every step from a zero cell state."""

    def forward(self, x):
        h = x.new_zeros(x.shape[1], self.hidden, *x.shape[3:])
        outputs = []
        for frame in x:
            h, _ = self.cell(frame, h, torch.zeros_like(h))
            outputs.append(h)
        return torch.stack(outputs)


class Detached(TextbookConvLSTM):
    """The right output, but gradients that do not pass through time."""

    def forward(self, x):
        h = c = x.new_zeros(x.shape[1], self.hidden, *x.shape[3:])
        outputs = []
        for frame in x:
            h, c = self.cell(frame, h.detach(), c.detach())
            outputs.append(h)
        return torch.stack(outputs)


@pytest.mark.parametrize("name", PLAIN)
def test_contenders_give_the_numbers_of_the_equations(name):
    module, x = CONTENDERS[name].build(CASE, draw_weights(CASE)), draw_input(CASE)
    found = results(inference(module, x), module.split(training_step(module, x)))
    assert check(found, expected(), 1e-5) < 1e-5


def test_a_wrong_number_or_shape_or_nan_is_a_disagreement():
    right = expected()
    for name, value in right.items():
        wrong = value.clone()
        wrong.view(-1)[-1] += 2e-4 * value.abs().max()
        with pytest.raises(DisagreementError, match=f"^{name} differs by 0.0002 of its largest value"):
            check({**right, name: wrong}, right, 1e-4)
        wrong.view(-1)[-1] = torch.nan
        with pytest.raises(DisagreementError, match=name):
            check({**right, name: wrong}, right, 1e-4)
        with pytest.raises(DisagreementError, match=f"{name} has shape"):
            check({**right, name: value[:1]}, right, 1e-4)


@pytest.mark.parametrize("wrong", [Forgetful, Detached])
def test_one_that_disagrees_is_named_and_gets_no_times(wrong, monkeypatch):
    monkeypatch.setitem(layers.CONTENDERS, "wrong", Contender(wrong))
    good, floor, bad = compare(CASE, {"float32": (TEXTBOOK, FLOOR, "wrong")}, QUICK)
    assert bad.disagrees
    assert bad.problem.startswith("disagrees: ")
    assert bad.training is bad.inference is bad.memory is None
    for entry in (good, floor):
        assert entry.problem is None
        assert entry.training.median > 0
        assert entry.inference.median > 0


def test_one_that_fails_does_not_stop_the_others(monkeypatch):
    def build(case, weights):
        raise ValueError("no such kernel\nand more")

    monkeypatch.setitem(layers.CONTENDERS, "failing", Contender(build))
    bad, good = compare(CASE, {"bfloat16": ("failing", TEXTBOOK)}, QUICK)
    assert bad.problem.startswith("failed: ValueError('no such kernel")
    assert not bad.disagrees
    assert good.training is not None


def test_a_compilation_that_takes_too_long_is_ended(monkeypatch):
    def build(case, weights):
        module = TextbookConvLSTM(case, weights)
        module.cell.register_forward_pre_hook(lambda *_: time.sleep(30))
        return module

    monkeypatch.setitem(layers.CONTENDERS, "slow", Contender(build, compiled=True))
    monkeypatch.setattr(layers, "COMPILE_LIMIT", 1)
    (slow,) = compare(CASE, {"float32": ("slow",)}, QUICK)
    assert slow.problem == "over 1 s"
    assert slow.training is None


@pytest.mark.parametrize("name", LIBRARIES)
def test_other_libraries_agree(name):
    with Peer(name, CASE) as peer:
        try:
            seconds, found = peer.start()
        except PeerError as error:
            pytest.skip(f"{name}: {error}")
        assert check(found, expected(), 1e-4) < 1e-4
        assert 0 < peer.inference() < 60
        assert 0 < peer.training_step() < 60
        assert seconds > 0


def test_libraries_that_are_missing_or_slow_or_broken_are_told_apart(tmp_path):
    interpreter = tmp_path / "python"

    def message(script, limit=30.0):
        interpreter.write_text(f"#!{sys.executable}\n{script}\n")
        interpreter.chmod(0o755)
        with Peer("flax", CASE, python=str(interpreter), limit=limit) as peer, pytest.raises(PeerError) as caught:
            peer.start()
        return str(caught.value)

    assert message("import no_such_library") == "not installed"
    assert message("raise ValueError('out of luck')") == "failed: ValueError: out of luck"
    assert message("import time; time.sleep(60)", limit=0.5) == "over 0.5 s"
