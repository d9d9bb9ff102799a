"""The commands, one row each."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass

from framecast.jobs import JOBS

from ._configs import shipped_configs


@dataclass(frozen=True)
class Command:
    """A command of the command line.

    Args:
        module: the module of :mod:`framecast.cli` whose function ``run`` carries it out.
        words: what it does.
        example: how it is called.
    """

    module: str
    words: str
    example: str = ""

    def load(self) -> Callable[[list[str]], None]:
        """Import what carries it out: a function of the command and its arguments."""
        run: Callable[[list[str]], None] = importlib.import_module(f"framecast.cli.{self.module}").run
        return run


COMMANDS = {
    "fit": Command("_training", "train a network:", "framecast fit --config moving_mnist    (or siamese_mnist)"),
    "test": Command("_training", "score it on unseen data:", "framecast test --run runs/moving_mnist"),
    "validate": Command("_training", "its loss on validation data"),
    "predict": Command(
        "_predict",
        "forecast your own frames:",
        "framecast predict --ckpt_path CKPT --input PATH --horizon 10 --output DIR",
    ),
    "match": Command(
        "_match",
        "whether two images show the same thing, or a folder's images by likeness to one:",
        "framecast match A B --ckpt_path CKPT",
    ),
    "embed": Command(
        "_embed", "vectors of your own images:", "framecast embed --ckpt_path CKPT --input DIR --output X.npz"
    ),
    "report": Command("_report", "one HTML file of a run:", "framecast report --run runs/moving_mnist"),
    "demo": Command("_demo", "all of it in minutes:", " or ".join(f"framecast demo {name}" for name in JOBS)),
}
"""The commands by name, in the order of the overview."""

_OVERVIEW = """\
usage: framecast COMMAND [options]

{commands}

configurations by name: {configs}
framecast COMMAND --help lists a command's options; those of the data and of the model:
  framecast fit --data.help FrameData            (or MovingMNISTData, MatchData)
  framecast fit --data MatchData --data.images.help ImageFolder   (or Omniglot, Digits, MovingDigits)
  framecast fit --model.help {tasks}
  framecast fit --model.network.help EncoderForecaster
"""


def overview() -> str:
    """Return what ``framecast --help`` prints."""
    first, *others = (job.task.rpartition(".")[2] for job in JOBS.values())
    return _OVERVIEW.format(
        commands="\n".join(_line(name, command) for name, command in COMMANDS.items()),
        configs=", ".join(shipped_configs()),
        tasks=f"{first:<20}(or {', '.join(others)})",
    )


def _line(name: str, command: Command) -> str:
    """Lay out a command: name, words, and the example on a line of its own where the words are long."""
    words = f"  {name:<9} {command.words}"
    if not command.example:
        return words
    separator = "\n" + " " * 40 if len(words) > 39 else " " * (40 - len(words))
    return f"{words}{separator}{command.example}"
