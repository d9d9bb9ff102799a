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


_KINDS = (ValueError, OSError, ImportError, OverflowError, MemoryError, argparse.ArgumentError)
_NAMES = {
    "MisconfigurationException",  # of Lightning
    "ProcessRaisedException",  # of torch, with the trace of another process
    "OutOfMemoryError",  # of torch
    "DecompressionBombError",  # of Pillow
    "YAMLError",
    "TrainingDivergedError",
}
_LIBRARIES = ("torch", "lightning", "pytorch_lightning", "lightning_fabric", "jsonargparse", "PIL", "torchmetrics")


def is_callers(error: Exception) -> bool:
    """Return whether an error is the caller's to mend, and no fault of the program's own.

    What a library refuses is the caller's to mend as well: a precision, a device, a size that it cannot do.
    """
    return _is_known(error) or _raised_by(error) in _LIBRARIES


def _is_known(error: BaseException) -> bool:
    """Return whether an error is of a kind whose message alone says what to mend."""
    return isinstance(error, _KINDS) or any(kind.__name__ in _NAMES for kind in type(error).__mro__)


def _raised_by(error: Exception) -> str:
    """Return the package whose code raised an error; that of a compiled operator is the package that called it."""
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    return "" if frame is None else str(frame.tb_frame.f_globals.get("__name__", "")).partition(".")[0]


def one_line(error: BaseException) -> str:
    r"""Return the gist of an error's message; the parser's own are trees of what it tried.

    Example:
        >>> one_line(ValueError('Parser key "data.size":\n  - Expected a positive number'))
        'data.size: Expected a positive number'
    """
    lines = (line.strip().removeprefix("- ") for line in str(error).splitlines())
    gist = [line for line in lines if line and not line.startswith(_SCAFFOLD)]
    text = re.sub(r'Parser key "([^"]*)":', r"\1:", " ".join(gist)) or type(error).__name__
    library = "" if _is_known(error) or not isinstance(error, Exception) else _raised_by(error)
    if library in _LIBRARIES:
        return f"{library} raised {type(error).__name__}: {text} (FRAMECAST_TRACEBACK=1 shows where)"
    return text
