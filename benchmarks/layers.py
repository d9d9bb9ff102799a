"""The main measurement: all contenders at one case, checked first and then timed turn about."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
import torch._dynamo
from torch import Tensor

from .agreement import TOLERANCES, DisagreementError, check, results
from .cases import Case, draw_input, draw_weights
from .contenders import CONTENDERS, inference, training_step
from .floor import Floor
from .libraries import LIBRARIES
from .memory import Memory, measure
from .peers import BUDGET, ROUNDS, Peer, PeerError
from .settings import Settings
from .timing import Action, Times, interleave, timed

TEXTBOOK, FLOOR = "textbook", "floor"
# Compiling the whole loop takes longer than anything else on a CPU; there its step is compiled.
_OURS = ("ours reference", "ours auto", "ours checkpoint=True", "ours checkpoint=5")
DEFAULT = {
    ("cpu", "float32"): (TEXTBOOK, FLOOR, "textbook compiled step", *_OURS, *LIBRARIES),
    ("cpu", "bfloat16"): (TEXTBOOK, FLOOR, "ours reference", "ours auto"),
    ("cuda", "float32"): (TEXTBOOK, FLOOR, "textbook compiled", *_OURS, *LIBRARIES),
    ("cuda", "bfloat16"): (TEXTBOOK, FLOOR, "textbook compiled", *_OURS),
}
COMPILE_LIMIT = 60  # seconds
# On a GPU other libraries' convolutions round float32 to ten bits.
PEER_TOLERANCES = {"cpu": TOLERANCES[torch.float32], "cuda": 5e-3}


@dataclass
class Entry:
    """One contender at one case in one data type, and what was measured of it.

    Args:
        case: name of the case.
        dtype: name of the data type.
        name: name of the contender.
        difference: largest difference from the textbook loop, as a share of the largest value.
        first_call: seconds of the first training step and inference, where something is compiled.
        training: times of a training step.
        inference: times of a forward pass.
        memory: bytes held for the backward, and the peak.
        problem: why there is no more.
        disagrees: whether it is that its numbers are wrong.
    """

    case: str
    dtype: str
    name: str
    difference: float | None = None
    first_call: float | None = None
    training: Times | None = None
    inference: Times | None = None
    memory: Memory | None = None
    problem: str | None = None
    disagrees: bool = False


@dataclass
class _Entrants:
    """Those that passed the check, with what there is to time."""

    case: Case
    settings: Settings
    stack: contextlib.ExitStack
    entries: list[Entry] = field(default_factory=list)
    actions: dict[str, dict[int, Action]] = field(default_factory=lambda: {"training": {}, "inference": {}})

    def admit(self, dtype: str, names: Sequence[str]) -> None:
        """Check the contenders of one data type."""
        kind, device = getattr(torch, dtype), self.settings.device
        x = draw_input(self.case, device, kind)
        expected, _ = _run(_module(TEXTBOOK, self.case, x), x)
        for name in names:
            entry = Entry(self.case.name, dtype, name)
            try:
                if name == FLOOR:
                    floor = Floor(self.case, device, kind)
                    self._add(entry, floor.training_step, floor.inference)
                elif name in LIBRARIES:
                    if dtype != "float32":
                        continue
                    self._admit_peer(entry, expected)
                else:
                    self._admit_module(entry, x, expected)
            except DisagreementError as error:
                entry.problem, entry.disagrees = f"disagrees: {error}", True
            except Exception as error:  # one that fails does not end the others' race
                text = str(error) if isinstance(error, (PeerError, TimeoutError)) else f"failed: {error!r}"
                entry.problem = text.splitlines()[0][:160]
            self.entries.append(entry)

    def _admit_module(self, entry: Entry, x: Tensor, expected: dict[str, Tensor]) -> None:
        contender = CONTENDERS[entry.name]
        module = _module(entry.name, self.case, x)
        with _limit(COMPILE_LIMIT if contender.compiled and x.device.type == "cpu" else 0):
            found, elapsed = _run(module, x)
        entry.difference = check(found, expected, TOLERANCES[x.dtype])
        entry.first_call = elapsed if contender.compiled else None
        entry.memory = measure(module, x, contender.compiled)
        self._add(entry, lambda: training_step(module, x), lambda: inference(module, x))

    def _admit_peer(self, entry: Entry, expected: dict[str, Tensor]) -> None:
        peer = self.stack.enter_context(Peer(entry.name, self.case, self.settings.python, self.settings.device))
        entry.first_call, found = peer.start()
        entry.difference = check(found, expected, PEER_TOLERANCES[self.settings.device])

        def guarded(ask: Callable[[], float]) -> Callable[[], float | None]:
            def run() -> float | None:
                try:
                    return ask()
                except PeerError as error:
                    entry.problem = str(error)
                    return None

            return run

        key = len(self.entries)
        self.actions["training"][key] = Action(guarded(peer.training_step), most=ROUNDS, budget=BUDGET)
        self.actions["inference"][key] = Action(guarded(peer.inference), most=ROUNDS, budget=BUDGET)

    def _add(self, entry: Entry, training: Callable[[], Any], inference: Callable[[], Any]) -> None:
        key = len(self.entries)
        self.actions["training"][key] = Action(timed(training, self.settings.device))
        self.actions["inference"][key] = Action(timed(inference, self.settings.device))


def compare(case: Case, names: dict[str, Sequence[str]], settings: Settings) -> list[Entry]:
    """Measure one case.

    Args:
        case: sizes of the layer.
        names: contenders by data type.
        settings: how to measure.

    Returns:
        One entry per contender and data type. Those that disagree with the textbook loop are not timed.
    """
    torch._dynamo.reset()
    torch._dynamo.config.recompile_limit = 64  # else it runs uncompiled after eight variants, and says so only in a log
    with contextlib.ExitStack() as stack:
        entrants = _Entrants(case, settings, stack)
        for dtype, contenders in names.items():
            entrants.admit(dtype, contenders)
        for what, actions in entrants.actions.items():
            for key, times in interleave(actions, settings.rounds, settings.seconds).items():
                setattr(entrants.entries[key], what, times)
    return entrants.entries


def _module(name: str, case: Case, x: Tensor) -> Any:
    return CONTENDERS[name].build(case, draw_weights(case)).to(x.device, x.dtype)


def _run(module: Any, x: Tensor) -> tuple[dict[str, Tensor], float]:
    """The results that must agree, and the seconds they took."""
    start = time.perf_counter()
    # On a GPU convolutions round float32 to ten bits unless told otherwise: the numbers are compared without, the times
    # are taken as users have them.
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        found = results(inference(module, x), module.split(training_step(module, x)))
    return found, time.perf_counter() - start


@contextlib.contextmanager
def _limit(seconds: int) -> Iterator[None]:
    """Raise TimeoutError after so many seconds; 0 for no limit."""

    def stop(signum: int, frame: Any) -> None:
        raise TimeoutError(f"over {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
