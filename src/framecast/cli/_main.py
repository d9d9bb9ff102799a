"""The entry point of the command line."""

from __future__ import annotations

import os
import sys

from framecast import __version__

from ._commands import COMMANDS, overview
from ._errors import is_callers, one_line


def main(argv: list[str] | None = None) -> int:
    """Run a command; return the exit code, 2 for what the caller can mend.

    Set ``FRAMECAST_TRACEBACK=1`` to see where an error came from.

    Args:
        argv: the command and its arguments; None for those of the process.
    """
    args = sys.argv[1:] if argv is None else list(argv)
    if args and args[0] == "--version":
        print(f"framecast {__version__}")
        return 0
    if not args or args[0] in ("-h", "--help", "help"):
        print(overview())
        return 0 if args else 2
    try:
        if args[0] not in COMMANDS:
            raise ValueError(f"unknown command {args[0]!r}; there are {', '.join(COMMANDS)}")
        _find_modules_beside_the_user()
        COMMANDS[args[0]].load()(args)
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        if os.environ.get("FRAMECAST_TRACEBACK") or not is_callers(error):
            raise
        print(f"framecast: {one_line(error)}", file=sys.stderr)
        return 2
    return 0


def _find_modules_beside_the_user() -> None:
    """Let configurations name classes of modules in the working directory, after all that is installed."""
    if not {"", os.getcwd()} & set(sys.path):
        sys.path.append(os.getcwd())
