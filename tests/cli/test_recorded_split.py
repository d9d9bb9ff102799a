"""What was training's stays out of the test, whatever is added to the data's folder later."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from framecast.cli import main
from framecast.data import _note
from framecast.runs import RunFolder

SHORT = ["--trainer.max_epochs", "1", "--trainer.enable_progress_bar", "false", "--trainer.accelerator", "cpu"]


def add_recording(folder, name, seed):
    np.save(folder / f"{name}.npy", np.random.default_rng(seed).random((8, 8, 8)).astype(np.float32))


def add_image(folder, name, seed):
    pixels = np.random.default_rng(seed).integers(0, 255, (20, 20), dtype=np.uint8)
    Image.fromarray(pixels).save(folder / f"{name}.png")


def frames(place):
    (place / "data").mkdir()
    for k in range(7):
        add_recording(place / "data", f"r{k}", k)
    options = ["--data.input_frames", "3", "--data.horizon", "2", "--data.batch_size", "2"]
    return ["fit", "--config", "frames", *options, "--model.network.hidden_size", "[2]"]


def images(place):
    for name in ("cat", "dog"):
        (place / "data" / name).mkdir(parents=True)
        for k in range(30):
            add_image(place / "data" / name, f"i{k}", k)
    options = ["--data.images.size", "16", "--data.images.grayscale", "true", "--data.batch_size", "10"]
    encoder = ["--model.network.encoder.channels", "1", "--model.network.encoder.widths", "[2, 2]"]
    return ["fit", "--config", "siamese_images", *options, *encoder]


def film(place):
    """One recording alone, which is split by time."""
    (place / "data").mkdir()
    np.save(place / "data" / "film.npy", np.random.default_rng(0).random((60, 8, 8)).astype(np.float32))
    options = ["--data.input_frames", "3", "--data.horizon", "2", "--data.batch_size", "2"]
    return ["fit", "--config", "frames", *options, "--model.network.hidden_size", "[2]"]


def faces(place):
    """Images of many classes, which are the unit of the split."""
    for number in range(9):
        (place / "data" / f"face{number}").mkdir(parents=True)
        for k in range(6):
            add_image(place / "data" / f"face{number}", f"i{k}", 10 * number + k)
    options = ["--data.images.size", "16", "--data.images.grayscale", "true", "--data.batch_size", "10"]
    encoder = ["--model.network.encoder.channels", "1", "--model.network.encoder.widths", "[2, 2]"]
    return ["fit", "--config", "siamese_images", "--data.images.split_by", "classes", *options, *encoder]


JOBS = {
    "frames": (frames, "--data.folder"),
    "images": (images, "--data.images.folder"),
    "film": (film, "--data.folder"),
    "faces": (faces, "--data.images.folder"),
}


@pytest.fixture(scope="module", params=JOBS)
def trained(request, tmp_path_factory):
    """A place with data and a run that was tested on them, and the option that names the folder."""
    place = tmp_path_factory.mktemp(request.param)
    prepare, option = JOBS[request.param]
    fit = [*prepare(place), option, str(place / "data"), "--run", str(place / "run"), *SHORT]
    assert main(fit) == 0
    assert main(["test", "--run", str(place / "run")]) == 0
    return request.param, place, option


@pytest.fixture
def case(trained, tmp_path):
    """A copy of the place, whose files may change; the folder of data is named in each command."""
    kind, place, option = trained
    shutil.copytree(place, tmp_path, dirs_exist_ok=True)
    return kind, tmp_path, [option, str(tmp_path / "data")]


def add_files(kind, place):
    """Add files that come first in every order, so that another split would be made."""
    if kind in ("frames", "film"):
        for k in range(6):
            add_recording(place / "data", f"a{k}", 100 + k)
    else:
        name = {"images": "cat", "faces": "another"}[kind]
        (place / "data" / name).mkdir(exist_ok=True)
        for k in range(20):
            add_image(place / "data" / name, f"a{k}", 100 + k)


def metrics(run, name):
    return json.loads((run / name / "metrics.json").read_text())


def alike(first, second):
    """Whether two tests differ in nothing but where the checkpoint is."""
    first["protocol"].pop("checkpoint"), second["protocol"].pop("checkpoint")
    return first == second


def test_the_split_is_recorded(trained):
    _, place, _ = trained
    split = RunFolder(place / "run").read_split()
    files = {p.relative_to(place / "data").as_posix() for p in (place / "data").rglob("*") if p.is_file()}
    assert {item.path.partition("@")[0] for items in split.parts().values() for item in items} == files
    sizes = {item.path.partition("@")[0]: item.size for items in split.parts().values() for item in items}
    assert all((place / "data" / path).stat().st_size == size for path, size in sizes.items())
    counts = ", ".join(f"{len(items)} for {part}" for part, items in split.parts().items())
    assert metrics(place / "run", "test")["protocol"]["recorded_split"] == f"as recorded in training: {counts}"


def test_added_files_change_no_score(case, capsys):
    kind, place, folder = case
    add_files(kind, place)
    capsys.readouterr()
    assert main(["test", "--run", str(place / "run"), *folder]) == 0
    assert "framecast: note: " in capsys.readouterr().err
    assert alike(metrics(place / "run", "test"), metrics(place / "run", "test-2"))
    _note._SAID.clear()  # as in a process of its own
    assert main(["validate", "--run", str(place / "run"), *folder]) == 0
    assert "framecast: note: " in capsys.readouterr().err
    (place / "run" / "split.json").unlink()  # without the record they do
    assert main(["test", "--run", str(place / "run"), *folder]) == 0
    again = metrics(place / "run", "test-3")
    assert "recorded_split" not in again["protocol"]
    before = metrics(place / "run", "test")
    assert kind == "faces" or again["protocol"]["data"] != before["protocol"]["data"]
    assert again["scores"] != before["scores"]


def test_a_resumed_run_and_one_from_its_checkpoint_keep_the_split(case):
    kind, place, folder = case
    add_files(kind, place)
    split = RunFolder(place / "run").read_split()
    resume = ["fit", "--run", str(place / "run"), "--ckpt_path", "last", *folder, "--trainer.max_epochs", "2"]
    assert main(resume) == 0
    assert RunFolder(place / "run").read_split() == split
    checkpoint = str(place / "run" / "checkpoints" / "last.ckpt")
    config = str(place / "run" / "config.yaml")
    new = ["fit", "--config", config, "--run", str(place / "new"), "--ckpt_path", checkpoint, *folder]
    assert main([*new, "--trainer.max_epochs", "3"]) == 0
    assert RunFolder(place / "new").read_split().parts() == split.parts()


def test_a_file_that_is_gone_is_named(case, capsys):
    kind, place, folder = case
    gone = RunFolder(place / "run").read_split().train[0].path.partition("@")[0]
    (place / "data" / gone).unlink()
    assert main(["test", "--run", str(place / "run"), *folder]) == 2
    assert (gone if kind != "film" else f"{place / 'data'} holds no recordings") in capsys.readouterr().err
    assert not (place / "run" / "test-2").exists()


def test_other_data_are_split_anew(case, capsys):
    kind, place, folder = case
    shutil.rmtree(place / "data")
    JOBS[kind][0](place)
    for path in [p for p in (place / "data").rglob("*") if p.is_file()]:
        path.rename(path.with_stem(f"other-{path.stem}"))
    assert main(["test", "--run", str(place / "run"), *folder]) == 0
    assert "framecast: note: " in capsys.readouterr().err
    assert "recorded_split" not in metrics(place / "run", "test-2")["protocol"]
