"""What the README tells a user to type works as it stands there."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from framecast.cli import main

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def commands():
    lines = "\n".join(blocks("bash")).splitlines()
    return [shlex.split(line, comments=True)[1:] for line in lines if line.startswith("framecast ")]


SHORT = ["--trainer.limit_train_batches", "2", "--trainer.limit_val_batches", "1", "--trainer.max_epochs", "1"]
SHORT += ["--trainer.accelerator", "cpu", "--trainer.enable_progress_bar", "false"]


@pytest.fixture
def place(tmp_path, monkeypatch, shared_data):
    """A folder with MNIST and some recordings, as the README assumes them."""
    (tmp_path / "mnist").symlink_to(shared_data / "mnist")
    recordings = tmp_path / "my_recordings"
    recordings.mkdir()
    rng = np.random.default_rng(0)
    for name in ("clouds", "rain", "snow", "fog"):
        frames = [Image.fromarray(f) for f in rng.integers(0, 255, (36, 20, 24), dtype=np.uint8)]
        frames[0].save(recordings / f"{name}.gif", save_all=True, append_images=frames[1:])
    for name in ("cat", "dog"):
        (tmp_path / "my_images" / name).mkdir(parents=True)
        for k, pixels in enumerate(rng.integers(0, 255, (30, 20, 24, 3), dtype=np.uint8)):
            Image.fromarray(pixels).save(tmp_path / "my_images" / name / f"{k}.png")
    np.save(tmp_path / "my_frames.npy", rng.integers(0, 255, (12, 20, 24)))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_command_and_every_example(place):
    seen = []
    for command in commands():
        seen.append(command[0])
        if command[0] == "demo":  # minutes; tested by itself
            continue
        more = {"fit": SHORT, "test": ["--trainer.limit_test_batches", "1"]}.get(command[0], [])
        assert main([*command, *more]) == 0, command
    assert seen.count("fit") == 5
    assert {"fit", "test", "report", "predict", "match", "embed", "demo"} == set(seen)
    made = ("runs/moving_mnist/report.html", "runs/frames/report.html", "runs/siamese_mnist/report.html")
    for name in (*made, "forecast/animation.gif", "cats.npz"):
        assert (place / name).is_file(), name
    names = {}
    for block in blocks("python"):
        exec(compile(block, "README.md", "exec"), names)
    assert names["forecast"].shape == (20, 20, 24)
    assert names["logits"].shape == (2, 10, 1, 64, 64)
    assert names["output"].shape == (5, 2, 8, 16, 16)


def test_make_commands_and_links_exist():
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"^make (\w+)", "\n".join(blocks("bash")), flags=re.MULTILINE):
        assert f"\n{target}:" in makefile
    for link in re.findall(r"\]\(((?!http)[^)]+)\)", README):
        assert (ROOT / link).exists(), link
