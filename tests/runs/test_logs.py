import pytest

from framecast.runs import RunFolder


@pytest.fixture
def run(tmp_path):
    """A run that logged a training loss at steps 0 to 19, and then a validation loss."""
    run = RunFolder(tmp_path)
    path = append_version(run, 0, [], 0.0)
    rows = [f"0,{step},{1 / (step + 1)},\r\n" for step in range(20)]
    path.write_text(path.read_text() + "".join(rows) + "0,19,,0.07531\r\n", newline="")
    return run


def append_version(run, version, steps, loss):
    path = run.logs / run.csv / f"version_{version}" / "metrics.csv"
    path.parent.mkdir(parents=True)
    lines = [f"0,{step},{loss},\r\n" for step in steps]
    path.write_text("epoch,step,train_loss,val_loss\r\n" + "".join(lines), newline="")
    return path


def test_resumed_logs_override_from_their_first_step_on(run):
    assert run.read_log()["val_loss"] == ([19], [0.07531])
    append_version(run, 2, range(12, 15), 2.0)
    append_version(run, 10, range(14, 17), 10.0)  # numbers count, not letters: 10 comes after 2
    steps, losses = run.read_log()["train_loss"]
    assert steps == list(range(17))
    assert losses[12:] == [2.0, 2.0, 10.0, 10.0, 10.0]
    assert losses[11] == pytest.approx(1 / 12)
    assert "val_loss" not in run.read_log()  # logged at step 19, which the resumed run had not reached


def test_a_line_cut_short_by_a_kill_is_left_out(run):
    path = append_version(run, 1, range(20, 23), 0.125)
    path.write_bytes(path.read_bytes()[:-5])  # "0.125" becomes "0.1"
    assert run.read_log()["train_loss"][0][-1] == 21


def test_empty_and_unreadable_log_values(run):
    path = append_version(run, 1, [20], "nan")
    path.write_text(path.read_text() + "0,,5.0,\n0,x,5.0,\n0,21,,\n")
    append_version(run, 2, [], 0.0)
    assert run.read_log()["train_loss"][0] == list(range(20))
