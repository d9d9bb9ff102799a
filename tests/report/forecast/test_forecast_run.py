import json
import os

import numpy as np
import pytest

from framecast.report.forecast._run import Examples, read_examples, read_forecast_run
from framecast.runs import RunFolder, Scale


def read_run(path, test=None):
    return read_forecast_run(RunFolder(path), test)


def test_squared_error_is_summed_over_pixels_and_averaged_over_frames_with_data():
    target = np.zeros((1, 3, 1, 2, 2), np.float32)
    forecast = np.full_like(target, 0.5)
    target[0, 1, 0, 0] = np.nan
    target[0, 2] = np.nan
    assert Examples(target, target, forecast).squared_error() == pytest.approx([(1.0 + 0.5) / 2])


def test_the_newest_test_folder_is_taken_unless_one_is_named(make_run):
    run = make_run()
    for name, age in (("test-other", 1e9), ("test_long", 2e9)):
        folder = run / name
        folder.mkdir()
        metrics = json.loads((run / "test" / "metrics.json").read_text())
        metrics["protocol"]["data"] = name
        (folder / "metrics.json").write_text(json.dumps(metrics))
        os.utime(folder / "metrics.json", (age, age))
    (run / "test_empty").mkdir()
    assert read_run(run).protocol["data"] == "test_long"
    assert read_run(run).examples is None
    assert read_run(run, "test-other").protocol["data"] == "test-other"
    with pytest.raises(FileNotFoundError, match=r"`test` \(='nope'\) must be a folder of .*there: test, test-other"):
        read_run(run, "nope")


def test_scale_and_missing_scores(make_run):
    run = make_run()
    path = run / "test" / "metrics.json"
    path.write_text(path.read_text().replace("77.77", "Infinity"))
    read = read_run(run)
    assert read.scale == Scale(0.0, 255.0, "grey level")
    assert read.scores["zero"]["mse"]["by_lead_time"][0] is None
    assert read.scores["zero"]["psnr"]["mean"] is None


def test_not_a_run(tmp_path, make_run):
    with pytest.raises(FileNotFoundError, match="no run folder at"):
        read_run(tmp_path / "nothing")
    with pytest.raises(FileNotFoundError, match=r"is not a run folder, it has no config\.yaml"):
        read_run(tmp_path)


@pytest.mark.parametrize("text", ["{", "{}", '{"protocol": {}, "scores": {"model": {"mse": 3}}}'])
def test_damaged_metrics(make_run, text):
    run = make_run()
    (run / "test" / "metrics.json").write_text(text)
    with pytest.raises(ValueError, match=r"metrics\.json` cannot be read .*run `framecast test` again"):
        read_run(run)


def test_damaged_examples(make_run, tmp_path):
    path = make_run() / "test" / "examples.npz"
    whole = path.read_bytes()
    for broken in (b"", b"not a zip", whole[: len(whole) // 2]):
        path.write_bytes(broken)
        with pytest.raises(ValueError, match=r"examples\.npz` cannot be read"):
            read_examples(path)
    frames = np.zeros((2, 3, 1, 4, 4), np.float32)
    np.savez(path, input=frames, target=frames)
    with pytest.raises(ValueError, match="cannot be read"):
        read_examples(path)
    np.savez(path, input=frames, target=frames, forecast=frames[:, :2])
    with pytest.raises(ValueError, match=r"target and forecast \(n, K, C, H, W\), got .*\(2, 2, 1, 4, 4\)"):
        read_examples(path)
    with pytest.raises(FileNotFoundError, match="no examples at"):
        read_examples(tmp_path / "none.npz")
