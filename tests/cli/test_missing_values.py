"""Values that stand for none, from the command line: in training, in the test and in forecasts."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

import framecast
from framecast.cli import main
from framecast.data import FrameData

rng = np.random.default_rng(0)
CODE = 65535


def recording():
    """Nine frames, of which five columns have no value."""
    frames = rng.integers(0, 4096, (9, 12, 16)).astype(np.uint16)
    frames[:, :, :5] = CODE
    return frames


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """One file of six recordings in the layout of Moving MNIST."""
    folder = tmp_path_factory.mktemp("recordings")
    clips = np.stack([recording() for _ in range(6)], axis=1)
    np.savez(folder / "clips.npz", clips=clips, frames=clips[:, :3])
    return folder


@pytest.fixture(scope="module")
def run(folder, tmp_path_factory):
    """A network with a mask channel, trained and tested."""
    run = tmp_path_factory.mktemp("runs") / "run"
    fit = ["fit", "--config", "frames", "--run", str(run), "--data.folder", str(folder), "--data.batch_size", "2"]
    fit += ["--data.missing", str(CODE), "--data.layout", "TNHW", "--data.variable", "clips"]
    fit += ["--data.input_frames", "3", "--data.horizon", "2", "--model.fill", "-1", "--model.mask_channel", "true"]
    fit += ["--model.network.channels", "2", "--model.network.out_channels", "1", "--model.network.hidden_size", "[4]"]
    fit += ["--trainer.max_epochs", "1", "--trainer.accelerator", "cpu", "--trainer.enable_progress_bar", "false"]
    assert main(fit) == 0
    assert main(["test", "--run", str(run)]) == 0
    return run


@pytest.fixture
def checkpoint(run):
    return str(run / "checkpoints" / "last.ckpt")


def test_a_run_knows_what_stands_for_no_value(run, checkpoint, folder):
    about = torch.load(checkpoint, weights_only=True)["framecast"]
    assert about["scale"]["high"] < 4096
    assert (about["fill"], about["mask_channel"], about["data"]["missing"]) == (-1.0, True, [CODE])
    split = json.loads((run / "split.json").read_text())
    items = [item for part in ("train", "val", "test") for item in split[part]]
    assert sorted(item["path"] for item in items) == [f"clips.npz#{number}" for number in range(6)]
    assert {item["size"] for item in items} == {(folder / "clips.npz").stat().st_size}
    forecaster = framecast.load(checkpoint)
    assert (forecaster.channels, forecaster.missing, forecaster.fill) == (1, (CODE,), -1.0)


def predict(checkpoint, path, output, *options):
    command = ["predict", "--ckpt_path", checkpoint, "--input", str(path), "--output", str(output), "--horizon", "2"]
    assert main([*command, *options]) == 0
    return np.load(output / "forecast.npy")


def test_a_forecast_has_no_value_where_the_input_has_none(checkpoint, tmp_path):
    frames = recording()
    np.save(tmp_path / "frames.npy", frames)
    forecast = predict(checkpoint, tmp_path / "frames.npy", tmp_path / "forecast")
    assert np.isnan(forecast[..., :5]).all()
    assert np.isfinite(forecast[..., 5:]).all()
    np.testing.assert_array_equal(framecast.load(checkpoint).predict(frames, 2), forecast[:, 0])
    with Image.open(tmp_path / "forecast" / "frame_0001.png") as image:
        stored = np.asarray(image)
    assert (stored[:, :5] == CODE).all()
    np.testing.assert_array_equal(stored[:, 5:], np.round(forecast[1, 0, :, 5:]).clip(0, CODE))


def test_gaps_without_a_code_are_written_as_floating_point(checkpoint, tmp_path, capsys):
    np.save(tmp_path / "frames.npy", recording())
    forecast = predict(checkpoint, tmp_path / "frames.npy", tmp_path / "forecast", "--missing", f"[[5000, {CODE}]]")
    assert "frames.npy has none: it is written as float32, with NaN" in capsys.readouterr().err
    with Image.open(tmp_path / "forecast" / "frame_0000.tiff") as image:
        np.testing.assert_array_equal(np.asarray(image), forecast[0, 0])


def test_predict_reads_one_clip_of_a_file(checkpoint, folder, tmp_path, capsys):
    path = f"{folder / 'clips.npz'}#4"
    forecast = predict(checkpoint, path, tmp_path / "forecast", "--layout", "TNHW", "--variable", "clips")
    clip = np.load(folder / "clips.npz")["clips"][:, 4]
    np.testing.assert_array_equal(framecast.load(checkpoint).predict(clip, 2), forecast[:, 0])
    wrong = [
        "predict",
        "--ckpt_path",
        checkpoint,
        "--input",
        str(folder / "clips.npz"),
        "--output",
        str(tmp_path / "x"),
    ]
    for options, words in (
        (["--layout", "TNHW", "--variable", "clips"], "name one, clips.npz#0 to clips.npz#5"),
        (["--layout", "TNHW"], "name one with `variable`"),
        (["--variable", "clips"], "TNHW for clips (T, N, H, W)"),
        (["--layout", "TXY"], "`layout` (='TXY') must hold each of T, H and W once"),
        (["--missing", "[[3, 2]]"], "`missing` (=[(3.0, 2.0)]) must be numbers, or ranges"),
    ):
        assert main([*wrong, *options]) == 2
        assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    ("channels", "out_channels", "words"),
    [
        (
            "1",
            "1",
            "as many of `mask_channel`, 2 together, but the model takes 1: set --model.network.channels 2",
        ),
        ("2", "2", "the model forecasts 2: set --model.network.out_channels 1"),
    ],
)
def test_a_mask_channel_needs_channels(folder, tmp_path, capsys, channels, out_channels, words):
    fit = ["fit", "--config", "frames", "--run", str(tmp_path / "run"), "--data.folder", str(folder)]
    fit += ["--data.layout", "TNHW", "--data.variable", "clips", "--data.input_frames", "3", "--data.horizon", "2"]
    fit += ["--model.mask_channel", "true", "--model.network.channels", channels, "--trainer.accelerator", "cpu"]
    assert main([*fit, "--model.network.out_channels", out_channels, "--data.missing", "-1"]) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("missing", [-9999, [-9999, -1], [(-1e5, -1.0)], [[-1e5, -1.0]]])
def test_missing_values_of_the_data(tmp_path, missing):
    for number in range(3):
        frames = rng.uniform(0, 50, (5, 8, 8)).astype(np.float32)
        frames[:, :2] = -9999
        np.save(tmp_path / f"{number}.npy", frames)
    data = FrameData(str(tmp_path), input_frames=2, horizon=2, missing=missing)
    data.setup()
    assert 0 <= data.value_scale.low < data.value_scale.high <= 50
    sample = data.train_set[0]
    assert not sample["input_mask"][:, :, :2].any()
    assert sample["mask"][:, :, 2:].all()
