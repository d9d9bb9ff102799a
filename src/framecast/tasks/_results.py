"""What a test found, by task: the files in the test's folder, and the words on the screen."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from framecast import __version__

from ._base import Task
from .forecast import format_table


@dataclass(frozen=True)
class Results:
    """What is written and printed."""

    metrics: dict[str, Any]
    """Content of ``metrics.json``."""
    arrays: dict[str, np.ndarray]
    """Content of the ``.npz`` file for the report, if any."""
    arrays_name: str
    words: str

    def write(self, folder: Path) -> None:
        """Write the files into the test's folder."""
        with (folder / "metrics.json").open("x") as file:
            json.dump(self.metrics, file, indent=2)
        if self.arrays:
            np.savez_compressed(folder / self.arrays_name, allow_pickle=False, **self.arrays)


def results_of(task: Task, data: Any, checkpoint: Path) -> Results:
    """Collect what a test found, with its protocol.

    Args:
        task: the task, tested.
        data: the data it was tested on.
        checkpoint: the checkpoint that was tested.
    """
    protocol = {
        **data.describe("test"),
        "split": "test",
        "scale": data.scale.as_dict(),
        "checkpoint": str(checkpoint),
        "step": int(torch.load(checkpoint, map_location="cpu", weights_only=True)["global_step"]),
        "seed": data.seed,
        "parameters": sum(p.numel() for p in task.network.parameters()),
        "framecast": __version__,
        "torch": torch.__version__,
    }
    return _RESULTS[task.kind](task, data, protocol)


def _forecast(task: Any, data: Any, protocol: dict[str, Any]) -> Results:
    scores = task.results()
    protocol |= {
        "sequences": task.sequences,
        "averaging": "MSE, MAE and cross-entropy are sums over a frame's valid pixels (MSE and MAE of unclipped "
        "forecasts), SSIM and PSNR are of frames clipped to [0, 1]; all are means over frames and sequences",
    }
    size = "x".join(map(str, protocol["frame_size"]))
    words = (
        f"{protocol['data']}; {protocol['sequences']} sequences of the {protocol['split']} part; "
        f"{protocol['input_frames']} frames in, {protocol['horizon']} out, {size} pixels, unit scale. "
        f"{protocol['averaging']}. {protocol['checkpoint']}, step {protocol['step']}."
    )
    arrays = {name: torch.stack(parts).numpy() for name, parts in task.examples.items() if parts}
    metrics = {"protocol": protocol, "scores": scores}
    return Results(metrics, arrays, "examples.npz", f"{format_table(scores)}\n\n{words}")


def _match(task: Any, data: Any, protocol: dict[str, Any]) -> Results:
    found = task.results()
    protocol |= found.protocol
    arrays = found.arrays
    if arrays:
        arrays["classes"] = np.array(data.test_set.classes)
    rows = [
        ("ROC-AUC", f"{found.scores['roc_auc']:.4f}"),
        ("equal error rate", _percent(found.scores["eer"])),
        ("true accepts at 1 % false accepts", _percent(found.scores["true_accepts_at_0.01"])),
        ("true accepts at 0.1 % false accepts", _percent(found.scores["true_accepts_at_0.001"])),
        (f"accuracy at threshold {found.scores['threshold']:.4g}", _percent(found.scores["accuracy"])),
    ]
    if found.scores["neighbour_accuracy"] is not None:
        rows.append(("nearest-neighbour accuracy", _percent(found.scores["neighbour_accuracy"])))
    rows += [(f"one-shot, {name}", _percent(share)) for name, share in found.scores["one_shot"].items()]
    width = max(len(name) for name, _ in rows)
    table = "\n".join(f"{name:<{width}}  {value:>8}" for name, value in rows)
    words = (
        f"{protocol['data']}; classes {protocol['classes']}.\n"
        f"verification: {protocol['verification']}.\n"
        f"neighbours: {protocol['neighbours']}.\n"
        f"one-shot: {protocol['one_shot']}.\n"
        f"{protocol['checkpoint']}, step {protocol['step']}."
    )
    metrics = {"task": "match", "protocol": protocol, "scores": found.scores}
    return Results(metrics, arrays, "match.npz", f"{table}\n\n{words}")


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"


_RESULTS: dict[str, Callable[[Any, Any, dict[str, Any]], Results]] = {"forecast": _forecast, "match": _match}
