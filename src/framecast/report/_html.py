"""The report as a file."""

from pathlib import Path

from framecast.runs import RunFolder


def write_report(run: Path, *, test: str | None = None, output: Path | None = None) -> Path:
    """Write the report of a run: one HTML file that needs no other, images inside.

    Args:
        run: the folder that ``framecast fit`` wrote.
        test: name of the folder in it with the test results; default: the newest. Without any the report
            leaves the scores out and says how to get them.
        output: the file to write; default: ``report.html`` in the run folder.

    Returns:
        The path of the report.

    Raises:
        FileNotFoundError: if ``run`` is not a run folder, or has no folder ``test``.
        ValueError: if a file inside cannot be read, there is no report for its task, or ``output`` is a folder.
    """
    folder = RunFolder(run)
    task = read_task(folder, test)
    if task == "match":
        from .match import page
    elif task == "forecast":
        from .forecast import page
    else:
        raise ValueError(f"the task of `run` (={str(run)!r}) must be one of forecast, match, got {task!r}")
    return folder.write_report(page(folder, test), output)


def read_task(folder: RunFolder, test: str | None = None) -> str:
    """Tell what a run was trained for: the task its metrics name, or what an untested run's files show."""
    folder.read_config()
    results = folder.results(test)
    if results is not None:
        return str(results.read_metrics().get("task", "forecast"))
    return "match" if folder.embedding_epochs.is_file() else "forecast"
