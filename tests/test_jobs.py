"""The table of jobs, and a job that is added by a row alone."""

import ast
import json
import shutil

import numpy as np
import pytest
import torch
import yaml
from tests.conf.classify import Classifier

import framecast
from framecast import jobs
from framecast.cli import main
from framecast.jobs import JOBS, Job, job_of_run, load_as, write_report
from framecast.runs import RunFolder
from framecast.trained import Forecaster, Matcher


@pytest.mark.parametrize("job", JOBS.values(), ids=list(JOBS))
def test_every_row_names_what_there_is(job):
    assert job.task_class().kind == job.name
    assert callable(job.trained_class().from_checkpoint)
    assert callable(jobs._import(job.page))
    assert framecast.cli.config_path(job.demo).is_file()
    assert set(job.commands) < set(framecast.cli._commands.COMMANDS)


@pytest.fixture
def third(monkeypatch, pytestconfig):
    """The table with a third job."""
    name, module = "classify", "tests.conf.classify"
    config = str(pytestconfig.rootpath / "tests" / "conf" / "classify.yaml")
    monkeypatch.setitem(JOBS, name, Job(name, f"{module}.Classify", f"{module}.Classifier", f"{module}.page", config))


def test_a_third_job_is_a_row(third, tmp_path, capsys):
    assert main(["demo", "classify", "--runs", str(tmp_path)]) == 0
    run = RunFolder(tmp_path / "demo-classify")
    metrics = run.results().read_metrics()
    assert (metrics["task"], metrics["protocol"]["split"]) == ("classify", "test")
    assert metrics["scores"] == {"hits": 1.0}
    assert run.results().read_arrays("x")["right"].all()
    assert "100%" in capsys.readouterr().out
    assert run.report.read_text() == f"<p>demo-classify: 1.0, {len(run.read_log())} series</p>"
    classifier = framecast.load(run.checkpoint("best"))
    assert type(classifier) is Classifier
    assert classifier.classify(np.array([0.9, 0.1], np.float32).reshape(2, 1, 1, 1)) == [1, 0]
    with pytest.raises(ValueError, match=r"holds a classifier, not a forecaster$"):
        load_as(Forecaster, run.checkpoint("best"))
    assert main(["validate", "--run", str(run)]) == 0
    for test in run.path.glob("test*"):
        shutil.rmtree(test)
    assert write_report(run.path).read_text().startswith("<p>demo-classify: untested")


def test_without_the_row_the_job_is_unknown(third, tmp_path, monkeypatch):
    assert main(["fit", "--config", JOBS["classify"].demo, "--run", str(tmp_path / "run")]) == 0
    monkeypatch.delitem(JOBS, "classify")
    run = RunFolder(tmp_path / "run")
    with pytest.raises(ValueError, match="an unknown task 'classify'; known are forecast, match"):
        framecast.load(run.checkpoint("best"))
    with pytest.raises(ValueError, match="must be one of forecast, match, got 'classify'"):
        job_of_run(run)


def run_of(folder, class_path, task=None):
    run = RunFolder(folder)
    run.write_config(yaml.safe_dump({"model": {"class_path": class_path}}))
    if task is not None:
        run.results_folder = run.fresh_results()
        run.results_folder.write({"task": task} if task else {}, "x", {})
    return run


@pytest.mark.parametrize(
    ("class_path", "task", "name"),
    [
        ("framecast.tasks.Forecast", None, "forecast"),
        ("framecast.tasks.Match", None, "match"),
        ("framecast.tasks.Match", "", "match"),  # results of version 0.1, which name no task
        ("framecast.tasks.Forecast", "match", "match"),
        ("mine.Task", "forecast", "forecast"),
    ],
)
def test_the_job_of_a_run(tmp_path, class_path, task, name):
    assert job_of_run(run_of(tmp_path, class_path, task)).name == name


def test_a_run_of_a_task_of_ones_own_is_known_by_its_checkpoint(tmp_path):
    run = run_of(tmp_path, "mine.Forecast")
    with pytest.raises(ValueError, match="got None"):
        job_of_run(run)
    run.checkpoints.mkdir()
    torch.save({"framecast": {"task": "match"}, "state_dict": {}}, run.checkpoint_path("last"))
    assert job_of_run(run).name == "match"
    run.write_config("[")
    assert job_of_run(run).name == "match"


def test_an_unknown_job_in_results(tmp_path):
    with pytest.raises(ValueError, match=r"the task of `run` \(=.*\) must be one of forecast, match, got 'sort'"):
        job_of_run(run_of(tmp_path, "framecast.tasks.Forecast", "sort"))


def test_only_jobs_knows_the_jobs(pytestconfig):
    source = pytestconfig.rootpath / "src" / "framecast"
    assert strings(source / "jobs.py") >= set(JOBS)
    others = [path for path in source.rglob("*.py") if path.parent.name != "cli" and path.name != "jobs.py"]
    assert not [path.name for path in others if strings(path) >= set(JOBS)]


def strings(path):
    return {node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant)}


@pytest.mark.parametrize(
    ("kind", "job", "message"),
    [(Matcher, "forecast", "holds a forecaster, not a matcher: use it with framecast predict"),
     (Forecaster, "match", "holds a matcher, not a forecaster: use it with framecast match or embed")],
)  # fmt: skip
def test_what_was_trained_must_be_of_the_kind_asked_for(kind, job, message, pytestconfig):
    path = pytestconfig.rootpath / "tests" / "runs" / "version_0_1" / job / "checkpoints" / "best.ckpt"
    with pytest.raises(ValueError, match=message):
        load_as(kind, path)
    assert json.dumps(framecast.load(path).scale.as_dict())
