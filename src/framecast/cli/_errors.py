"""Errors that a user can mend, in one line."""

from __future__ import annotations

import argparse
import re

# Lines of the parser's messages that lead to what is wrong, but do not say it.
_SCAFFOLD = (
    "Does not validate against any of the Union subtypes",
    "Subtypes:",
    "Errors:",
    "Expected a <class 'NoneType'>",
    "Given value",
    "Problem with given class_path",
)


def is_callers(error: Exception) -> bool:
    """Return whether an error is the caller's to mend, and no fault of the program's own."""
    kinds = (ValueError, OSError, ImportError, OverflowError, argparse.ArgumentError)
    return isinstance(error, kinds) or type(error).__name__ in ("MisconfigurationException", "TrainingDivergedError")


def one_line(error: BaseException) -> str:
    r"""Return the gist of an error's message; the parser's own are trees of what it tried.

    Example:
        >>> one_line(ValueError('Parser key "data.size":\n  - Expected a positive number'))
        'data.size: Expected a positive number'
    """
    lines = (line.strip().removeprefix("- ") for line in str(error).splitlines())
    gist = [line for line in lines if line and not line.startswith(_SCAFFOLD)]
    return re.sub(r'Parser key "([^"]*)":', r"\1:", " ".join(gist)) or type(error).__name__
