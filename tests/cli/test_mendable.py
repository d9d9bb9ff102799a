"""What a caller can mend is one line that names the next step, and exit code 2."""

import shlex

import numpy as np
import pytest
import yaml
from PIL import Image

from framecast.cli import main
from framecast.cli._errors import is_callers, one_line
from framecast.runs import RunFolder

QUIET = ["--trainer.enable_progress_bar", "false", "--trainer.enable_model_summary", "false"]
FIT = ["fit", "--config", "frames", "--model.network.hidden_size", "[2]", "--data.input_frames", "3"]
FIT += ["--data.horizon", "2", "--data.batch_size", "2", "--data.train_batches_per_epoch", "2", *QUIET]
FIT += ["--trainer.accelerator", "cpu"]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with recordings, and a run of two steps that named them by a relative path."""
    place = tmp_path_factory.mktemp("place")
    (place / "2024").mkdir()
    for k in range(4):
        np.save(place / "2024" / f"{k}.npy", np.random.default_rng(k).random((8, 8, 8)).astype(np.float32))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        assert main([*FIT, "--data.folder", "2024", "--run", "0123", "--trainer.max_steps", "2"]) == 0
    return place


def line(capsys, *args):
    """The one line that a failing command prints."""
    capsys.readouterr()
    assert main([str(arg) for arg in args]) == 2
    lines = [text for text in capsys.readouterr().err.splitlines() if text.startswith("framecast: ")]
    assert len(lines) == 1
    return lines[0]


def test_a_relative_folder_of_data_is_found_from_anywhere(place, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = RunFolder(place / "0123")
    assert yaml.safe_load(run.read_config())["data"]["init_args"]["folder"] == str(place / "2024")
    assert run.read_split().folder == str(place / "2024")
    assert main(["test", "--run", str(run), "--ckpt_path", "last", *QUIET]) == 0


@pytest.mark.parametrize("steps", ["2", "1"])
def test_a_finished_run_says_so_and_how_it_goes_on(place, capsys, steps):
    run = str(place / "0123")
    assert main(["fit", "--run", run, "--ckpt_path", "last", "--trainer.max_steps", steps]) == 0
    said = capsys.readouterr().out
    assert f"is already finished: it stands at step 2, and --trainer.max_steps is {steps}\n" in said
    command = shlex.split(next(text for text in said.splitlines() if text.startswith("go on")).partition(": ")[2])
    assert command == ["framecast", "fit", "--run", run, "--ckpt_path", "last", "--trainer.max_steps", "4"]


def test_a_run_of_all_its_epochs_is_finished(place, capsys):
    run = str(place / "0123")
    limits = ["--trainer.max_steps", "-1", "--trainer.max_epochs", "1"]
    assert main(["fit", "--run", run, "--ckpt_path", "last", *limits]) == 0
    said = capsys.readouterr().out
    assert "it stands at the end of epoch 1, and --trainer.max_epochs is 1\n" in said
    assert "--trainer.max_epochs 2\n" in said


def test_a_folder_of_recordings_is_not_one(place, tmp_path, capsys):
    said = line(
        capsys, "predict", "--ckpt_path", place / "0123/checkpoints/last.ckpt", "--input", place / "2024",
        "--output", tmp_path / "o",
    )  # fmt: skip
    assert "is a folder of recordings (0.npy, 1.npy, 2.npy, 3.npy): forecast from one of them, --input " in said
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--trainer.precision", "17"], "trainer.precision"),
        (["--trainer.devices", "0"], "devices"),
        (["--trainer.strategy", "xyz"], "strategy"),
        (["--trainer.val_check_interval", "100"], "val_check_interval"),
        (["--trainer.accumulate_grad_batches", "0"], "`trainer.accumulate_grad_batches` (=0) must be at least 1"),
        (["--trainer.check_val_every_n_epoch", "0"], "`trainer.check_val_every_n_epoch` (=0) must be at least 1"),
        (["--trainer.max_epochs", "-2"], "max_epochs"),
        (["--trainer.profiler", "none"], "profiler"),
    ],
    ids=lambda value: value[0].rpartition(".")[2] if isinstance(value, list) else "",
)
def test_what_the_trainer_refuses_is_one_line(place, tmp_path, capsys, options, words):
    assert words in line(capsys, *FIT, "--data.folder", place / "2024", "--run", tmp_path / "run", *options)


def test_a_configuration_that_is_no_text(tmp_path, capsys):
    (tmp_path / "a.yaml").write_bytes(b"\xff\xfe\x00\x01")
    assert "a.yaml is not a configuration: it holds no text" in line(capsys, "fit", "--config", tmp_path / "a.yaml")


def test_errors_of_libraries_are_the_callers_and_ours_are_not():
    import torch

    with pytest.raises(RuntimeError) as raised:
        torch.nn.functional.conv2d(torch.zeros(1, 1, 2, 2), torch.zeros(1, 1, 3, 3))
    assert not is_callers(raised.value)  # raised here: a compiled operator has no frame of its own
    with pytest.raises(RuntimeError) as raised:
        torch.nn.Conv2d(1, 1, 3)(torch.zeros(1, 1, 2, 2))
    assert is_callers(raised.value)
    assert one_line(raised.value).startswith("torch raised RuntimeError: ")
    assert is_callers(Image.DecompressionBombError("too large"))
    assert is_callers(yaml.scanner.ScannerError())
    assert not is_callers(KeyError("ours"))


def test_short_names_of_the_options_of_images(tmp_path, capsys):
    for name in ("cat", "dog"):
        for k in range(6):
            (tmp_path / "pets" / name).mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.full((8, 8), 40 * k, np.uint8)).save(tmp_path / "pets" / name / f"{k}.png")
    fit = ["fit", "--config", "siamese_images", "--data.folder", str(tmp_path / "pets"), "--data.size=16", *QUIET]
    fit += ["--run", str(tmp_path / "run"), "--data.batch_size", "4", "--trainer.max_steps", "1"]
    assert main([*fit, "--trainer.accelerator", "cpu", "--model.network.encoder.widths", "[2, 2]"]) == 0
    config = yaml.safe_load(RunFolder(tmp_path / "run").read_config())["data"]["init_args"]
    assert config["images"]["init_args"]["size"] == 16
    assert config["images"]["init_args"]["folder"] == str(tmp_path / "pets")
    assert config["batch_size"] == 4
    assert "nosuch" in line(capsys, *fit, "--data.nosuch", "1")
