"""A run that stops anywhere and resumes ends with the weights of one that was never stopped."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import lightning.pytorch as pl
import pytest
import torch
from torch import nn

from framecast.cli import main
from framecast.data import Augment, FramesDataModule, Scale
from framecast.tasks import Forecast, LastCheckpoint

TINY = str(Path(__file__).parents[1] / "conf" / "tiny.yaml")


class Network(nn.Module):
    """Predicts from the last frame, with dropout."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.Dropout(0.3), nn.Conv2d(4, 1, 3, padding=1))

    def forward(self, frames, horizon):
        return self.layers(frames[:, -1]).unsqueeze(1).expand(-1, horizon, -1, -1, -1)


class Data(FramesDataModule):
    """Ten fixed samples, augmented; 7 batches of 2 an epoch, so that passes and epochs do not coincide."""

    def __init__(self, workers=0, seed=5):
        super().__init__(batch_size=2, workers=workers, seed=seed, train_batches_per_epoch=7)
        self.augment = Augment(flip=True, seed=seed)
        self.value_scale = Scale(0.0, 1.0)

    def setup(self, stage=None):
        frames = torch.rand(10, 4, 1, 6, 6, generator=torch.Generator("cpu").manual_seed(1), device="cpu")
        self.train_set = self.val_set = self.test_set = [{"input": f[:2], "target": f[2:]} for f in frames]

    def describe(self, split):
        return {"data": "ten fixed samples", "input_frames": 2, "horizon": 2, "frame_size": [6, 6], "channels": 1}


class Stop(pl.Callback):
    """Break off after so many steps."""

    def __init__(self, step):
        self.step = step

    def on_train_batch_end(self, trainer, *_):
        if trainer.global_step >= self.step:
            raise KeyError("stopped")


def train(folder, *callbacks, resume=None, epochs=3, workers=0, every=1, seed=5, **options):
    pl.seed_everything(int(time.time() * 1000) % 1000, verbose=False)  # must not matter
    torch.manual_seed(3)
    task = Forecast(Network(), loss="mse", learning_rate=0.05)
    trainer = pl.Trainer(
        accelerator="cpu",
        max_epochs=epochs,
        default_root_dir=folder,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[LastCheckpoint(every), *callbacks],
        **options,
    )
    trainer.fit(task, Data(workers, seed), ckpt_path=resume, weights_only=True)
    return trainer.global_step, task.network.state_dict()


def assert_same(a, b):
    assert a[0] == b[0]
    for name, value in a[1].items():
        assert torch.equal(value, b[1][name]), name


@pytest.mark.parametrize(("stop", "workers"), [(s, 0) for s in (1, 4, 6, 8, 13, 15, 20)] + [(4, 2)])
def test_stopping_at_any_step(tmp_path, stop, workers):
    whole = train(tmp_path / "whole")
    with pytest.raises(KeyError, match="stopped"):
        train(tmp_path / "broken", Stop(stop), workers=workers)
    last = tmp_path / "broken" / "checkpoints" / "last.ckpt"
    assert torch.load(last, weights_only=True)["global_step"] == stop
    assert_same(train(tmp_path / "broken", resume=last, workers=workers), whole)


@pytest.mark.parametrize("stop", [1, 7])
@pytest.mark.parametrize(
    "options",
    [{"accumulate_grad_batches": 2}, {"limit_train_batches": 5}, {"val_check_interval": 3, "limit_val_batches": 1}],
    ids=str,
)
def test_stopping_with_accumulation_a_limit_or_validations(tmp_path, options, stop):
    whole = train(tmp_path / "whole", **options)
    with pytest.raises(KeyError, match="stopped"):
        train(tmp_path / "broken", Stop(stop), **options)
    resumed = train(tmp_path / "broken", resume=tmp_path / "broken" / "checkpoints" / "last.ckpt", **options)
    assert_same(resumed, whole)


def test_within_an_accumulation_nothing_is_written(tmp_path):
    class Batches(pl.Callback):
        written = ()

        def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
            self.written += ((tmp_path / "checkpoints" / "last.ckpt").exists(),)

    batches = Batches()
    train(tmp_path, batches, accumulate_grad_batches=3, epochs=1)
    assert batches.written == (False, False, True, True, True, True, True)


def test_the_seed_decides(tmp_path):
    _, first = train(tmp_path / "a", epochs=1)
    _, second = train(tmp_path / "b", epochs=1)
    _, other = train(tmp_path / "c", epochs=1, seed=6)
    assert all(torch.equal(first[k], second[k]) for k in first)
    assert not any(torch.equal(first[k], other[k]) for k in first)


def test_longer_training_on_resume_goes_on_falling(tmp_path):
    class Rates(pl.Callback):
        seen = ()

        def on_train_batch_start(self, trainer, *_):
            self.seen += (trainer.optimizers[0].param_groups[0]["lr"],)

    train(tmp_path, epochs=1)
    rates = Rates()
    train(tmp_path, rates, epochs=2, resume=tmp_path / "checkpoints" / "last.ckpt")
    assert list(rates.seen[1:]) == sorted(rates.seen[1:], reverse=True)


def _fit(folder, *more):
    command = [sys.executable, "-m", "framecast.cli", "fit", "--config", TINY, "--run", str(folder)]
    command += ["--trainer.max_epochs", "6", "--checkpoint_every_n_steps", "3", *more]
    return subprocess.Popen(
        command, env={**os.environ, "OMP_NUM_THREADS": "1"}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def test_kill_and_resume(tmp_path):
    whole = _fit(tmp_path / "whole")
    killed = _fit(tmp_path / "killed")
    last = tmp_path / "killed" / "checkpoints" / "last.ckpt"
    deadline = time.monotonic() + 600
    while not last.exists() and killed.poll() is None and time.monotonic() < deadline:
        time.sleep(0.002)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert killed.returncode == -signal.SIGKILL
    step = torch.load(last, weights_only=True)["global_step"]
    assert step % 10 != 0  # in the middle of an epoch
    resumed = _fit(tmp_path / "killed", "--ckpt_path", "last")
    output, _ = resumed.communicate(timeout=6000)
    assert resumed.returncode == 0, output
    output, _ = whole.communicate(timeout=6000)
    assert whole.returncode == 0, output
    ends = [torch.load(tmp_path / run / "checkpoints" / "last.ckpt", weights_only=True) for run in ("whole", "killed")]
    assert ends[0]["global_step"] == ends[1]["global_step"] == 60
    for name, value in ends[0]["state_dict"].items():
        assert torch.equal(value, ends[1]["state_dict"][name]), name
    logs = sorted(p.parent.name for p in (tmp_path / "killed").glob("logs/csv/*/metrics.csv"))
    assert logs == ["version_0", "version_1"]  # what the first part logged is kept


def test_resuming_what_never_began_is_an_error(tmp_path, capsys):
    assert main(["fit", "--config", TINY, "--run", str(tmp_path / "none"), "--ckpt_path", "last"]) == 2
    assert "last.ckpt" in capsys.readouterr().err
