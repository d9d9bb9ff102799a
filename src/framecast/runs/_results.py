"""The folder of a test's results: scores with their protocol, and arrays for the report."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ._files import read_arrays, whole_file

_REMEDY = "run `framecast test` again"


class ResultFolder:
    """A folder that ``framecast test`` writes.

    Args:
        path: the folder.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.metrics = self.path / "metrics.json"
        """Task, protocol and scores."""
        self.examples = self.path / "examples.npz"
        """Some forecasts, with input and target."""
        self.match = self.path / "match.npz"
        """Embeddings of some test images, and the pairs that were scored."""

    @property
    def name(self) -> str:
        """Name of the folder."""
        return self.path.name

    def arrays(self, name: str) -> Path:
        """Return where a task keeps arrays of that name, for example ``"examples"`` or ``"match"``."""
        return self.path / f"{name}.npz"

    def read_metrics(self) -> dict[str, Any]:
        """Return task, protocol and scores.

        Raises:
            ValueError: if the file is damaged, or holds anything but names with values.
        """
        return read_json(self.metrics, _REMEDY)

    def read_arrays(self, name: str, *required: str) -> dict[str, np.ndarray] | None:
        """Return the arrays that a task keeps under a name; None if there is no such file.

        Args:
            name: as for :meth:`arrays`.
            required: names of arrays that must be among them.

        Raises:
            ValueError: if the file is damaged, or an array is missing.
        """
        path = self.arrays(name)
        return read_arrays(path, *required, remedy=_REMEDY) if path.is_file() else None

    def write(self, metrics: Mapping[str, Any], name: str, arrays: Mapping[str, np.ndarray]) -> None:
        """Write task, protocol and scores, and the arrays, if there are any, under a name.

        Raises:
            FileExistsError: if there are scores already.
        """
        if self.metrics.exists():
            raise FileExistsError(f"{self.metrics} exists: nothing is overwritten")
        if arrays:
            with whole_file(self.arrays(name)) as file:
                np.savez_compressed(file, allow_pickle=False, **arrays)
        with whole_file(self.metrics) as file:
            file.write(json.dumps(metrics, indent=2).encode("utf-8"))


def read_json(path: Path, remedy: str) -> dict[str, Any]:
    """Read a JSON file that holds names with values.

    Args:
        path: the file.
        remedy: what to do if it is damaged.

    Raises:
        ValueError: if it is damaged, or holds anything else.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"`{path}` cannot be read ({error!r}): {remedy}") from error
    if not isinstance(content, dict):
        raise ValueError(f"`{path}` cannot be read (it holds no names): {remedy}")
    return content
