"""The command line: ``framecast fit | validate | test | predict | match | embed | report | demo``.

Training commands are Lightning's command line over typed constructors; every option of every constructor is an option
here and a key of the YAML configuration.
"""

from __future__ import annotations

import argparse
import inspect
import logging
import os
import re
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from framecast import __version__
from framecast._extras import require

_OVERVIEW = """\
usage: framecast COMMAND [options]

  fit       train a network:            framecast fit --config moving_mnist    (or siamese_mnist)
  test      score it on unseen data:    framecast test --run runs/moving_mnist
  validate  its loss on validation data
  predict   forecast your own frames:   framecast predict --ckpt_path CKPT --input PATH --horizon 10 --output DIR
  match     whether two images show the same thing, or a folder's images by likeness to one:
                                        framecast match A B --ckpt_path CKPT
  embed     vectors of your own images: framecast embed --ckpt_path CKPT --input DIR --output X.npz
  report    one HTML file of a run:     framecast report --run runs/moving_mnist
  demo      all of it in minutes:       framecast demo forecast                (or match)

configurations by name: {configs}
framecast COMMAND --help lists a command's options; those of the data and of the model:
  framecast fit --data.help FrameData            (or MovingMNISTData;
                                                  DigitPairsData, OmniglotData, ImageFolderData, ClipPairsData)
  framecast fit --model.help Forecast            (or Match)
  framecast fit --model.network.help EncoderForecaster
"""

# Demonstrations and their configurations.
_DEMOS = {"forecast": "demo_forecast", "match": "siamese_digits"}

# What Lightning says of things that are as they should be here.
_NOISE = (
    ".*does not have many workers.*",
    ".*smaller than the logging interval.*",
    "Checkpoint directory .* exists and is not empty",
    ".*callbacks used to create the checkpoint need to be provided.*",
    r"`isinstance\(treespec, LeafSpec\)` is deprecated.*",
)

# Lines of the parser's messages that lead to what is wrong, but do not say it.
_SCAFFOLD = (
    "Does not validate against any of the Union subtypes",
    "Subtypes:",
    "Errors:",
    "Expected a <class 'NoneType'>",
    "Given value",
    "Problem with given class_path",
)


def main(argv: list[str] | None = None) -> int:
    """Run a command; return the exit code, 2 for what the caller can mend.

    Set ``FRAMECAST_TRACEBACK=1`` to see where an error came from.
    """
    args = sys.argv[1:] if argv is None else list(argv)
    if args and args[0] == "--version":
        print(f"framecast {__version__}")
        return 0
    if not args or args[0] in ("-h", "--help", "help"):
        print(_OVERVIEW.format(configs=", ".join(shipped_configs())))
        return 0 if args else 2
    try:
        command = _commands().get(args[0])
        if command is None:
            raise ValueError(f"unknown command {args[0]!r}; there are {', '.join(_commands())}")
        command(args)
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        if os.environ.get("FRAMECAST_TRACEBACK") or not _is_callers(error):
            raise
        print(f"framecast: {_one_line(error)}", file=sys.stderr)
        return 2
    return 0


def shipped_configs() -> list[str]:
    """Names of the configurations that come with the package."""
    return sorted(path.stem for path in (Path(__file__).parents[1] / "configs").glob("*.yaml"))


def config_path(name: str) -> Path:
    """Path of a configuration: a file, or one of the shipped ones by name.

    Raises:
        FileNotFoundError: if it is neither.
    """
    if Path(name).is_file():
        return Path(name)
    shipped = Path(__file__).parents[1] / "configs" / f"{name}.yaml"
    if not shipped.is_file():
        names = ", ".join(shipped_configs())
        raise FileNotFoundError(f"there is no configuration {name!r}: neither a file nor one of {names}")
    return shipped


def _commands() -> dict[str, Callable[[list[str]], None]]:
    return {
        "fit": _lightning,
        "validate": _lightning,
        "test": _lightning,
        "predict": _predict,
        "match": _match,
        "embed": _embed,
        "report": _report,
        "demo": _demo,
    }


def _lightning(args: list[str]) -> None:
    require("lightning", "train", "training")
    for message in _NOISE:
        warnings.filterwarnings("ignore", message=message)
    os.environ.setdefault("JSONARGPARSE_DEPRECATION_WARNINGS", "off")
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    from ._lightning import run

    run(args)


def _predict(args: list[str]) -> None:
    from ._predict import predict

    _call(predict, args)


def _match(args: list[str]) -> None:
    from ._match import match

    _call(match, args, positional=("first", "second"), switches={"invert": "both"})


def _embed(args: list[str]) -> None:
    from ._match import embed

    _call(embed, args, switches={"invert": True})


def _report(args: list[str]) -> None:
    from framecast.report import write_report

    def report(run: str, test: str | None = None, output: str | None = None) -> None:
        """Write a run's report, one HTML file with all pictures inside.

        Args:
            run: the run's folder.
            test: name of the folder with the test results, the newest if not given.
            output: the file to write, by default report.html in the run's folder.
        """
        path = write_report(Path(run), test=test, output=None if output is None else Path(output))
        print(f"report: {path.resolve()}")

    _call(report, args)


def _demo(args: list[str]) -> None:
    from ._lightning import fresh_name

    def demo(what: str = "forecast", runs: str = "runs") -> None:
        """Train, test and report on data that comes with the package, in a few minutes.

        Args:
            what: the demonstration, "forecast" or "match".
            runs: the folder to put the run into.
        """
        if what not in _DEMOS:
            raise ValueError(f"there is no demonstration {what!r}; there are {' and '.join(map(repr, _DEMOS))}")
        run = str(fresh_name(Path(runs) / f"demo-{what}"))
        _lightning(["fit", "--config", _DEMOS[what], "--run", run])
        _lightning(["test", "--run", run])
        _report(["report", "--run", run])

    if len(args) > 1 and not args[1].startswith("-"):
        args = [args[0], "--what", *args[1:]]
    _call(demo, args)


def _call(
    function: Callable[..., None],
    args: list[str],
    positional: Sequence[str] = (),
    switches: Mapping[str, bool | str] | None = None,
) -> None:
    """Call a function with arguments from the command line.

    Args:
        function: what the command does; its parameters are the command's options.
        args: the command and its arguments.
        positional: parameters that are given without their names.
        switches: parameters whose name alone may be given, and the value that this stands for.
    """
    os.environ.setdefault("JSONARGPARSE_DEPRECATION_WARNINGS", "off")
    jsonargparse = require("jsonargparse", "train", "the command line")
    parser = jsonargparse.ArgumentParser(
        prog=f"framecast {args[0]}",
        description=(function.__doc__ or "").splitlines()[0],
        exit_on_error=False,
        allow_abbrev=False,
    )
    switches = switches or {}
    parser.add_function_arguments(function, as_group=False, skip={*positional, *switches})
    parameters = inspect.signature(function, eval_str=True).parameters
    for name in positional:
        parser.add_argument(name, type=str, help=_help(function, name))
    for name, value in switches.items():
        kind, default = parameters[name].annotation, parameters[name].default
        parser.add_argument(f"--{name}", type=kind, nargs="?", const=value, default=default, help=_help(function, name))
    function(**parser.parse_args(args[1:]).as_dict())


def _help(function: Callable[..., None], name: str) -> str:
    """What a function's docstring says of an argument."""
    found = re.search(rf"^ +{name}: (.*(?:\n {{12}}.*)*)$", function.__doc__ or "", re.MULTILINE)
    return " ".join(found[1].split()) if found else ""


def _is_callers(error: Exception) -> bool:
    """Whether the error is the caller's to mend, and no fault of the program's own."""
    own = (ValueError, OSError, ImportError, OverflowError, argparse.ArgumentError)
    return isinstance(error, own) or type(error).__name__ in ("MisconfigurationException", "TrainingDivergedError")


def _one_line(error: BaseException) -> str:
    """The gist of an error's message; the parser's own are trees of what it tried."""
    lines = (line.strip().removeprefix("- ") for line in str(error).splitlines())
    kept = [line for line in lines if line and not line.startswith(_SCAFFOLD)]
    return re.sub(r'Parser key "([^"]*)":', r"\1:", " ".join(kept)) or type(error).__name__
