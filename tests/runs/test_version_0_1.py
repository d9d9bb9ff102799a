"""Runs of version 0.1 are loaded, tested, validated and reported as they stand."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml

import framecast
from framecast.cli import main
from framecast.cli._version_0_1 import current_config
from framecast.jobs import job_of_run
from framecast.runs import RunFolder

RUNS = Path(__file__).parent / "version_0_1"


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A copy of the runs, in the folder from which their data's path is relative."""
    shutil.copytree(RUNS, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def scores(folder):
    return json.loads((folder / "metrics.json").read_text())["scores"]


def leaves(value):
    if isinstance(value, dict):
        return [leaf for name in sorted(value) for leaf in leaves(value[name])]
    if isinstance(value, list):
        return [leaf for item in value for leaf in leaves(item)]
    return [np.nan if value is None else value]


@pytest.mark.parametrize("job", ["forecast", "match"])
def test_a_run_gives_the_same_scores(place, job, capsys):
    assert main(["test", "--run", job]) == 0
    note = "is of version 0.1: its DigitPairsData is read as MatchData of Digits"
    assert (note in capsys.readouterr().err) == (job == "match")
    np.testing.assert_allclose(
        leaves(scores(place / job / "test-2")), leaves(scores(place / job / "test")), rtol=1e-4, atol=1e-6
    )
    assert json.loads((place / job / "test-2" / "metrics.json").read_text())["task"] == job
    assert main(["validate", "--run", job]) == 0


@pytest.mark.parametrize("job", ["forecast", "match"])
def test_a_run_is_reported(place, job):
    assert job_of_run(RunFolder(job)).name == job
    assert main(["report", "--run", job]) == 0
    assert (place / job / "report.html").stat().st_size > 10_000
    shutil.rmtree(place / job / "test")
    assert job_of_run(RunFolder(job)).name == job
    assert main(["report", "--run", job]) == 0


@pytest.mark.parametrize("job", ["forecast", "match"])
def test_a_run_is_resumed(place, job):
    resume = ["fit", "--run", job, "--ckpt_path", "last", "--trainer.max_epochs", "3"]
    assert main(resume) == 0
    assert (place / job / "checkpoints" / "last.ckpt").stat().st_mtime > 0
    assert not (place / job / "split.json").exists()  # which files were training's cannot be known any more


def test_a_forecaster_is_loaded(place):
    forecaster = framecast.load("forecast/checkpoints/best.ckpt")
    assert (forecaster.input_frames, forecaster.channels, forecaster.scale.unit) == (3, 1, "dBZ")
    with np.load("forecast/test/examples.npz") as examples:
        frames = forecaster.scale.from_unit(examples["input"][0])
        expected = forecaster.scale.from_unit(examples["forecast"][0])
    np.testing.assert_allclose(forecaster.predict(frames, 2), expected, rtol=1e-4, atol=1e-3)


def test_a_matcher_is_loaded(place):
    matcher = framecast.load("match/checkpoints/best.ckpt")
    with np.load("match/test/match.npz") as arrays:
        np.testing.assert_allclose(matcher.embed(arrays["images"]), arrays["embeddings"], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "source", "options"),
    [
        ("DigitPairsData", "Digits", {"source": "builtin", "size": 16, "download": False}),
        ("OmniglotData", "Omniglot", {"train_zip": "a", "test_zip": "b", "rotations": True, "val_fraction": 0.2}),
        ("ImageFolderData", "ImageFolder", {"folder": "x", "size": [4, 5], "grayscale": True, "pair_list": None}),
        ("ClipPairsData", "MovingDigits", {"source": "builtin", "digit_size": 9, "min_frames": 2, "test_length": 3}),
    ],
)
def test_data_of_matching_are_translated(tmp_path, name, source, options):
    batches = {"batch": "images", "batch_size": 3, "gallery": 7, "seed": 1, "augment": None}
    config = {"trainer": {"max_epochs": 1}, "data": {"class_path": name, "init_args": {**batches, **options}}}
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(config))
    images = {"class_path": f"framecast.data.{source}", "init_args": options}
    data = {"class_path": "framecast.data.MatchData", "init_args": {"images": images, **batches}}
    assert yaml.safe_load(current_config(path)) == config | {"data": data}
    for text in ("data: {class_path: MatchData}\n", "data: FrameData\n", "[", ""):
        path.write_text(text)
        assert current_config(path) == str(path)
