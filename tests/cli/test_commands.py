"""The command line from end to end, on a run of seconds."""

import json
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import framecast
from framecast.cli import main, shipped_configs
from framecast.data import MovingMNIST

TINY = str(Path(__file__).parents[1] / "conf" / "tiny.yaml")


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    """A trained and tested run."""
    folder = tmp_path_factory.mktemp("runs") / "tiny"
    assert main(["fit", "--config", TINY, "--run", str(folder)]) == 0
    assert main(["test", "--run", str(folder)]) == 0
    return folder


@pytest.fixture(scope="session")
def checkpoint(run):
    return str(run / "checkpoints" / "best.ckpt")


def fails(capsys, *args):
    """The one line that a failing command prints."""
    capsys.readouterr()
    assert main([str(a) for a in args]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    ours = [line for line in lines if line.startswith("framecast: ") and "note:" not in line]
    assert len(ours) == 1, lines
    return ours[0].removeprefix("framecast: ")


def test_a_run_folder_holds_everything(run):
    for name in ("config.yaml", "checkpoints/best.ckpt", "checkpoints/last.ckpt", "logs/csv/version_0/metrics.csv"):
        assert (run / name).is_file(), name
    assert list(run.glob("logs/tensorboard/version_0/events*"))
    header = (run / "logs/csv/version_0/metrics.csv").read_text().splitlines()[0].split(",")
    assert {"step", "train_loss", "val_loss", "frames_per_second", "learning_rate"} <= set(header)


def test_scores_are_written_with_their_protocol(run):
    result = json.loads((run / "test" / "metrics.json").read_text())
    assert set(result["scores"]) == {"model", "last_frame", "mean_frame", "zero"}
    protocol = result["protocol"]
    assert protocol["sequences"] == 6
    assert (protocol["input_frames"], protocol["horizon"], protocol["step"]) == (4, 3, 30)
    # The zero forecast's squared error, from the data themselves.
    frames = MovingMNIST(
        split="test", length=6, size=16, digits=1, digit_size=12, speed=(1, 2), input_frames=4, horizon=3
    )
    expected = np.mean([s["target"].double().square().sum((1, 2, 3)).mean().item() for s in frames])
    assert result["scores"]["zero"]["mse"]["mean"] == pytest.approx(expected, rel=1e-5)
    examples = np.load(run / "test" / "examples.npz")
    assert examples["forecast"].shape == examples["target"].shape == (3, 3, 1, 16, 16)
    assert examples["input"].shape == (3, 4, 1, 16, 16)


def test_testing_again_overwrites_nothing(run, capsys):
    before = (run / "test" / "metrics.json").read_bytes()
    assert main(["test", "--run", str(run), "--ckpt_path", "last"]) == 0
    assert (run / "test" / "metrics.json").read_bytes() == before
    again = json.loads((run / "test-2" / "metrics.json").read_text())
    assert again["protocol"]["checkpoint"] == str(run / "checkpoints" / "last.ckpt")
    shown = capsys.readouterr().out
    assert "last_frame" in shown
    assert "sequences of the test part" in shown


def test_a_checkpoint_alone_finds_its_run(run, checkpoint, tmp_path):
    assert main(["test", "--ckpt_path", checkpoint, "--output", str(tmp_path / "scores")]) == 0
    assert (tmp_path / "scores" / "metrics.json").read_bytes() == (run / "test" / "metrics.json").read_bytes()


def test_validate(run):
    assert main(["validate", "--run", str(run)]) == 0


def test_report(run, tmp_path, capsys):
    assert main(["report", "--run", str(run), "--output", str(tmp_path / "report.html")]) == 0
    assert "report.html" in capsys.readouterr().out
    assert "last frame" in (tmp_path / "report.html").read_text().lower()


def test_predict_from_images(checkpoint, tmp_path):
    folder = tmp_path / "frames"
    folder.mkdir()
    sequence = MovingMNIST(split="test", length=1, size=(17, 22), digits=1, digit_size=12, input_frames=5, horizon=1)[0]
    frames = (sequence["input"][:, 0].numpy() * 255).astype(np.uint8)
    for i, frame in enumerate(frames):
        Image.fromarray(frame).save(folder / f"frame_{i}.png")
    output = tmp_path / "forecast"
    command = ["predict", "--ckpt_path", checkpoint, "--input", str(folder), "--horizon", "6", "--output", str(output)]
    assert main(command) == 0
    values = np.load(output / "forecast.npy")
    assert values.shape == (6, 1, 17, 22)
    from_python = framecast.load(checkpoint).predict(frames, horizon=6)
    np.testing.assert_allclose(values[:, 0], from_python, rtol=1e-5, atol=1e-3)
    images = [np.asarray(Image.open(output / f"frame_{i:04d}.png").copy()) for i in range(6)]
    np.testing.assert_array_equal(images, np.round(from_python).astype(np.uint8))
    with Image.open(output / "animation.gif") as animation:
        assert animation.n_frames == 4 + 6


def test_forecaster_is_the_network(run, checkpoint):
    forecaster = framecast.load(checkpoint)
    examples = np.load(run / "test" / "examples.npz")
    forecast = forecaster.predict(examples["input"][0] * 255, horizon=3)
    np.testing.assert_allclose(forecast / 255, examples["forecast"][0], atol=1e-5)


def test_mse_and_frames_of_ones_own(tmp_path, capsys):
    rng = np.random.default_rng(0)
    data = tmp_path / "recordings"
    data.mkdir()
    for i in range(4):
        frames = rng.normal(20, 5, (9, 10, 11)).astype(np.float32)
        frames[:, :2] = np.nan
        np.save(data / f"recording{i}.npy", frames)
    run = tmp_path / "run"
    fit = ["fit", "--config", "frames", "--data.folder", str(data), "--data.input_frames", "3", "--data.horizon", "2"]
    fit += ["--model.network.hidden_size", "[4]", "--trainer.max_epochs", "1", "--trainer.accelerator", "cpu"]
    assert main([*fit, "--data.batch_size", "2", "--run", str(run), "--trainer.enable_progress_bar", "false"]) == 0
    assert main(["test", "--run", str(run)]) == 0
    examples = np.load(run / "test" / "examples.npz")
    assert np.isnan(examples["target"][:, :, :, :2]).all()
    assert np.isfinite(examples["target"][:, :, :, 2:]).all()
    checkpoint = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
    low, high = checkpoint["framecast"]["scale"]["low"], checkpoint["framecast"]["scale"]["high"]
    assert 0 < low < 15 < 25 < high < 40
    values = framecast.load(run / "checkpoints" / "last.ckpt").predict(np.load(data / "recording0.npy"), horizon=2)
    assert values.shape == (2, 10, 11)
    assert np.isnan(values[:, :2]).all()
    assert 0 < values[:, 2:].mean() < 40
    assert main(["report", "--run", str(run)]) == 0


def test_help_and_version(capsys):
    assert main(["--version"]) == 0
    assert framecast.__version__ in capsys.readouterr().out
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    for name in (*shipped_configs(), "fit", "test", "predict", "match", "embed", "report", "demo"):
        assert name in shown


@pytest.mark.parametrize("config", shipped_configs())
def test_every_shipped_configuration_runs(config, tmp_path, monkeypatch):
    more = ["--trainer.limit_train_batches", "2", "--trainer.limit_val_batches", "1", "--trainer.max_epochs", "1"]
    if config == "frames":
        for i in range(3):
            np.save(tmp_path / f"r{i}.npy", np.random.default_rng(i).random((24, 16, 16)))
        more += ["--data.folder", str(tmp_path), "--data.batch_size", "2"]
    if config == "siamese_omniglot":
        more += ["--data.images.train_zip", drawings(tmp_path / "train", "Greek", 32), "--data.images.test_zip"]
        more += [drawings(tmp_path / "test", "Tagalog", 5), "--data.val_batch_size", "20"]
    if config == "siamese_images":
        images = tmp_path / "images"
        for name in ("cat", "dog"):
            (images / name).mkdir(parents=True)
            for k, pixels in enumerate(np.random.default_rng(0).integers(0, 255, (60, 20, 24, 3), dtype=np.uint8)):
                Image.fromarray(pixels).save(images / name / f"{k}.png")
        more += ["--data.images.folder", str(images)]
    run = tmp_path / "run"
    fit = ["fit", "--config", config, "--run", str(run), "--trainer.enable_progress_bar", "false"]
    assert main([*fit, "--trainer.accelerator", "cpu", *more]) == 0
    assert main(["test", "--run", str(run), "--trainer.limit_test_batches", "1"]) == 0


def drawings(folder, alphabet, characters):
    """A folder as Omniglot's, four drawings of each character."""
    for number in range(characters):
        place = folder / alphabet / f"character{number + 1:02}"
        place.mkdir(parents=True)
        for writer in range(1, 5):
            values = np.random.default_rng((number, writer)).random((20, 20)) > 0.3
            Image.fromarray(values).save(place / f"{number:04}_{writer:02}.png")
    return str(folder)


def test_wrong_commands_and_options(run, checkpoint, tmp_path, capsys):
    message = fails(capsys, "train")
    assert "unknown command 'train'" in message
    message = fails(capsys, "fit", "--config", "moving_mist")
    assert "there is no configuration 'moving_mist'" in message
    assert "moving_mnist" in message
    assert "no_such_option" in fails(capsys, "fit", "--config", TINY, "--no_such_option", "1")
    message = fails(capsys, "fit", "--config", TINY, "--run", run)
    assert "already holds a run: resume it with --ckpt_path last, or name another with --run" in message
    assert "there is no" in fails(capsys, "test", "--run", tmp_path / "none")
    assert "`loss` must be one of" in fails(
        capsys, "fit", "--config", TINY, "--run", tmp_path / "r", "--model.loss", "huber"
    )
    assert not (tmp_path / "r").exists()
    message = fails(capsys, "test", "--run", run, "--model.network.hidden_size", "[5]")
    assert "is of another model" in message
    assert "its loss is cross_entropy" in fails(capsys, "test", "--run", run, "--model.loss", "mse")
    assert "the frames have 3 channels" in fails(capsys, *_colour(tmp_path))
    assert "`download` needs `source`" in fails(
        capsys, "fit", "--config", TINY, "--run", tmp_path / "r3", "--data.download", "true"
    )
    assert "MisconfigurationException" not in fails(
        capsys, "fit", "--config", TINY, "--run", tmp_path / "r4", "--trainer.accelerator", "gpu"
    )
    assert not list(tmp_path.glob("r?"))
    message = fails(capsys, "test", "--run", run, "--output", run)
    assert "is not empty" in message
    message = fails(capsys, "fit", "--config", TINY, "--run", tmp_path / "r2", "--data.source", tmp_path)
    assert "train-images-idx3-ubyte" in message


def _colour(folder):
    """A training of the grey default model on recordings in colour."""
    data = folder / "colour"
    data.mkdir()
    for i in range(3):
        np.save(data / f"r{i}.npy", np.random.default_rng(i).random((24, 3, 16, 16)))
    return ["fit", "--config", "frames", "--data.folder", data, "--run", folder / "r5"]


def test_a_run_that_was_moved_keeps_its_best(run, tmp_path):
    moved = tmp_path / "moved"
    shutil.copytree(run, moved)
    last = moved / "checkpoints" / "last.ckpt"
    checkpoint = torch.load(last, weights_only=True)
    (state,) = (s for name, s in checkpoint["callbacks"].items() if "BestCheckpoint" in name)
    state["best_k_models"] = {name: torch.tensor(0.0) for name in state["best_k_models"]}  # not to be beaten
    state["best_model_score"] = state["kth_value"] = torch.tensor(0.0)
    torch.save(checkpoint, last)
    before = (moved / "checkpoints" / "best.ckpt").read_bytes()
    assert main(["fit", "--run", str(moved), "--ckpt_path", "last", "--trainer.max_epochs", "4"]) == 0
    assert (moved / "checkpoints" / "best.ckpt").read_bytes() == before
    assert torch.load(last, weights_only=True)["global_step"] == 40


def test_a_new_run_from_an_old_checkpoint_is_tested_by_its_own(run, checkpoint, tmp_path):
    new = tmp_path / "new"
    fit = ["fit", "--config", TINY, "--run", str(new), "--ckpt_path", checkpoint, "--trainer.max_epochs", "4"]
    assert main(fit) == 0
    assert main(["test", "--run", str(new)]) == 0
    protocol = json.loads((new / "test" / "metrics.json").read_text())["protocol"]
    assert protocol["step"] == 40
    assert protocol["checkpoint"] == str(new / "checkpoints" / "best.ckpt")


def test_wrong_input_to_predict(run, checkpoint, tmp_path, capsys):
    def predict(input, output=tmp_path / "out", ckpt=checkpoint, horizon=3):
        return fails(capsys, "predict", "--ckpt_path", ckpt, "--input", input, "--horizon", horizon, "--output", output)

    good = tmp_path / "good.npy"
    np.save(good, np.full((5, 16, 16), 99.0))
    assert "there is no checkpoint" in predict(good, ckpt=tmp_path / "none.ckpt")
    short = tmp_path / "short.npy"
    np.save(short, np.full((3, 16, 16), 99.0))
    assert "`frames` are 3, but the model needs 4" in predict(short)
    missing = tmp_path / "nan.npy"
    np.save(missing, np.full((5, 16, 16), np.nan))
    assert "NaN" in predict(missing)
    assert str(tmp_path / "absent") in predict(tmp_path / "absent")
    assert "is not empty" in predict(good, output=run)
    assert "`horizon` must be a positive" in predict(good, horizon=0)
    colour = tmp_path / "colour.npy"
    np.save(colour, np.random.default_rng(0).integers(0, 255, (5, 3, 16, 16)).astype(np.uint8))
    assert "--grayscale true" in predict(colour)
    cut = tmp_path / "cut.ckpt"
    cut.write_bytes(Path(checkpoint).read_bytes()[:5000])
    assert "damaged or cut short" in predict(good, ckpt=cut)
    evil = tmp_path / "evil.ckpt"
    torch.save({"framecast": {}, "state_dict": Path}, evil)
    assert "could run code" in predict(good, ckpt=evil)
    for junk in (b"notes, not weights\n", bytes(range(256))):
        cut.write_bytes(junk)
        assert str(cut) in predict(good, ckpt=cut)
    foreign = tmp_path / "foreign.ckpt"
    torch.save({"state_dict": {}}, foreign)
    assert "is not a checkpoint of Framecast" in predict(good, ckpt=foreign)
    other = torch.load(checkpoint, weights_only=True)
    other["framecast"]["config"]["hidden_size"] = [5]
    torch.save(other, tmp_path / "other.ckpt")
    assert "are those of another model" in predict(good, ckpt=tmp_path / "other.ckpt")
    assert not (tmp_path / "out").exists()


def test_another_scale_is_pointed_out(checkpoint, tmp_path, capsys):
    np.save(tmp_path / "unit.npy", np.random.default_rng(0).random((5, 16, 16)))
    command = ["predict", "--ckpt_path", checkpoint, "--input", str(tmp_path / "unit.npy"), "--output"]
    assert main([*command, str(tmp_path / "a")]) == 0
    assert "trained on a scale of 0 to 255" in capsys.readouterr().err
    assert main([*command, str(tmp_path / "b"), "--scale", "[0, 1]"]) == 0
    assert "trained on a scale" not in capsys.readouterr().err
    assert 0 <= np.load(tmp_path / "b" / "forecast.npy").min() <= np.load(tmp_path / "b" / "forecast.npy").max() <= 1


def test_a_loss_that_is_no_number_stops_the_run(tmp_path, capsys):
    run = tmp_path / "diverged"
    message = fails(
        capsys, "fit", "--config", TINY, "--run", run, "--model.learning_rate", "1e18", "--model.loss", "mse",
        "--checkpoint_every_n_steps", "1",
    )  # fmt: skip
    assert "at step" in message
    assert str(run / "checkpoints" / "last.ckpt") in message
    weights = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    assert all(w.isfinite().all() for w in weights.values())


def test_printed_commands_are_quoted_for_the_shell(tmp_path, capsys):
    run = tmp_path / "it's a run"
    assert main(["fit", "--config", TINY, "--run", str(run), "--trainer.max_epochs", "1"]) == 0
    assert main(["test", "--run", str(run)]) == 0
    lines = [line.partition("next: ")[2] for line in capsys.readouterr().out.splitlines() if "next: " in line]
    assert [shlex.split(line) for line in lines] == [
        ["framecast", name, "--run", str(run)] for name in ("test", "report")
    ]


def test_the_working_directory_is_not_taken_for_a_run(run, tmp_path, monkeypatch, capsys):
    """Without a run and a checkpoint, no configuration two folders up is read."""
    shutil.copy(run / "config.yaml", tmp_path / "config.yaml")
    (tmp_path / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "a" / "b")
    assert "there is no runs/unnamed" in fails(capsys, "test", "--config", TINY, "--run", "runs/unnamed")
    assert "required" in fails(capsys, "test")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--model.help", "Forecast"], "--model.learning_rate LEARNING_RATE highest learning rate of Adam."),
        (["--model.help", "Match"], "--model.margin MARGIN the loss's margin"),
        (["--model.network.help", "EncoderForecaster"], "--network.hidden_size"),
        (["--model", "Match", "--model.network.help", "Siamese"], "framecast.models.LeNet, "),
    ],
)
def test_help_on_classes_is_short(options, words, capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["fit", *options])
    text = capsys.readouterr().out
    assert words in " ".join(text.split())
    assert len(text.splitlines()) < 70
