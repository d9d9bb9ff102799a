"""A source of one's own is one small class, for frames and for images."""

import re
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import pytest
from lightning.pytorch.cli import LightningArgumentParser

from framecast.data import (
    Digits,
    FrameData,
    FramesDataModule,
    FrameSource,
    ImageFolder,
    ImageParts,
    ImageSource,
    LabelledImages,
    MatchData,
    MovingDigits,
    MovingMNISTData,
    Omniglot,
    Recording,
    RecordingData,
    Scale,
)


class Ramps(FrameSource):
    """Recordings whose values grow with time."""

    scale = Scale(0.0, 60.0, "dBZ", "float32")

    def __init__(self, slope):
        self.slope = slope

    def recordings(self, part):
        return [Path(f"{part}{number}") for number in range({"train": 3, "val": 1, "test": 2}[part])]

    def read(self, recording, grayscale=False, reduce=1):
        values = self.slope * np.arange(10, dtype=np.float32)
        return Recording(np.tile(values[:, None, None, None], (1, 1, 4, 6)), np.dtype("float32"), str(recording))

    def describe(self, part):
        return f"ramps of {self.slope}"


@dataclass(kw_only=True, eq=False, repr=False)
class RampData(RecordingData):
    """Ramps.

    Args:
        slope: how fast they grow.
    """

    slope: float = 2.0

    def __post_init__(self):
        super().__post_init__()
        self.source = Ramps(self.slope)


def test_a_source_of_frames():
    data = RampData(slope=3.0, input_frames=2, horizon=3, test_horizon=5, stride=4, crop=(2, 4), batch_size=2)
    data.setup()
    assert data.value_scale == Scale(0.0, 60.0, "dBZ", "float32")
    assert [len(part) for part in (data.train_set, data.val_set, data.test_set)] == [6, 2, 2]
    assert next(iter(data.train_dataloader()))["target"].shape == (2, 3, 1, 2, 4)
    np.testing.assert_allclose(data.test_set[1]["target"][:, 0, 0, 0] * 60, 3 * np.arange(2, 7), rtol=1e-6)
    assert data.describe("test") == {
        "data": "ramps of 3.0, a window every 4 frames, cropped in the middle",
        "input_frames": 2,
        "horizon": 5,
        "frame_size": [2, 4],
        "channels": 1,
        "reduce": 1,
        "grayscale": False,
    }
    assert data.describe("val")["horizon"] == 3
    assert data.split() is None


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"scale": (0, 10)}, Scale(0.0, 10.0, "", "float32")),
        ({"scale": "percentiles"}, Ramps.scale),  # how to fit one, where the source knows none
    ],
    ids=["two numbers", "a method"],
)
def test_the_scale_of_a_source(options, expected):
    data = RampData(input_frames=2, horizon=3, **options)
    data.setup()
    assert data.value_scale == data.test_set.value_scale == expected
    loaded = RampData(input_frames=2, horizon=3, **options)
    loaded.use_scale(Scale(5.0, 6.0))
    loaded.setup()
    assert loaded.value_scale == Scale(5.0, 6.0, "", "float32")


class Corners(ImageSource):
    """One bright pixel, in the corner of its class."""

    def __init__(self, count: int = 8):
        self.count = count

    def load(self, seed):
        images, labels = np.zeros((self.count, 2, 2), np.uint8), np.arange(self.count) % 4
        images.reshape(-1, 4)[np.arange(self.count), labels] = 255
        part = LabelledImages(images, labels, "abcd")
        return ImageParts(part, part, part)

    def describe(self, part):
        return "corners"


def options(*line):
    parser = LightningArgumentParser(exit_on_error=False)
    parser.add_lightning_class_args(FramesDataModule, "data", subclass_mode=True)
    return parser.instantiate_classes(parser.parse_args(list(line))).data


def test_a_source_of_images():
    data = options("--data=MatchData", f"--data.images={__name__}.Corners", "--data.images.count=12")
    data.prepare_data()
    data.setup()
    assert data.describe("test")["data"] == "corners: 12 of 4 classes, other images of classes that training saw"
    assert data.split() is None


MODULES = ("FrameData", "MovingMNISTData", "MatchData")


@pytest.mark.parametrize("name", MODULES)
def test_every_option_has_a_type_and_words(name, capsys):
    parser = LightningArgumentParser(exit_on_error=False)
    parser.add_lightning_class_args(FramesDataModule, "data", subclass_mode=True)
    with pytest.raises(SystemExit):
        parser.parse_args([f"--data.help={name}"])
    words = " ".join(capsys.readouterr().out.split())
    described = words.split(" --data.")[1:]
    assert len(described) > 10
    assert "Unvalidated" not in words
    assert not [option for option in described if option.split("(type:")[0].strip().endswith(("]", "}"))]


@pytest.mark.parametrize("kind", [Digits, MovingDigits, Omniglot, ImageFolder], ids=lambda kind: kind.__name__)
def test_every_option_of_a_source_has_words(kind, capsys):
    parser = LightningArgumentParser(exit_on_error=False)
    parser.add_lightning_class_args(FramesDataModule, "data", subclass_mode=True)
    with pytest.raises(SystemExit):
        parser.parse_args(["--data=MatchData", f"--data.images.help={kind.__name__}"])
    words = " ".join(capsys.readouterr().out.split())
    assert words.count("(type:") + words.count("(required, type:") == len(kind.__init__.__annotations__) - 1
    assert "Unvalidated" not in words


def test_an_unknown_option_is_named():
    with pytest.raises(Exception, match="'folders' is not accepted"):
        options("--data=MatchData", "--data.images=ImageFolder", "--data.images.folders=x")


@pytest.mark.parametrize(
    "kind",
    [FrameData, MovingMNISTData, MatchData, Digits, MovingDigits, Omniglot, ImageFolder],
    ids=lambda kind: kind.__name__,
)
def test_every_option_is_described_in_one_class(kind):
    """What a class inherits it describes no second time."""
    described = [
        name
        for base in kind.__mro__
        if base.__module__.startswith("framecast.data") and base.__doc__
        for name in re.findall(r"^ {8}(\w+): ", base.__doc__.split("Args:")[-1].split("Raises:")[0], re.MULTILINE)
        if "Args:" in base.__doc__
    ]
    options = [option.name for option in fields(kind) if option.init]
    assert sorted(described) == sorted(options)
