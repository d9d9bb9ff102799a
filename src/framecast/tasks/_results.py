"""What a test writes and prints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from framecast.runs import ResultFolder


@dataclass(frozen=True)
class Results:
    """What a test writes and prints.

    Args:
        task: kind of the task.
        protocol: how the scores were computed.
        scores: the scores by name.
        words: scores and protocol for the screen.
        arrays: arrays for the report, if there are any.
        arrays_name: name of the file of the arrays, without its ending.
    """

    task: str
    protocol: Mapping[str, Any]
    scores: Mapping[str, Any]
    words: str
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)
    arrays_name: str = "arrays"

    def write(self, folder: ResultFolder) -> None:
        """Write the files into the test's folder.

        Raises:
            FileExistsError: if it holds scores already.
        """
        metrics = {"task": self.task, "protocol": self.protocol, "scores": self.scores}
        folder.write(metrics, self.arrays_name, self.arrays)
