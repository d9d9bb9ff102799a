import json
import os

import numpy as np
import pytest

from framecast.runs import ResultFolder, RunFolder, Split, SplitItem, fresh_name, whole_file


@pytest.fixture
def run(tmp_path):
    run = RunFolder(tmp_path / "rain")
    run.write_config("model: x\n")
    return run


def scores(folder, seconds=None, **metrics):
    folder.write(metrics, "examples", {})
    if seconds is not None:
        os.utime(folder.metrics, (seconds, seconds))
    return folder


def write(path, content, stop=False):
    with whole_file(path) as file:
        file.write(content)
        if stop:
            raise KeyError("stopped")


def test_a_file_appears_when_it_is_whole(tmp_path):
    path = tmp_path / "file"
    path.write_text("before")
    with pytest.raises(KeyError, match="stopped"):
        write(path, b"half", stop=True)
    assert path.read_text() == "before"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
    write(path, b"after")
    assert path.read_text() == "after"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_fresh_names(tmp_path):
    assert fresh_name(tmp_path / "test") == tmp_path / "test"
    (tmp_path / "test").mkdir()
    (tmp_path / "test-2").touch()
    assert fresh_name(tmp_path / "test") == tmp_path / "test-3"


def test_the_run_of_a_checkpoint(run, tmp_path):
    assert RunFolder.of_checkpoint(run.checkpoint_path("best")) is None  # there is no such file yet
    run.checkpoints.mkdir()
    run.checkpoint_path("best").touch()
    assert RunFolder.of_checkpoint(run.checkpoint_path("best")).path == run.path.resolve()
    elsewhere = tmp_path / "a" / "b" / "best.ckpt"
    elsewhere.parent.mkdir(parents=True)
    elsewhere.touch()
    assert RunFolder.of_checkpoint(elsewhere) is None


def test_checkpoints(run):
    with pytest.raises(FileNotFoundError, match="the folder of a run that has begun"):
        run.checkpoint("best")
    run.checkpoints.mkdir()
    run.checkpoint_path("last").touch()
    assert run.checkpoint("last") == run.path / "checkpoints" / "last.ckpt"
    with pytest.raises(FileNotFoundError, match="as nothing was validated; test --ckpt_path last"):
        run.checkpoint("best")


def test_only_a_folder_with_a_configuration_is_a_run(run, tmp_path):
    assert run.read_config() == "model: x\n"
    with pytest.raises(FileNotFoundError, match="no run folder at"):
        RunFolder(tmp_path / "none").read_config()
    with pytest.raises(FileNotFoundError, match=r"it has no config\.yaml"):
        RunFolder(tmp_path).read_config()


def test_results_are_the_newest_or_those_of_a_name(run):
    assert run.results() is None
    with pytest.raises(FileNotFoundError, match=r"`test` \(='test'\) must be a folder .*; there: none"):
        run.results("test")
    first = scores(run.fresh_results(), seconds=2000)
    second = scores(run.fresh_results(), seconds=1000)
    assert (first.name, second.name) == ("test", "test-2")
    assert run.results().name == "test"
    assert run.results("test-2").name == "test-2"
    with pytest.raises(FileNotFoundError, match="there: test, test-2"):
        run.results("test-3")


def test_results_are_written_once(run):
    folder = ResultFolder(run.path / "test")
    folder.write({"task": "forecast"}, "examples", {"input": np.arange(3)})
    assert folder.read_metrics() == {"task": "forecast"}
    assert folder.read_arrays("examples", "input")["input"].tolist() == [0, 1, 2]
    assert folder.read_arrays("match") is None
    with pytest.raises(FileExistsError, match="nothing is overwritten"):
        folder.write({}, "examples", {})
    with pytest.raises(ValueError, match=r"cannot be read \(.*target.*\): run `framecast test` again"):
        folder.read_arrays("examples", "target")
    folder.examples.write_bytes(b"junk")
    with pytest.raises(ValueError, match=r"examples\.npz` cannot be read"):
        folder.read_arrays("examples")
    folder.metrics.write_text("[1]")
    with pytest.raises(ValueError, match=r"metrics\.json` cannot be read \(it holds no names\)"):
        folder.read_metrics()


def test_a_recorded_split(run):
    assert run.read_split() is None
    split = Split("data", (SplitItem("a", 1),), (SplitItem("b", 2),), (SplitItem("c", 3),))
    run.write_split(split)
    assert run.read_split() == split
    run.split.write_text(json.dumps(split.as_dict() | {"val": None}))
    with pytest.raises(ValueError, match=r"split\.json` holds no split: `val` of a split must be a list"):
        run.read_split()
    run.split.write_text("{")
    with pytest.raises(ValueError, match=r"split\.json` cannot be read .*: the recorded split is lost"):
        run.read_split()


def test_embedding_epochs(run):
    assert run.read_embedding_epochs() is None
    run.write_embedding_epochs({"epochs": np.array([1, 2])})
    assert run.read_embedding_epochs()["epochs"].tolist() == [1, 2]


def test_a_report_is_a_file(run, tmp_path):
    assert run.write_report("<p>").read_text() == "<p>"
    assert run.write_report("<b>", tmp_path / "new" / "x.html").read_text() == "<b>"
    with pytest.raises(ValueError, match=r"`output` \(=.*\) must be a file, it is a folder"):
        run.write_report("<p>", tmp_path)
