import numpy as np
import pytest
import torch
from jsonargparse import ArgumentParser
from PIL import Image

from framecast.data import FrameData, MovingMNIST, MovingMNISTData, MovingMNISTTest, Scale
from framecast.data.digits import _digit_source

rng = np.random.default_rng(0)


def moving(**options):
    defaults = {"size": 20, "digits": 1, "digit_size": 12, "input_frames": 2, "horizon": 3, "train_length": 8}
    data = MovingMNISTData(**(defaults | {"batch_size": 4, "val_length": 5, "test_length": 6} | options))
    data.prepare_data()
    data.setup()
    return data


def test_moving_mnist():
    data = moving(test_horizon=7, speed=(1, 2))
    assert [len(part) for part in (data.train_set, data.val_set, data.test_set)] == [2**40, 5, 6]
    assert [part.split for part in (data.train_set, data.val_set, data.test_set)] == ["train", "val", "test"]
    batches = list(data.train_dataloader())
    assert len(batches) == 2
    assert batches[0]["input"].shape == (4, 2, 1, 20, 20)
    assert batches[0]["target"].shape == (4, 3, 1, 20, 20)
    assert next(iter(data.test_dataloader()))["target"].shape == (4, 7, 1, 20, 20)
    expected = MovingMNIST(
        split="val", length=5, size=20, digits=1, digit_size=12, input_frames=2, horizon=3, speed=(1, 2)
    )
    assert torch.equal(data.val_set[4]["target"], expected[4]["target"])
    assert data.augment is None
    assert data.value_scale == Scale(0.0, 255.0, "grey level", "uint8")


def test_only_training_follows_the_seed():
    parts = [(data.train_set, data.val_set, data.test_set) for data in (moving(), moving(seed=1))]
    same = [torch.equal(one[2]["target"], other[2]["target"]) for one, other in zip(*parts, strict=True)]
    assert same == [False, True, True]


def test_moving_mnist_is_described():
    data = moving(test_horizon=7, speed=(1, 2.5), digits=2)
    assert data.describe("val") == {
        "data": "Moving MNIST, made from scikit-learn's bundled digits: 2 digits of 12 px, 1 to 2.5 px per frame; "
        "the 300 digits of this split are in no other",
        "input_frames": 2,
        "horizon": 3,
        "frame_size": [20, 20],
        "channels": 1,
    }
    assert data.describe("test")["horizon"] == 7
    assert "1 digit of 12 px, a tenth of the canvas per frame" in moving().describe("train")["data"]
    assert "3 px per frame" in moving(speed=3).describe("train")["data"]


def test_published_test_file(tmp_path):
    np.save(tmp_path / "mnist_test_seq.npy", np.zeros((20, 3, 64, 64), np.uint8))
    data = moving(test_file=str(tmp_path / "mnist_test_seq.npy"))
    assert isinstance(data.test_set, MovingMNISTTest)
    assert data.test_set[0]["target"].shape == (3, 1, 64, 64)
    described = data.describe("test")
    assert described["frame_size"] == [64, 64]
    assert "published test sequences (mnist_test_seq.npy)" in described["data"]


def test_mnist_is_fetched_on_request_alone(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(_digit_source, "download_mnist", asked.append)
    MovingMNISTData(str(tmp_path), download=True).prepare_data()
    MovingMNISTData(str(tmp_path)).prepare_data()
    assert asked == [str(tmp_path)]


@pytest.fixture
def folder(tmp_path):
    """Five recordings of 8 colour frames, 10x12, each of its own brightness."""
    for recording in range(5):
        (tmp_path / f"run{recording}").mkdir()
        for index in range(8):
            frame = rng.integers(40 * recording, 40 * recording + 40, size=(10, 12, 3), dtype=np.uint8)
            Image.fromarray(frame).save(tmp_path / f"run{recording}" / f"{index}.png")
    return tmp_path


def framed(folder, **options):
    data = FrameData(str(folder), **({"input_frames": 3, "horizon": 2, "batch_size": 2} | options))
    data.setup("fit")
    return data


def test_frame_data(folder):
    data = framed(folder, stride=2, unit="K")
    parts = [data.train_set, data.val_set, data.test_set]
    assert [len(part.recordings) for part in parts] == [3, 1, 1]
    assert len({path for part in parts for path in part.recordings}) == 5
    assert len(data.train_set) == 6
    assert len(list(data.train_dataloader())) == 3
    batch = next(iter(data.train_dataloader()))
    assert {name: tuple(values.shape) for name, values in batch.items()} == {
        "input": (2, 3, 3, 10, 12),
        "target": (2, 2, 3, 10, 12),
        "mask": (2, 2, 3, 10, 12),
        "input_mask": (2, 3, 3, 10, 12),
    }
    values = np.stack([Image.open(image) for path in data.train_set.recordings for image in path.iterdir()])
    assert data.value_scale == Scale(float(values.min()), float(values.max()), "K", "uint8")
    assert all(part.value_scale == data.value_scale for part in parts)
    train_set = data.train_set
    data.setup("test")
    assert data.train_set is train_set
    assert data.describe("train") == {
        "data": f"{folder.name}: 3 recordings that no other split has a frame of, a window every 2 frames",
        "input_frames": 3,
        "horizon": 2,
        "frame_size": [10, 12],
        "channels": 3,
        "reduce": 1,
        "grayscale": False,
    }


def test_frame_data_options(folder):
    assert framed(folder, scale=(-10, 300)).value_scale == Scale(-10.0, 300.0, "", "uint8")
    reduced = framed(folder, reduce=2, grayscale=True, scale="percentiles", percentiles=(10, 80))
    plain = framed(folder, scale="percentiles", percentiles=(10, 80))
    assert reduced.value_scale != plain.value_scale != framed(folder).value_scale
    assert reduced.describe("val")["frame_size"] == [5, 6]
    assert reduced.describe("val")["channels"] == 1
    assert "block means of 2x2 pixels" in reduced.describe("val")["data"]
    assert len(framed(folder, fractions=(0.2, 0.4, 0.4)).train_set.recordings) == 1
    splits = {tuple(framed(folder, seed=seed).train_set.recordings) for seed in range(6)}
    assert len(splits) > 1


def test_random_crop_in_training_alone(folder):
    data = framed(folder, crop=6, random_crop=True, batch_size=3)
    assert next(iter(data.train_dataloader()))["target"].shape == (3, 2, 3, 6, 6)
    whole = data.train_set[0]
    assert whole["input"].shape == (3, 3, 10, 12)
    crops = [
        [part.augment(whole, key)["input"].numpy().tobytes() for key in range(30)]
        for part in (data, framed(folder, crop=6, random_crop=True, seed=1))
    ]
    assert len(set(crops[0])) > 5
    assert crops[0] != crops[1]
    assert data.val_set[0]["input"].shape == (3, 3, 6, 6)
    assert data.describe("train")["data"].endswith("cropped at random")
    assert data.describe("val")["data"].endswith("cropped in the middle")
    assert framed(folder, crop=6).augment is None
    assert framed(folder, crop=6).train_set[0]["input"].shape == (3, 3, 6, 6)


def test_flip_and_rotation(folder):
    frames = {"input": torch.arange(4.0).reshape(1, 1, 2, 2)}
    changes = [
        {tuple(framed(folder, crop=6, **options).augment(frames, key)["input"].flatten().tolist()) for key in range(50)}
        for options in ({"flip": True}, {"rotate90": True}, {"flip": True, "rotate90": True})
    ]
    assert [len(change) for change in changes] == [2, 4, 8]


def test_splits_must_agree(folder):
    for split, (name, frame) in zip(
        ("train", "val", "test"),
        [("a", np.zeros((9, 3, 4, 4))), ("b", np.ones((9, 3, 4, 4))), ("c", np.ones((9, 4, 4)))],
        strict=True,
    ):
        (folder / split).mkdir()
        np.save(folder / split / f"{name}.npy", frame)
    with pytest.raises(ValueError, match=r"a\.npy has 3 channels of float64 and .*c\.npy 1 channel of float64"):
        framed(folder, scale=(0, 1))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: FrameData("folder", random_crop=True), "`random_crop` needs `crop`"),
        (lambda: FrameData("folder", scale=(2, 1)), r"`low` \(=2\.0\) must be below `high`"),
        (lambda: MovingMNISTData(train_length=7), r"`train_length` \(=7\) must be at least `batch_size` \(=8\)"),
        (lambda: moving(digits=0), r"`digits` \(=0\) must be positive"),
        (lambda: moving(test_horizon=0), r"`horizon` \(=0\) must be positive"),
    ],
)
def test_bad_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_command_line_arguments():
    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(MovingMNISTData, "moving")
    parser.add_class_arguments(FrameData, "frames")
    line = "--moving.size=[32,48] --moving.speed=[1,2.5] --frames.folder=clips --frames.scale=[0,4095] --frames.crop=64"
    values = parser.parse_args(line.split())
    moving, frames = MovingMNISTData(**values.moving.as_dict()), FrameData(**values.frames.as_dict())
    assert moving.size == (32, 48)
    assert moving.speed == (1, 2.5)
    assert frames.wanted_scale == Scale(0.0, 4095.0)
    assert frames.crop == 64
    assert parser.parse_args(["--frames.folder=clips", "--frames.scale=percentiles"]).frames.scale == "percentiles"
    assert "a tenth of the canvas" in " ".join(parser.format_help().split())
