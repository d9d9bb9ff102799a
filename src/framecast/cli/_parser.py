"""The parser of the training commands, and its help."""

from __future__ import annotations

import argparse
import re
from typing import Any

from jsonargparse import DefaultHelpFormatter
from lightning.pytorch.cli import LightningArgumentParser


class _Help(DefaultHelpFormatter):
    """Help that names networks of Framecast alone where any module would do, of which there are hundreds."""

    def _get_help_string(self, action: argparse.Action) -> str:
        return re.sub(r"(?<=known subclasses: )[^)]*", _few, super()._get_help_string(action))


def _few(names: re.Match[str]) -> str:
    if names[0].count(", ") < 20:
        return names[0]
    return ", ".join([name for name in names[0].split(", ") if name.startswith("framecast.models.")] + ["any other"])


class Parser(LightningArgumentParser):
    """The parser of one command."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        own: dict[str, Any] = {"exit_on_error": False, "allow_abbrev": False, "formatter_class": _Help}
        super().__init__(*args, **{**own, **kwargs})
