"""A network of a user's own is trained, tested, resumed, used and reported by the same commands."""

import json
import re
import shutil
import sys

import numpy as np
import pytest
import torch
import yaml
from tests.conf.networks import ConfiguredLastFrames, LastFrames

import framecast
from framecast.cli import main
from framecast.models import EncoderForecaster
from framecast.tasks import Forecast

CONFIG = "tests/conf/own_network.yaml"
MY_NETWORK = """
from torch import nn


class MyNetwork(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.layer = nn.Conv2d(channels, 1, 1)

    def forward(self, frames, horizon):
        return self.layer(frames[:, -1])[:, None].repeat(1, horizon, 1, 1, 1)
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory, pytestconfig):
    folder = tmp_path_factory.mktemp("runs") / "own"
    assert main(["fit", "--config", str(pytestconfig.rootpath / CONFIG), "--run", str(folder)]) == 0
    assert main(["test", "--run", str(folder)]) == 0
    return folder


def test_it_is_tested_and_reported(run):
    metrics = json.loads((run / "test" / "metrics.json").read_text())
    assert metrics["task"] == "forecast"
    assert metrics["protocol"]["parameters"] == 3 * 9 + 1
    assert main(["validate", "--run", str(run)]) == 0
    assert main(["report", "--run", str(run)]) == 0
    assert "last frame" in (run / "report.html").read_text().lower()


def test_it_is_resumed(run, tmp_path):
    folder = tmp_path / "resumed"
    shutil.copytree(run, folder)
    assert main(["fit", "--run", str(folder), "--ckpt_path", "last", "--trainer.max_epochs", "3"]) == 0
    steps = [torch.load(f / "checkpoints" / "last.ckpt", weights_only=True)["global_step"] for f in (run, folder)]
    assert steps == [10, 15]


def test_it_forecasts_from_the_command_line_and_from_python(run, tmp_path):
    frames = np.random.default_rng(0).integers(0, 255, (5, 9, 11)).astype(np.uint8)
    np.save(tmp_path / "frames.npy", frames)
    checkpoint = run / "checkpoints" / "best.ckpt"
    command = ["predict", "--ckpt_path", checkpoint, "--input", tmp_path / "frames.npy", "--horizon", 2]
    assert main([str(arg) for arg in (*command, "--output", tmp_path / "forecast")]) == 0
    forecaster = framecast.load(checkpoint)
    assert type(forecaster.network) is LastFrames
    assert (forecaster.network.frames, forecaster.channels) == (3, 1)
    expected = forecaster.predict(frames, 2)
    np.testing.assert_allclose(np.load(tmp_path / "forecast" / "forecast.npy")[:, 0], expected, rtol=1e-6)


def test_a_checkpoint_alone_needs_the_network(run, tmp_path):
    alone = tmp_path / "best.ckpt"
    shutil.copy(run / "checkpoints" / "best.ckpt", alone)
    with pytest.raises(ValueError, match=r"holds a network 'LastFrames', which Framecast does not know.*`network=`"):
        framecast.load(alone)
    network = LastFrames(3)
    forecaster = framecast.load(alone, network=network)
    assert forecaster.network is network
    weights = torch.load(alone, weights_only=True)["state_dict"]
    assert torch.equal(network.convolution.weight, weights["network.convolution.weight"])
    with pytest.raises(ValueError, match="are those of another model"):
        framecast.load(alone, network=LastFrames(2))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"class_path": "no_such_module.LastFrames"}, "names none that can be built here .*no_such_module"),
        ({"class_path": "torch.nn.ReLU", "init_args": {}}, "names a ReLU; pass `network=`"),
        ({"init_args": {"layers": 3}}, "names none that can be built here"),
        ({"class_path": "os.getcwd"}, "names none that can be built here"),
    ],
    ids=["absent", "another", "options", "function"],
)
def test_a_configuration_must_name_the_network_of_the_checkpoint(run, tmp_path, change, message):
    folder = tmp_path / "run"
    shutil.copytree(run, folder)
    config = yaml.safe_load((folder / "config.yaml").read_text())
    config["model"]["init_args"]["network"] |= change
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    with pytest.raises(ValueError, match=message):
        framecast.load(folder / "checkpoints" / "best.ckpt")


def test_a_checkpoint_never_names_code_to_import(run, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(run, folder)
    checkpoint = torch.load(folder / "checkpoints" / "best.ckpt", weights_only=True)
    for name in ("tests.conf.networks.LastFrames", "ENCODERS", "Rollout", "os"):
        checkpoint["framecast"]["network"] = name
        torch.save(checkpoint, folder / "checkpoints" / "other.ckpt")
        with pytest.raises(ValueError, match="names a LastFrames; pass `network=`"):
            framecast.load(folder / "checkpoints" / "other.ckpt")


def test_a_class_in_the_working_directory(tmp_path, monkeypatch, pytestconfig):
    """The README's network, in a file beside the user."""
    readme = (pytestconfig.rootpath / "README.md").read_text()
    (block,) = re.findall(r"```yaml\n(.*?)```", readme, re.DOTALL)
    config = yaml.safe_load((pytestconfig.rootpath / CONFIG).read_text())
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(config | yaml.safe_load(block)))
    (tmp_path / "my_network.py").write_text(MY_NETWORK)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path not in ("", ".")])
    assert main(["fit", "--config", "mine.yaml"]) == 0
    assert main(["test", "--run", "runs/mine"]) == 0
    assert type(framecast.load("runs/mine/checkpoints/best.ckpt").network).__name__ == "MyNetwork"


def test_a_module_that_is_called_otherwise_is_refused():
    with pytest.raises(ValueError, match=r"called as network\(frames, horizon\), but Conv2d takes \(input: .*\)"):
        Forecast(torch.nn.Conv2d(1, 1, 3))


def test_a_configuration_comes_from_the_constructor():
    assert ConfiguredLastFrames(4).config == {"frames": 4, "kernel_size": 3}
    assert Forecast(ConfiguredLastFrames(4)).describe()["config"] == {"frames": 4, "kernel_size": 3}
    assert Forecast(LastFrames(4)).describe()["config"] == {}
    sizes = [8, 4]
    network = EncoderForecaster(1, sizes, kernel_size=3, patch_size=(2, 4))
    sizes.append(2)
    assert network.config == {
        "channels": 1, "hidden_size": [8, 4], "kernel_size": 3, "recurrent_kernel_size": None, "patch_size": [2, 4],
        "cell": "lstm", "peephole": "channel", "out_channels": None,
    }  # fmt: skip
    again = EncoderForecaster.from_config(json.loads(json.dumps(network.config)))
    again.load_state_dict(network.state_dict())
