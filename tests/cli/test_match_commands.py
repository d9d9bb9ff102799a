"""The commands of matching from end to end, on runs of seconds."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

import framecast
from framecast.cli import main
from framecast.data import load_digits, read_image
from framecast.tasks import Match

TINY = str(Path(__file__).parents[1] / "conf" / "tiny_match.yaml")
CLIPS = str(Path(__file__).parents[1] / "conf" / "tiny_clips.yaml")
FORECAST = str(Path(__file__).parents[1] / "conf" / "tiny.yaml")


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    """A trained and tested run."""
    folder = tmp_path_factory.mktemp("runs") / "match"
    assert main(["fit", "--config", TINY, "--run", str(folder)]) == 0
    assert main(["test", "--run", str(folder)]) == 0
    return folder


@pytest.fixture(scope="session")
def checkpoint(run):
    return str(run / "checkpoints" / "best.ckpt")


@pytest.fixture(scope="session")
def matcher(checkpoint):
    return framecast.load(checkpoint)


@pytest.fixture(scope="session")
def digits(tmp_path_factory):
    """A folder of digits in one subfolder for each class."""
    folder = tmp_path_factory.mktemp("digits")
    images, labels = load_digits("builtin", "test", 16)
    for index in range(12):
        (folder / str(labels[index])).mkdir(exist_ok=True)
        Image.fromarray(images[index]).save(folder / str(labels[index]) / f"image{index}.png")
    (folder / ".hidden.png").write_text("none")
    (folder / "notes.txt").write_text("none")
    return folder


@pytest.fixture(scope="session")
def clip_checkpoint(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "clips"
    assert main(["fit", "--config", CLIPS, "--run", str(folder)]) == 0
    assert main(["test", "--run", str(folder)]) == 0
    return str(folder / "checkpoints" / "best.ckpt")


def fails(capsys, *args):
    """The one line that a failing command prints."""
    capsys.readouterr()
    assert main([str(a) for a in args]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    ours = [line for line in lines if line.startswith("framecast: ") and "note:" not in line]
    assert len(ours) == 1, lines
    return ours[0].removeprefix("framecast: ")


def shown(capsys, *args):
    """What a command prints."""
    capsys.readouterr()
    assert main([str(a) for a in args]) == 0
    return capsys.readouterr()


def files(folder):
    return sorted(folder.glob("*/*.png"), key=lambda path: int(path.stem.removeprefix("image")))


def values(path):
    with Image.open(path) as image:
        return np.asarray(image)


def test_a_run_folder_holds_everything(run):
    for name in ("config.yaml", "checkpoints/best.ckpt", "checkpoints/last.ckpt", "embedding_epochs.npz"):
        assert (run / name).is_file(), name
    header = (run / "logs/csv/version_0/metrics.csv").read_text().splitlines()[0].split(",")
    assert {"train_loss", "val_loss", "val_auc", "val_eer", "images_per_second", "learning_rate"} <= set(header)
    with np.load(run / "embedding_epochs.npz") as epochs:
        assert epochs["positions"].shape == (3, 300, 3)


def test_best_has_the_lowest_validation_loss(run):
    with (run / "logs/csv/version_0/metrics.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["val_loss"]]
    best = min(rows, key=lambda row: float(row["val_loss"]))
    best_checkpoint = torch.load(run / "checkpoints" / "best.ckpt", weights_only=True)
    assert best_checkpoint["global_step"] == int(best["step"]) + 1


def test_scores_are_written_with_their_protocol(run, checkpoint, matcher):
    result = json.loads((run / "test" / "metrics.json").read_text())
    assert result["task"] == "match"
    assert set(result["scores"]) == {
        "roc_auc", "eer", "true_accepts_at_0.01", "true_accepts_at_0.001", "accuracy", "threshold",
        "neighbour_accuracy", "one_shot",
    }  # fmt: skip
    protocol = result["protocol"]
    assert protocol["checkpoint"] == checkpoint
    assert (protocol["split"], protocol["scored_images"], protocol["pairs"]) == ("test", 300, 500)
    assert protocol["classes"] == "seen in training"
    assert "500 pairs of 300 test images of 10 classes" in protocol["verification"]
    assert "seed 0" in protocol["verification"]
    about = torch.load(checkpoint, weights_only=True)["framecast"]
    assert about["threshold"] == pytest.approx(result["scores"]["threshold"], rel=1e-6)
    assert (about["task"], about["network"]) == ("match", "Siamese")
    images, labels = load_digits("builtin", "test", 16)
    with np.load(run / "test" / "match.npz", allow_pickle=False) as arrays:
        chosen = np.round(np.linspace(0, 299, 20)).astype(int)
        np.testing.assert_array_equal(arrays["images"], images[chosen])
        np.testing.assert_array_equal(arrays["labels"], labels[chosen])
        np.testing.assert_allclose(arrays["embeddings"], matcher.embed(images[chosen]), atol=1e-5)
        assert arrays["classes"].tolist() == list("0123456789")


def test_testing_again_finds_the_same_and_says_it(run, capsys):
    before = json.loads((run / "test" / "metrics.json").read_text())
    text = shown(capsys, "test", "--run", run).out
    again = json.loads((run / "test-2" / "metrics.json").read_text())
    assert again == before
    for words in (
        "ROC-AUC",
        "equal error rate",
        "true accepts at 0.1 %",
        "nearest-neighbour",
        "k=5 of 1,197",
        "seen in",
    ):
        assert words in text


def test_two_files(checkpoint, matcher, digits, capsys):
    one, other = files(digits)[:2]
    text = shown(capsys, "match", one, other, "--ckpt_path", checkpoint).out
    distance = np.linalg.norm(np.subtract(*matcher.embed([values(one), values(other)])))
    lines = dict(line.split() for line in text.splitlines())
    assert float(lines["distance"]) == pytest.approx(distance, abs=1e-4)
    assert float(lines["threshold"]) == pytest.approx(matcher.threshold, abs=1e-4)
    assert matcher.distance([values(one)], [values(other)])[0] == pytest.approx(distance, rel=1e-5)
    assert matcher.same([values(one)], [values(other)])[0] == (distance <= matcher.threshold)
    for threshold, verdict in ((distance + 0.001, "same"), (distance - 0.001, "different")):
        command = ("match", "--ckpt_path", checkpoint, one, other, "--threshold", threshold)
        assert f"verdict    {verdict}" in shown(capsys, *command).out
    assert "distance   0.0000" in shown(capsys, "match", one, one, "--ckpt_path", checkpoint).out


@pytest.mark.parametrize("turned", [False, True])
def test_a_file_against_a_folder(checkpoint, matcher, digits, capsys, turned):
    query, *others = files(digits)
    sides = (digits, query) if turned else (query, digits)
    lines = shown(capsys, "match", *sides, "--ckpt_path", checkpoint).out.splitlines()[1:]
    distances = np.linalg.norm(matcher.embed([values(p) for p in others]) - matcher.embed([values(query)]), axis=1)
    order = np.argsort(distances)
    assert [line.split()[2] for line in lines] == [str(others[index]) for index in order]
    for line, distance in zip(lines, distances[order], strict=True):
        shown_distance, verdict, _ = line.split()
        assert float(shown_distance) == pytest.approx(distance, abs=1e-4)
        assert verdict == ("same" if distance <= matcher.threshold else "different")


def test_inverted_images(checkpoint, digits, tmp_path, capsys):
    one, other = files(digits)[:2]
    Image.fromarray(255 - values(one)).save(tmp_path / "ink.png")
    plain = shown(capsys, "match", one, other, "--ckpt_path", checkpoint)
    assert "note" not in plain.err
    noted = shown(capsys, "match", tmp_path / "ink.png", other, "--ckpt_path", checkpoint)
    assert "ink.png" in noted.err
    assert "--invert" in noted.err
    assert noted.out != plain.out
    command = ("match", tmp_path / "ink.png", other, "--ckpt_path", checkpoint, "--invert")
    assert shown(capsys, *command, "first") == plain
    assert shown(capsys, "match", other, tmp_path / "ink.png", "--ckpt_path", checkpoint, "--invert", "second") == plain
    both = shown(capsys, *command)
    assert str(other) in both.err
    Image.fromarray(255 - values(other)).save(tmp_path / "other.png")
    command = ("match", tmp_path / "ink.png", tmp_path / "other.png", "--ckpt_path", checkpoint, "--invert")
    assert shown(capsys, *command) == plain
    (tmp_path / "more").mkdir()
    Image.fromarray(255 - values(other)).save(tmp_path / "more" / "b.png")
    ranked = shown(capsys, "match", one, tmp_path / "more", "--ckpt_path", checkpoint, "--invert", "second").out
    assert ranked.splitlines()[1].split()[0] == plain.out.split()[1]


def test_embed(checkpoint, matcher, digits, tmp_path, capsys):
    output = tmp_path / "new" / "vectors.npz"
    command = ("embed", "--ckpt_path", checkpoint, "--input", digits, "--output", output)
    assert "12 images" in shown(capsys, *command).out
    with np.load(output, allow_pickle=False) as arrays:
        paths = [digits / name for name in arrays["names"]]
        assert sorted(paths) == sorted(files(digits))
        np.testing.assert_allclose(arrays["embeddings"], matcher.embed([values(p) for p in paths]), atol=1e-6)
    before = output.read_bytes()
    assert "exists" in fails(capsys, *command)
    assert output.read_bytes() == before
    assert "must end in .npz" in fails(capsys, *command[:-1], tmp_path / "x.csv")
    inverted = tmp_path / "inverted.npz"
    shown(capsys, *command[:-1], inverted, "--invert")
    with np.load(inverted) as arrays, np.load(output) as plain:
        assert not np.allclose(arrays["embeddings"], plain["embeddings"])


def test_photographs_are_brought_to_the_model(checkpoint, tmp_path, capsys):
    random = np.random.default_rng(0)
    photo, grey = tmp_path / "photo.jpg", tmp_path / "grey.png"
    Image.fromarray(random.integers(0, 120, (41, 60, 3), dtype=np.uint8)).save(photo)
    Image.fromarray(random.integers(0, 120, (20, 20), dtype=np.uint8)).save(grey)
    text = shown(capsys, "match", photo, grey, "--ckpt_path", checkpoint).out
    vectors = framecast.load(checkpoint).embed([read_image(path, 16, True) for path in (photo, grey)])
    assert float(text.split()[1]) == pytest.approx(np.linalg.norm(vectors[0] - vectors[1]), abs=1e-4)


def test_clips_of_any_lengths(clip_checkpoint, tmp_path, capsys):
    matcher = framecast.load(clip_checkpoint)
    random = np.random.default_rng(0)
    clips = [random.integers(0, 255, (frames, 16, 16), dtype=np.uint8) for frames in (3, 5)]
    for name, clip in zip("ab", clips, strict=True):
        np.save(tmp_path / f"{name}.npy", clip)
    text = shown(capsys, "match", tmp_path / "a.npy", tmp_path / "b.npy", "--ckpt_path", clip_checkpoint).out
    alone = [matcher.embed([clip[:, None]])[0] for clip in clips]
    assert float(text.split()[1]) == pytest.approx(np.linalg.norm(alone[0] - alone[1]), abs=1e-4)
    assert "b.npy" in shown(capsys, "match", tmp_path / "a.npy", tmp_path, "--ckpt_path", clip_checkpoint).out
    command = ("embed", "--ckpt_path", clip_checkpoint, "--input", tmp_path, "--output", tmp_path / "x.npz")
    assert "2 clips" in shown(capsys, *command).out
    np.save(tmp_path / "wide.npy", np.zeros((4, 16, 20), np.uint8))
    message = fails(capsys, "match", tmp_path / "a.npy", tmp_path / "wide.npy", "--ckpt_path", clip_checkpoint)
    assert "has frames of 16x20, but the model was trained on 16x16" in message
    stills = tmp_path / "stills"
    stills.mkdir()
    for index, frame in enumerate(clips[0]):
        Image.fromarray(frame).save(stills / f"{index}.png")
    text = shown(capsys, "match", tmp_path / "a.npy", stills, "--ckpt_path", clip_checkpoint).out
    assert "distance   0.0000" in text


def test_wrong_input(run, checkpoint, digits, tmp_path, capsys):
    good = files(digits)[0]
    assert "there is no checkpoint" in fails(capsys, "match", good, good, "--ckpt_path", tmp_path / "none.ckpt")
    assert "required: second" in fails(capsys, "match", good, "--ckpt_path", checkpoint)
    assert "none.png does not exist" in fails(capsys, "match", good, tmp_path / "none.png", "--ckpt_path", checkpoint)
    assert "are both folders" in fails(capsys, "match", digits, digits, "--ckpt_path", checkpoint)
    (tmp_path / "empty").mkdir()
    assert "holds no images" in fails(capsys, "match", good, tmp_path / "empty", "--ckpt_path", checkpoint)
    (tmp_path / "empty" / "broken.png").write_bytes(b"no image")
    assert "broken.png" in fails(capsys, "match", good, tmp_path / "empty", "--ckpt_path", checkpoint)
    assert "unknown ending" in fails(capsys, "match", good, digits / "notes.txt", "--ckpt_path", checkpoint)
    command = ("embed", "--ckpt_path", checkpoint, "--output", tmp_path / "x.npz", "--input")
    assert "is not a folder" in fails(capsys, *command, tmp_path / "none")
    assert "invert" in fails(capsys, "match", good, good, "--ckpt_path", checkpoint, "--invert", "third")
    message = fails(
        capsys, "predict", "--ckpt_path", checkpoint, "--input", digits, "--horizon", 2, "--output", tmp_path / "out"
    )
    assert "holds a matcher" in message
    other = torch.load(checkpoint, weights_only=True)
    for name, value, expected in (
        ("task", "sort", "an unknown task 'sort'; known are forecast, match"),
        ("config", {"encoder": "Mine", "options": {}}, "pass `network=`"),
    ):
        torch.save({**other, "framecast": {**other["framecast"], name: value}}, tmp_path / "other.ckpt")
        assert expected in fails(capsys, "match", good, good, "--ckpt_path", tmp_path / "other.ckpt")
    torch.save({**other, "framecast": {**other["framecast"], "threshold": float("nan")}}, tmp_path / "other.ckpt")
    assert "give --threshold" in fails(capsys, "match", good, good, "--ckpt_path", tmp_path / "other.ckpt")
    assert not (tmp_path / "x.npz").exists()


def test_task_and_data_that_do_not_go_together(tmp_path, capsys):
    network = "{class_path: framecast.models.Siamese, init_args: {encoder: {class_path: framecast.models.LeNet}}}"
    for name, config, part, wrong, expected in (
        ("match.yaml", FORECAST, "model", f"{{class_path: framecast.tasks.Match, init_args: {{network: {network}}}}}",
         "must be labelled images or clips for the task Match"),
        ("forecast.yaml", FORECAST, "data",
         "{class_path: framecast.data.MatchData, init_args: {images: framecast.data.Digits}}",
         "must be sequences of frames for the task Forecast"),
    ):  # fmt: skip
        content = yaml.safe_load(Path(config).read_text()) | {part: yaml.safe_load(wrong)}
        (tmp_path / name).write_text(yaml.safe_dump(content))
        assert expected in fails(capsys, "fit", "--config", tmp_path / name, "--run", tmp_path / "run")
        (tmp_path / name).unlink()
    message = fails(capsys, "fit", "--config", TINY, "--run", tmp_path / "c", "--model.network.encoder", "LeNet")
    assert "the images are 16x16, but the encoder takes 28x28" in message
    assert "`loss` must be one of" in fails(
        capsys, "fit", "--config", TINY, "--run", tmp_path / "d", "--model.loss", "triplet"
    )
    assert not list(tmp_path.iterdir())


def test_a_checkpoint_of_another_loss_is_refused(run, capsys):
    assert "its loss is hadsell2006" in fails(capsys, "test", "--run", run, "--model.loss", "cosine")


def test_a_cosine_model_measures_angles(tmp_path, digits):
    fit = [
        "fit",
        "--config",
        TINY,
        "--run",
        str(tmp_path / "run"),
        "--trainer.max_epochs",
        "1",
        "--model.loss",
        "cosine",
    ]
    assert main(fit) == 0
    matcher = framecast.load(tmp_path / "run" / "checkpoints" / "last.ckpt")
    vectors = matcher.embed([values(path) for path in files(digits)])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)


def test_a_run_that_is_interrupted_goes_on(run, tmp_path, monkeypatch):
    broken, training_step = tmp_path / "broken", Match.training_step

    def interrupted(task, batch, batch_idx):
        if task.global_step == 13:
            raise KeyboardInterrupt
        return training_step(task, batch, batch_idx)

    fit = ["fit", "--run", str(broken), "--checkpoint_every_n_steps", "1"]
    with monkeypatch.context() as patch:
        patch.setattr(Match, "training_step", interrupted)
        assert main([*fit, "--config", TINY]) == 130
    last = broken / "checkpoints" / "last.ckpt"
    about = torch.load(last, weights_only=True)
    assert about["global_step"] == 13
    assert about["framecast"]["threshold"] > 0
    assert main([*fit, "--ckpt_path", "last"]) == 0
    for name in ("last.ckpt", "best.ckpt"):
        whole, resumed = (torch.load(folder / "checkpoints" / name, weights_only=True) for folder in (run, broken))
        assert whole["global_step"] == resumed["global_step"]
        for key, value in whole["state_dict"].items():
            assert torch.equal(value, resumed["state_dict"][key]), key
    with np.load(run / "embedding_epochs.npz") as whole, np.load(broken / "embedding_epochs.npz") as resumed:
        assert whole["epochs"].tolist() == resumed["epochs"].tolist() == [1, 2, 3]
        np.testing.assert_array_equal(whole["positions"], resumed["positions"])


def test_the_matcher_checks_what_it_is_given(matcher):
    assert matcher.embed([]).shape == (0, 3)
    with pytest.raises(ValueError, match=r"must be \(C, H, W\), got shape \(16,\)"):
        matcher.embed(np.zeros((2, 16)))
    with pytest.raises(ValueError, match="must have 1 channels"):
        matcher.embed(np.zeros((2, 3, 16, 16)))
    with pytest.raises(ValueError, match="must be of one size"):
        matcher.embed([np.zeros((16, 16)), np.zeros((16, 17))])
    with pytest.raises(ValueError, match="as many images, got 1 and 2"):
        matcher.distance(np.zeros((1, 16, 16)), np.zeros((2, 16, 16)))


def test_demonstrations(capsys):
    assert "there are 'forecast' and 'match'" in fails(capsys, "demo", "matching")
    for command in ("match", "embed", "demo"):
        with pytest.raises(SystemExit, match="0"):
            main([command, "--help"])
        assert f"framecast {command}" in capsys.readouterr().out


def test_invert_never_takes_a_path(checkpoint, digits, tmp_path, monkeypatch, capsys):
    one, other = files(digits)[:2]
    inverted = shown(capsys, "match", one, other, "--ckpt_path", checkpoint, "--invert", "both").out
    for command in (
        ("--invert", one, other, "--ckpt_path", checkpoint),
        (one, "--invert", other, "--ckpt_path", checkpoint),
        ("--ckpt_path", checkpoint, one, other, "--invert"),
        ("--invert=both", one, other, "--ckpt_path", checkpoint),
        ("--invert", "--ckpt_path", checkpoint, one, other),
    ):
        assert shown(capsys, "match", *command).out == inverted
    first = shown(capsys, "match", "--invert", "first", one, other, "--ckpt_path", checkpoint).out
    assert first == shown(capsys, "match", one, other, "--ckpt_path", checkpoint, "--invert=first").out
    assert first != inverted
    monkeypatch.chdir(tmp_path)
    message = fails(capsys, "match", "--invert", "none.png", one, "--ckpt_path", checkpoint)
    assert message == (
        "`--invert` must be followed by first, second, both or nothing, got 'none.png', which is no file either"
    )
    assert "invert" in fails(capsys, "match", one, other, "--ckpt_path", checkpoint, "--invert=third")


def test_the_help_of_demo_names_all_demonstrations(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["demo", "--help"])
    text = capsys.readouterr().out
    assert "framecast demo forecast" in text
    assert "framecast demo match" in text
