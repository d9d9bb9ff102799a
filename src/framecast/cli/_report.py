"""The command ``report``: one HTML file of a run."""

from __future__ import annotations

from framecast.jobs import write_report

from ._call import call


def run(args: list[str]) -> None:
    """Write a report with the arguments of the command line."""
    call(report, args)


def report(run: str, test: str | None = None, output: str | None = None) -> None:
    """Write a run's report, one HTML file with all pictures inside.

    Args:
        run: the run's folder.
        test: name of the folder with the test results, by default the newest.
        output: the file to write, by default report.html in the run's folder.
    """
    print(f"report: {write_report(run, test=test, output=output).resolve()}")
