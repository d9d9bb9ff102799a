"""Run folders as `framecast fit` and `framecast test` leave them, with moving blobs for frames."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

MakeRun = Callable[..., Path]


def moving_blobs(examples: int, frames: int, channels: int, height: int, width: int, blur: float = 1.0) -> np.ndarray:
    """Blobs that move to the right, one per example and channel, `(examples, frames, channels, height, width)`."""
    generator = np.random.default_rng(1)
    rows, columns = np.mgrid[:height, :width]
    row = generator.uniform(0.3, 0.7, (examples, 1, channels, 1, 1)) * height
    column = generator.uniform(0.2, 0.4, (examples, 1, channels, 1, 1)) * width
    column = column + 0.02 * width * np.arange(frames).reshape(1, -1, 1, 1, 1)
    spread = (blur * 0.12 * height) ** 2
    return np.exp(-((rows - row) ** 2 + (columns - column) ** 2) / (2 * spread)).astype(np.float32)


def write_log(run: Path, version: int, rows: list[dict[str, object]]) -> Path:
    """Write a CSV log as Lightning does, one row per logged value."""
    path = run / "logs" / "csv" / f"version_{version}" / "metrics.csv"
    path.parent.mkdir(parents=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, ["epoch", "step", "train_loss", "val_loss"])
        writer.writeheader()
        writer.writerows(rows)
    return path


def metrics(horizon: int) -> dict:
    """A `metrics.json` with numbers that appear nowhere else."""
    lead = np.arange(1, horizon + 1)

    def score(first: float, step: float) -> dict:
        values = [float(value) for value in first + step * lead]
        return {"mean": float(np.mean(values)), "by_lead_time": values}

    nothing = {"mean": None, "by_lead_time": [None] * horizon}
    return {
        "protocol": {
            "data": "Blobs that move", "split": "test", "sequences": 1234, "input_frames": 4, "horizon": horizon,
            "frame_size": [32, 32], "channels": 1, "scale": {"low": 0.0, "high": 255.0, "unit": "grey level"},
            "averaging": "Mean over sequences and lead times", "checkpoint": "best.ckpt", "step": 4321, "seed": 7,
            "parameters": 98765, "framecast": "0.1.0",
        },
        "scores": {
            "model": {"mse": score(11.37, 2), "ssim": score(0.93, -0.0137), "psnr": score(31.7, -0.3)},
            "last_frame": {"mse": score(23.91, 9), "ssim": score(0.71, -0.03), "psnr": score(20.3, -0.3)},
            "zero": {"mse": score(77.77, 0), "ssim": score(0.11, 0), "psnr": nothing},
        },
    }  # fmt: skip


@pytest.fixture
def make_run(tmp_path: Path) -> MakeRun:
    """Return a function that writes a run folder."""

    def make(
        name: str = "blobs", *, examples: int = 3, shape: tuple[int, int, int] = (1, 32, 32), horizon: int = 5,
        masked: bool = False, tested: bool = True, config: str = "seed_everything: 7\n",
    ) -> Path:  # fmt: skip
        run = tmp_path / name
        run.mkdir()
        (run / "config.yaml").write_text(config)
        rows: list[dict[str, object]] = [{"epoch": 0, "step": step, "train_loss": 1 / (step + 1)} for step in range(20)]
        write_log(run, 0, [*rows, {"epoch": 0, "step": 19, "val_loss": 0.07531}])
        if tested:
            frames = moving_blobs(examples, 4 + horizon, *shape)
            # The later an example, the blurrier and so the worse its forecast.
            forecast = np.stack([
                moving_blobs(examples, 4 + horizon, *shape, blur=1.1 + 0.2 * index)[index, 4:]
                for index in range(examples)
            ])  # fmt: skip
            if masked:
                frames[..., :8] = np.nan
                forecast[..., :8] = np.nan
            (run / "test").mkdir()
            (run / "test" / "metrics.json").write_text(json.dumps(metrics(horizon)))
            np.savez(run / "test" / "examples.npz", input=frames[:, :4], target=frames[:, 4:], forecast=forecast)
        return run

    return make
