"""Framecast: recurrent layers for sequences of frames, and what turns them into forecasts and matches.

``framecast.nn`` needs torch alone; :func:`load` and :func:`write_report` need the extra ``train``.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .jobs import load as load
    from .jobs import write_report as write_report
    from .trained import Forecaster as Forecaster
    from .trained import Matcher as Matcher

__version__ = "0.1.0"
_ROOMS = {"load": "jobs", "write_report": "jobs", "Forecaster": "trained", "Matcher": "trained"}


def __getattr__(name: str) -> Any:
    """Import what needs more than torch only when it is asked for."""
    if name in _ROOMS:
        return getattr(importlib.import_module(f"framecast.{_ROOMS[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
