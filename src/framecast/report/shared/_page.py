"""What the pages of all jobs have in common."""

import datetime
import importlib.metadata
import platform
import shlex
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined

from framecast.runs import RunFolder

from ._axes import svg_uri
from ._learning_curve import learning_curve
from ._run import Run, own_logger
from ._words import lowest, number

_PACKAGES = ("framecast", "torch", "lightning", "torchmetrics", "numpy", "matplotlib", "pillow")


def render_page(template: str, run: Run, content: dict[str, Any]) -> str:
    """Return a page as HTML.

    Args:
        template: path of the job's template within the package; the template extends ``shared/page.html.j2``.
        run: the run that the page tells of.
        content: what the job's template shows, by name; ``"headline"`` is the result in a sentence, and ``"moving"``
            says whether the page holds an animation, which then gets a button that stops it.
    """
    environment = Environment(
        loader=PackageLoader("framecast.report", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = number
    shared = {
        "name": run.folder.name,
        "learning": _learning(run),
        "logger": None if run.log else own_logger(run.config),
        "test_command": command(run.folder, "test"),
        "test": run.results.name if run.results else None,
        "config": run.config,
        "config_name": run.folder.config.name,
        "versions": _versions(run),
        "written": f"{datetime.datetime.now():%Y-%m-%d %H:%M}",
    }
    return environment.get_template(template).render({**shared, **content})


def command(run: RunFolder, name: str) -> str:
    """Return the command line that does something with a run."""
    return shlex.join(["framecast", name, "--run", str(run)])


def _learning(run: Run) -> dict[str, Any] | None:
    figure = learning_curve(run.log)
    if figure is None:
        return None
    facts = []
    if run.log.get("val_loss"):
        loss, step = lowest(run.log["val_loss"])
        facts.append(f"Lowest validation loss {number(loss)} at step {step:,}, ringed.")
    last = max(series[0][-1] for series in run.log.values())
    facts.append(f"Last logged step {last:,}.")
    for unit in ("frames", "images"):
        speed = run.log.get(f"{unit}_per_second", ([], []))[1]
        if speed:
            facts.append(f"Median speed {number(float(np.median(speed)))} {unit} per second.")
    return {"image": svg_uri(figure), "facts": " ".join(facts)}


def _versions(run: Run) -> list[tuple[str, str]]:
    versions = [("Python", platform.python_version())]
    for package in _PACKAGES:
        try:
            versions.append((package, importlib.metadata.version(package)))
        except importlib.metadata.PackageNotFoundError:
            continue
    tested = run.protocol.get("framecast")
    return versions + ([("framecast at test time", str(tested))] if tested else [])
