import json

import numpy as np
import pytest

from framecast import write_report
from framecast.jobs import job_of_run
from framecast.report.match import _run
from framecast.report.match._run import MatchPairs, read_match, read_movement
from framecast.runs import RunFolder


def read_match_run(path, test=None):
    return _run.read_match_run(RunFolder(path), test)


def damage(path, **changes):
    """Write an `.npz` anew with some arrays changed, or left out if they are None."""
    with np.load(path) as file:
        arrays = {**file, **changes}
    np.savez(path, **{name: array for name, array in arrays.items() if array is not None})


def test_all_of_a_run_is_read(make_match_run):
    path = make_match_run(epochs=3)
    run = read_match_run(path)
    assert run.scores["eer"] == 0.01234
    assert run.scores["neighbour_accuracy"] is None
    assert run.one_shot == {"5-way across all": 0.9371}
    assert "one_shot" not in run.scores
    assert run.protocol["seed"] == 7
    assert len(run.log["val_eer"][0]) == 3
    assert run.embedding.classes == [str(digit) for digit in range(10)]
    assert run.pairs.threshold == pytest.approx(0.7317)
    assert run.movement.epochs.tolist() == [1, 2, 3]
    assert run.results.name == "test"
    with np.load(path / "test" / "match.npz") as file:
        assert (run.embedding.vectors == file["embeddings"]).all()
        assert (run.pairs.images == file["pairs"]).all()


def test_a_pair_is_judged_wrongly_on_the_wrong_side_of_the_threshold():
    distances, similar = np.array([0.5, 0.6, 0.4, 0.5]), np.array([True, True, False, False])
    pairs = MatchPairs(distances, similar, np.zeros((4, 2), int), 0.5)
    assert pairs.wrong().tolist() == [False, True, True, True]
    assert not MatchPairs(distances, similar, np.zeros((4, 2), int), None).wrong().any()


@pytest.mark.parametrize("threshold", [-np.inf, np.nan])
def test_a_threshold_that_is_not_finite_is_none(make_match_run, threshold):
    path = make_match_run() / "test" / "match.npz"
    damage(path, threshold=np.float32(threshold))
    assert read_match(path)[1].threshold is None


def test_the_task_is_what_the_metrics_name_or_what_the_files_show(make_match_run, make_run):
    assert job_of_run(RunFolder(make_match_run("a"))).name == "match"
    assert job_of_run(RunFolder(make_match_run("b", tested=False))).name == "match"
    assert job_of_run(RunFolder(make_run("c"))).name == "forecast"
    assert job_of_run(RunFolder(make_run("d", tested=False))).name == "forecast"


def test_an_unknown_task_is_named(make_match_run):
    run = make_match_run()
    metrics = run / "test" / "metrics.json"
    metrics.write_text(metrics.read_text().replace('"match"', '"sing"'))
    with pytest.raises(ValueError, match=r"the task of `run` .* must be one of forecast, match, got 'sing'"):
        write_report(run)


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"protocol": {}, "scores": {"eer": "x"}}', '{"protocol": 3}'])
def test_damaged_metrics(make_match_run, text):
    run = make_match_run()
    (run / "test" / "metrics.json").write_text(text)
    with pytest.raises(ValueError, match=r"metrics\.json` cannot be read .*run `framecast test` again"):
        read_match_run(run)


def test_a_damaged_embedding(make_match_run, tmp_path):
    path = make_match_run() / "test" / "match.npz"
    whole = path.read_bytes()
    for broken in (b"", b"not a zip", whole[: len(whole) // 2]):
        path.write_bytes(broken)
        with pytest.raises(ValueError, match=r"match\.npz` cannot be read .*run `framecast test` again"):
            read_match(path)
    with pytest.raises(FileNotFoundError, match="no embedding at"):
        read_match(tmp_path / "none.npz")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"classes": None}, "cannot be read .*classes"),
        ({"embeddings": np.zeros((400, 0), np.float32)}, r"embeddings \(n, E\) .*got embeddings \(400, 0\)"),
        ({"images": np.zeros((399, 8, 8), np.uint8)}, r"images \(n, H, W\) .*got .*images \(399, 8, 8\)"),
        ({"images": np.zeros((400, 8, 8, 2), np.uint8)}, r"images \(400, 8, 8, 2\)"),
        ({"embeddings": np.full((400, 2), np.nan)}, "finite embeddings, got 800 that are not"),
        ({"labels": np.zeros(3, int)}, r"a label of each of its 400 images, got labels \(3,\)"),
        ({"labels": np.full(400, 10)}, r"`labels` of .* must be indices of its 10 classes, got 10 to 10"),
        ({"similar": np.zeros(3, bool)}, r"distances \(P,\), similar \(P,\) and pairs \(P, 2\), got \(1000,\), \(3,\)"),
        ({"similar": np.ones(1000, bool)}, "pairs of one class and of two"),
        ({"distances": np.full(1000, np.inf)}, "finite distances"),
        ({"pairs": np.full((1000, 2), 400)}, "`pairs` of .* must be indices of its 400 images, or -1"),
        ({"pairs": np.full((1000, 2), -2)}, "must be indices of its 400 images, or -1"),
    ],
)
def test_arrays_that_do_not_fit_each_other(make_match_run, changes, words):
    path = make_match_run() / "test" / "match.npz"
    damage(path, **changes)
    with pytest.raises(ValueError, match=words):
        read_match(path)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"labels": None}, r"embedding_epochs\.npz` cannot be read .*delete it, or train again"),
        ({"labels": np.zeros(3, int)}, r"must hold positions \(epochs, m, E\) and labels \(m,\), got .*\(3,\)"),
        ({"positions": np.full((6, 200, 2), np.nan)}, "finite positions, got 2400 that are not"),
        ({"epochs": np.arange(3)}, r"epochs \(6,\), got \(3,\)"),
    ],
)
def test_a_damaged_movement(make_match_run, changes, words):
    run = RunFolder(make_match_run())
    damage(run.embedding_epochs, **changes)
    with pytest.raises(ValueError, match=words):
        read_movement(run)


def test_epochs_count_from_one_where_they_are_not_given(make_match_run):
    run = RunFolder(make_match_run(epochs=4))
    damage(run.embedding_epochs, epochs=None)
    assert read_movement(run).epochs.tolist() == [1, 2, 3, 4]


def test_the_newest_test_folder_says_what_the_report_tells(make_match_run):
    run = make_match_run()
    (run / "test_other").mkdir()
    metrics = json.loads((run / "test" / "metrics.json").read_text())
    metrics["scores"]["eer"] = 0.5
    (run / "test_other" / "metrics.json").write_text(json.dumps(metrics))
    assert read_match_run(run).scores["eer"] == 0.5
    assert read_match_run(run).embedding is None
    assert read_match_run(run, "test").scores["eer"] == 0.01234
