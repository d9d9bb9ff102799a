"""The values that a run logged, read from its CSV files."""

from __future__ import annotations

import csv
import math
from pathlib import Path

Series = tuple[list[int], list[float]]
"""Steps and the values logged at them."""


def read_logs(folder: Path) -> dict[str, Series]:
    """Read the CSV logs of a run and of its resumptions as one: a later one counts from its first step on.

    Args:
        folder: the folder that holds ``version_0``, ``version_1``, ..., each with a ``metrics.csv``.

    Returns:
        The series by the name of the column; values that are missing, infinite or NaN are left out.
    """
    numbered = [(int(suffix), path) for path in folder.glob("version_*") if (suffix := path.name[8:]).isdigit()]
    rows: list[tuple[int, dict[str, str]]] = []
    for _, version in sorted(numbered):
        later = _read_rows(version / "metrics.csv")
        if later:
            first = min(step for step, _ in later)
            rows = [row for row in rows if row[0] < first] + later
    log: dict[str, Series] = {}
    for step, row in sorted(rows, key=lambda row: row[0]):
        for name, text in row.items():
            value = _number(text)
            if name != "step" and value is not None:
                steps, values = log.setdefault(name, ([], []))
                steps.append(step)
                values.append(value)
    return log


def finite(value: float | None) -> float | None:
    """Return a number, or None for one that is infinite, NaN or missing.

    Example:
        >>> finite(2), finite(math.inf), finite(None)
        (2.0, None, None)
    """
    return None if value is None or not math.isfinite(value) else float(value)


def _read_rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8", errors="replace") as file:
        lines = file.readlines()
    if lines and not lines[-1].endswith(("\n", "\r")):
        lines.pop()  # the run was killed while it wrote this line: its last number may be cut short
    rows = []
    for row in csv.DictReader(lines):
        step = _number(row.get("step"))
        if step is not None:
            rows.append((int(step), {name: text for name, text in row.items() if name and text}))
    return rows


def _number(text: str | None) -> float | None:
    try:
        return finite(float(text)) if text else None
    except ValueError:
        return None
