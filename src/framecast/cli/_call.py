"""Calls of functions with arguments from the command line."""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Callable, Sequence

from framecast._extras import require


def call(
    function: Callable[..., None],
    args: list[str],
    positional: Sequence[str] = (),
    switches: Sequence[str] = (),
    epilog: str | None = None,
) -> None:
    """Call a function with arguments from the command line.

    Args:
        function: what the command does; its parameters are the command's options, and its docstring their help.
        args: the command and its arguments.
        positional: parameters that stand without their names; those with a default may be left out.
        switches: boolean parameters whose name alone means true.
        epilog: lines for the end of the help.
    """
    os.environ.setdefault("JSONARGPARSE_DEPRECATION_WARNINGS", "off")
    jsonargparse = require("jsonargparse", "train", "the command line")
    parser = jsonargparse.ArgumentParser(
        prog=f"framecast {args[0]}",
        description=(function.__doc__ or "").splitlines()[0],
        epilog=epilog,
        exit_on_error=False,
        allow_abbrev=False,
    )
    parser.add_function_arguments(function, as_group=False, skip={*positional, *switches})
    parameters = inspect.signature(function, eval_str=True).parameters
    for name in positional:
        default = parameters[name].default
        optional = {} if default is inspect.Parameter.empty else {"nargs": "?", "default": default}
        parser.add_argument(name, type=str, help=_help(function, name), **optional)
    for name in switches:
        parser.add_argument(
            f"--{name}",
            type=bool,
            nargs="?",
            const=True,
            default=parameters[name].default,
            help=_help(function, name),
        )
    function(**parser.parse_args(args[1:]).as_dict())


def _help(function: Callable[..., None], name: str) -> str:
    """Return what a function's docstring says of an argument."""
    entry = re.search(rf"^ +{name}: (.*(?:\n {{12}}.*)*)$", function.__doc__ or "", re.MULTILINE)
    return " ".join(entry[1].split()) if entry else ""
