"""The report as a file."""

import os
from collections.abc import Callable
from pathlib import Path

from .forecast._page import forecast_page
from .forecast._run import read_run, read_task


def write_report(run: Path, *, test: str | None = None, output: Path | None = None) -> Path:
    """Write the report of a run: one HTML file that needs no other, images inside.

    Args:
        run: the folder that `framecast fit` wrote.
        test: name of the folder in it with the test results; default: the newest `test*`. Without any the report
            leaves the scores out and says how to get them.
        output: the file to write; default: `report.html` in the run folder.

    Returns:
        The path of the report.

    Raises:
        FileNotFoundError: if `run` is not a run folder, or has no folder `test`.
        ValueError: if a file inside cannot be read, there is no report for its task, or `output` is a folder.
    """
    run, output = Path(run), Path(output) if output is not None else Path(run) / "report.html"
    task = read_task(run, test)
    if task not in _PAGES:
        raise ValueError(f"the task of `run` (={str(run)!r}) must be one of {', '.join(_PAGES)}, got {task!r}")
    page = _PAGES[task](run, test)
    if output.is_dir():
        raise ValueError(f"`output` (={output}) must be a file, it is a folder: add a name such as report.html")
    output.parent.mkdir(parents=True, exist_ok=True)
    draft = output.with_name(output.name + ".part")
    draft.write_text(page, encoding="utf-8")
    os.replace(draft, output)
    return output


def _forecast(run: Path, test: str | None) -> str:
    return forecast_page(read_run(run, test))


def _match(run: Path, test: str | None) -> str:
    from .match._page import match_page  # its metrics load PyTorch, which takes seconds and forecasts do not need
    from .match._run import read_match_run

    return match_page(read_match_run(run, test))


_PAGES: dict[str, Callable[[Path, str | None], str]] = {"forecast": _forecast, "match": _match}
