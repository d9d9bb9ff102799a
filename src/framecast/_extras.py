"""Clear messages for optional dependencies that are not installed."""

from __future__ import annotations

import importlib
from types import ModuleType


def require(module: str, extra: str, purpose: str) -> ModuleType:
    """Import and return ``module``, or say which extra of Framecast brings it.

    Args:
        module: name of the module to import, for example ``"av"``.
        extra: extra of Framecast that installs it, for example ``"video"``.
        purpose: what it is needed for, as the sentence's subject.

    Raises:
        ImportError: if the module is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(
            f"{purpose} needs `{module}`, which is not installed: pip install 'framecast[{extra}]'"
        ) from error
