"""Framecast: recurrent layers for sequences of frames, and what turns them into forecasts and matches.

``framecast.nn`` needs torch alone; :func:`load` needs the extra ``train``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .trained import Forecaster as Forecaster
    from .trained import Matcher as Matcher
    from .trained import load as load

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Import what needs more than torch only when it is asked for."""
    if name in ("load", "Forecaster", "Matcher"):
        from . import trained

        return getattr(trained, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
