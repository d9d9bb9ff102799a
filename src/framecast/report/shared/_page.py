"""What the pages of all tasks have in common."""

import datetime
import importlib.metadata
import platform
import shlex
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined

from ..forecast._run import RunFolder
from ._charts import learning_curve, svg_uri
from ._words import number

_PACKAGES = ("framecast", "torch", "lightning", "torchmetrics", "numpy", "matplotlib", "pillow")


def render_page(template: str, run: RunFolder, content: dict[str, Any]) -> str:
    """Return a page as HTML: the run's own part from the template, the rest as on every page.

    Args:
        template: name of a template that extends `shared/page.html.j2`.
        run: what was read of the run.
        content: what the template shows, by name; `"headline"` is the result in a sentence, and `"moving"` says
            whether the page holds an animation that can be stopped.
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
        "name": run.name,
        "learning": _learning(run),
        "test_command": command(run.path, "test"),
        "test": run.test,
        "config": run.config,
        "versions": _versions(run),
        "written": f"{datetime.datetime.now():%Y-%m-%d %H:%M}",
    }
    return environment.get_template(template).render({**shared, **content})


def command(path: Path, name: str) -> str:
    """Return the command line that does something with a run folder."""
    return shlex.join(["framecast", name, "--run", str(path)])


def _learning(run: RunFolder) -> dict[str, Any] | None:
    figure = learning_curve(run.log)
    if figure is None:
        return None
    facts = []
    steps, losses = run.log.get("val_loss", ([], []))
    if losses:
        lowest = min(losses)
        facts.append(f"Lowest validation loss {number(lowest)} at step {steps[losses.index(lowest)]:,}, ringed.")
    last = max(series[0][-1] for series in run.log.values())
    facts.append(f"Last logged step {last:,}.")
    for unit in ("frames", "images"):
        speed = run.log.get(f"{unit}_per_second", ([], []))[1]
        if speed:
            facts.append(f"Median speed {number(float(np.median(speed)))} {unit} per second.")
    return {"image": svg_uri(figure), "facts": " ".join(facts)}


def _versions(run: RunFolder) -> list[tuple[str, str]]:
    versions = [("Python", platform.python_version())]
    for package in _PACKAGES:
        try:
            versions.append((package, importlib.metadata.version(package)))
        except importlib.metadata.PackageNotFoundError:
            continue
    tested = run.protocol.get("framecast")
    return versions + ([("framecast at test time", str(tested))] if tested else [])
