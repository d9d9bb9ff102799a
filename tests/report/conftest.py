"""Run folders as `framecast fit` and `framecast test` leave them: moving blobs for frames, digits to match."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

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


def write_log(
    run: Path, version: int, rows: list[dict[str, object]], scores: tuple[str, ...] = ("train_loss", "val_loss")
) -> Path:
    """Write a CSV log as Lightning does, one row per logged value."""
    path = run / "logs" / "csv" / f"version_{version}" / "metrics.csv"
    path.parent.mkdir(parents=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, ["epoch", "step", *scores])
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
        "task": "forecast",
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
        (run / "config.yaml").write_text(f"model:\n  class_path: framecast.tasks.Forecast\n{config}")
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


def clusters(labels: np.ndarray, size: int, spread: float) -> np.ndarray:
    """Vectors `(n, size)` about a centre for each class."""
    generator = np.random.default_rng(2)
    angles = 2.4 * np.arange(labels.max() + 1)
    centres = generator.normal(size=(labels.max() + 1, size)) * 0.6
    centres[:, 0] += 2 * np.cos(angles) * (1 + angles / 30)
    centres[:, -1] += 2 * np.sin(angles) * (1 + angles / 30)
    noise = generator.normal(size=(len(labels), size)) * generator.gamma(2, 0.5, (len(labels), 1))
    return (centres[labels] + spread * noise).astype(np.float32)


def match_arrays(images: np.ndarray, labels: np.ndarray, classes: list[str], size: int, count: int) -> dict:
    """What `framecast test` stores of a Siamese network, with `count` pairs of either kind."""
    vectors = clusters(labels, size, 0.2)
    first, second = np.random.default_rng(3).integers(0, len(labels), (2, 40 * count))
    similar = labels[first] == labels[second]
    chosen = np.concatenate([np.flatnonzero(similar & (first != second))[:count], np.flatnonzero(~similar)[:count]])
    pairs = np.stack([first, second], 1)[chosen]
    distances = np.linalg.norm(vectors[pairs[:, 0]] - vectors[pairs[:, 1]], axis=1)
    return {
        "embeddings": vectors, "labels": labels, "images": images, "classes": np.array(classes),
        "distances": distances, "similar": similar[chosen], "pairs": pairs, "threshold": np.float32(0.7317),
    }  # fmt: skip


MATCH_METRICS = {
    "task": "match",
    "protocol": {
        "data": "Digits of the test part: 897 of 10 classes", "split": "test", "classes": "seen in training",
        "seen_classes": 10, "gallery": 900, "scored_images": 897, "pairs": 50_000, "pair_seed": 0,
        "frame_size": [8, 8], "channels": 1, "verification": "50,000 pairs of 897 test images, drawn with seed 0",
        "neighbours": "k=5 of 900 training images", "one_shot": "none: training saw all classes",
        "checkpoint": "best.ckpt", "step": 4321, "seed": 7, "parameters": 98765, "framecast": "0.1.0",
    },
    "scores": {
        "roc_auc": 0.99731, "eer": 0.01234, "true_accepts_at_0.01": 0.98765, "true_accepts_at_0.001": 0.91357,
        "accuracy": 0.98642, "threshold": 0.7317, "neighbour_accuracy": None, "one_shot": {"5-way across all": 0.9371},
    },
}  # fmt: skip


def write_match_log(run: Path, epochs: int) -> None:
    """Write a log of a training that went well."""
    generator = np.random.default_rng(4)
    rows: list[dict[str, object]] = []
    for epoch in range(epochs):
        steps = range(50 * epoch + 9, 50 * (epoch + 1), 10)
        for step in steps:
            rows.append({"epoch": epoch, "step": step, "train_loss": generator.gamma(20, 0.02) / (1 + step / 30)})
        rows.append({
            "epoch": epoch, "step": steps[-1], "val_loss": 0.4 / (epoch + 2), "val_eer": 0.2 / (epoch + 1) ** 1.4,
            "val_auc": 1 - 0.1 / (epoch + 1) ** 1.7,
        })  # fmt: skip
    write_log(run, 0, rows, ("train_loss", "val_loss", "val_auc", "val_eer"))


@pytest.fixture
def make_match_run(tmp_path: Path) -> MakeRun:
    """Return a function that writes a run folder of a Siamese network that tells the built-in digits apart."""

    def make(name: str = "digits", *, size: int = 2, tested: bool = True, epochs: int = 6, images: int = 400) -> Path:
        run = tmp_path / name
        run.mkdir()
        (run / "config.yaml").write_text("model:\n  class_path: framecast.tasks.Match\nseed_everything: 7\n")
        write_match_log(run, epochs)
        digits = load_digits()
        pictures, labels = (digits.images[:images] * 15.9).astype(np.uint8), digits.target[:images]
        arrays = match_arrays(pictures, labels, [str(digit) for digit in range(10)], size, 500)
        final = arrays["embeddings"][:200]
        start = np.random.default_rng(5).normal(size=final.shape).astype(np.float32)
        nearness = 1 - 0.8 ** np.arange(epochs).reshape(-1, 1, 1)
        positions = start + nearness * (final - start)
        np.savez(run / "embedding_epochs.npz", positions=positions, labels=labels[:200], epochs=np.arange(epochs) + 1)
        if tested:
            (run / "test").mkdir()
            (run / "test" / "metrics.json").write_text(json.dumps(MATCH_METRICS))
            np.savez(run / "test" / "match.npz", **arrays)
        return run

    return make
