"""The folder of a run: the name of every file in it, and how each is read and written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np

from ._files import fresh_name, read_arrays, whole_file
from ._logs import Series, read_logs
from ._results import ResultFolder, read_json
from ._split import Split

_CONFIG = "config.yaml"


class RunFolder:
    """The folder of a run, which ``framecast fit`` writes and all other commands read.

    Every path in it is an attribute, whether the file exists or not.

    Args:
        path: the folder.

    Example:
        >>> RunFolder("runs/rain").checkpoint_path("best").as_posix()
        'runs/rain/checkpoints/best.ckpt'
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.config = self.path / _CONFIG
        """The configuration of the run."""
        self.checkpoints = self.path / "checkpoints"
        self.logs = self.path / "logs"
        """The parent of the folders of both loggers, whose names are :attr:`csv` and :attr:`tensorboard`."""
        self.split = self.path / "split.json"
        """Which files were training, validation and test."""
        self.embedding_epochs = self.path / "embedding_epochs.npz"
        """Where some validation images lay after each epoch of a training to match."""
        self.report = self.path / "report.html"

    csv = "csv"
    tensorboard = "tensorboard"

    def __str__(self) -> str:
        return str(self.path)

    def __repr__(self) -> str:
        return f"RunFolder({str(self.path)!r})"

    @classmethod
    def of_checkpoint(cls, checkpoint: str | Path) -> RunFolder | None:
        """Return the run that a checkpoint lies in; None if it lies elsewhere."""
        path = Path(checkpoint)
        run = cls(path.resolve().parent.parent)
        return run if path.is_file() and run.config.is_file() else None

    @property
    def name(self) -> str:
        """Name of the folder."""
        return self.path.resolve().name

    def is_used(self) -> bool:
        """Whether the folder holds anything."""
        return self.path.exists() and any(self.path.iterdir())

    def checkpoint_path(self, name: Literal["best", "last"]) -> Path:
        """Return the path of the best or the last checkpoint, whether it exists or not."""
        return self.checkpoints / f"{name}.ckpt"

    def checkpoint(self, name: Literal["best", "last"]) -> Path:
        """Return the path of the best or the last checkpoint.

        Raises:
            FileNotFoundError: if there is none.
        """
        path = self.checkpoint_path(name)
        if name == "best" and not path.is_file() and self.checkpoint_path("last").is_file():
            raise FileNotFoundError(f"there is no {path}, as nothing was validated; test --ckpt_path last")
        if not path.is_file():
            raise FileNotFoundError(f"there is no {path}; is {self.path} the folder of a run that has begun?")
        return path

    def read_config(self) -> str:
        """Return the text of the configuration.

        Raises:
            FileNotFoundError: if this is not the folder of a run.
        """
        if not self.path.is_dir():
            raise FileNotFoundError(f"no run folder at `{self.path}`: give the folder that `framecast fit` wrote")
        if not self.config.is_file():
            raise FileNotFoundError(
                f"`{self.path}` is not a run folder, it has no {_CONFIG}: give the folder that `framecast fit` wrote"
            )
        return self.config.read_text(encoding="utf-8", errors="replace")

    def write_config(self, text: str) -> None:
        """Write the configuration."""
        _write_text(self.config, text)

    def read_log(self) -> dict[str, Series]:
        """Return the logged series by name, see :func:`read_logs`."""
        return read_logs(self.logs / self.csv)

    def read_split(self) -> Split | None:
        """Return the recorded split; None if none was recorded.

        Raises:
            ValueError: if it is damaged.
        """
        if not self.split.is_file():
            return None
        fields = read_json(self.split, "the recorded split is lost; delete the file to split anew")
        try:
            return Split.from_dict(fields)
        except ValueError as error:
            raise ValueError(f"`{self.split}` holds no split: {error}") from error

    def write_split(self, split: Split) -> None:
        """Record a split."""
        _write_text(self.split, json.dumps(split.as_dict(), indent=1))

    def read_embedding_epochs(self, *required: str) -> dict[str, np.ndarray] | None:
        """Return all arrays of :attr:`embedding_epochs`; None if there is no such file.

        Args:
            required: names of arrays that must be among them.

        Raises:
            ValueError: if it is damaged, or an array is missing.
        """
        path = self.embedding_epochs
        return read_arrays(path, *required, remedy="delete it, or train again") if path.is_file() else None

    def write_embedding_epochs(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Write :attr:`embedding_epochs`."""
        with whole_file(self.embedding_epochs) as file:
            np.savez_compressed(file, allow_pickle=False, **arrays)

    def write_report(self, page: str, path: Path | None = None) -> Path:
        """Write a report into the folder, or to another path, which is returned.

        Raises:
            ValueError: if the path is a folder.
        """
        path = path or self.report
        if path.is_dir():
            raise ValueError(
                f"`output` (={path}) must be a file, it is a folder: add a name such as {self.report.name}"
            )
        _write_text(path, page)
        return path

    def results(self, name: str | None = None) -> ResultFolder | None:
        """Return a folder of test results: the one of that name, or the newest; None if nothing was tested.

        Raises:
            FileNotFoundError: if the one of that name has no scores.
        """
        if name is None:
            folders = [folder for path in self.path.glob("test*") if (folder := ResultFolder(path)).metrics.is_file()]
            return max(folders, key=lambda folder: folder.metrics.stat().st_mtime, default=None)
        folder = ResultFolder(self.path / name)
        if not folder.metrics.is_file():
            pattern = f"*/{folder.metrics.name}"
            names = ", ".join(sorted(file.parent.name for file in self.path.glob(pattern))) or "none"
            raise FileNotFoundError(
                f"`test` (={name!r}) must be a folder of `{self.path}` with a {folder.metrics.name}; there: {names}"
            )
        return folder

    def fresh_results(self) -> ResultFolder:
        """Return the folder for the next test: ``test``, or the first free of ``test-2``, ``test-3``, ..."""
        return ResultFolder(fresh_name(self.path / "test"))


def _write_text(path: Path, text: str) -> None:
    with whole_file(path) as file:
        file.write(text.encode("utf-8"))
