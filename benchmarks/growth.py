"""How time and memory of a training step grow with the length of the sequence."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

from .cases import Case, draw_input, draw_weights
from .contenders import CONTENDERS, training_step
from .memory import measure
from .settings import Settings
from .timing import Action, interleave, timed

SHORT, LONG = 10, 80
NAMES = ("textbook", "ours auto")
ROUNDS = 5


class Growth(NamedTuple):
    """Of one contender at one case: the long sequence's figures as multiples of the short one's."""

    case: str
    name: str
    time: float
    held: float
    peak: float


def growth(case: Case, settings: Settings) -> list[Growth]:
    """Measure a training step at both lengths, the contenders turn about."""
    actions, memories = {}, {}
    for name in NAMES:
        for steps in (SHORT, LONG):
            sized = case._replace(steps=steps)
            x = draw_input(sized, settings.device)
            module = CONTENDERS[name].build(sized, draw_weights(sized)).to(settings.device)
            memories[name, steps] = measure(module, x)
            actions[name, steps] = Action(timed(partial(training_step, module, x), settings.device))
    times = interleave(actions, min(settings.rounds, ROUNDS), warmup=1)
    found = []
    for name in NAMES:
        short, long = memories[name, SHORT], memories[name, LONG]
        ratio = times[name, LONG].median / times[name, SHORT].median
        found.append(Growth(case.name, name, ratio, long.held / short.held, long.peak / short.peak))
    return found
