import math
import pickle

import numpy as np
import pytest
import torch

from framecast.data import MovingMNIST, MovingMNISTTest
from framecast.data.digits import _moving_mnist


def openstl_trajectory(x, y, theta, seq_length, canvas, step):
    """OpenSTL's loop over one digit, in Python floats; `canvas` and `step` as (rows, columns)."""
    v_y, v_x = math.sin(theta), math.cos(theta)
    corners = []
    for _ in range(seq_length):
        y += v_y * step[0]
        x += v_x * step[1]
        if x <= 0:
            x, v_x = 0, -v_x
        if x >= 1.0:
            x, v_x = 1.0, -v_x
        if y <= 0:
            y, v_y = 0, -v_y
        if y >= 1.0:
            y, v_y = 1.0, -v_y
        corners.append((int(canvas[0] * y), int(canvas[1] * x)))
    return corners


@pytest.mark.parametrize(
    ("size", "digit_size", "speed"),
    [(64, 28, None), (64, 28, 5.5), ((40, 50), 7, (2.0, 9.0)), ((9, 30), 9, 4.0), ((20, 33), 5, None)],
)
def test_frames_are_those_of_a_plain_loop(size, digit_size, speed, monkeypatch):
    """Three digits of one bright pixel, in another corner each: the draws are restated, the frames are compared."""
    images = np.zeros((3, digit_size, digit_size), np.uint8)
    pixels = [(0, 0, 255), (digit_size - 1, 0, 100), (0, digit_size - 1, 50)]
    for image, (row, column, value) in zip(images, pixels, strict=True):
        image[row, column] = value
    monkeypatch.setattr(_moving_mnist, "load_digits", lambda *_: (images, None))
    options = {"size": size, "digit_size": digit_size, "speed": speed, "digits": 3, "seed": 4}
    data = MovingMNIST(split="val", input_frames=7, horizon=23, **options)
    height, width = (size, size) if isinstance(size, int) else size
    canvas = height - digit_size, width - digit_size
    for index in (0, 3, 9_999):
        random = np.random.default_rng(np.random.SeedSequence((4, 1, index)))
        chosen, start = random.integers(3, size=3), random.random((3, 2))
        angles = random.uniform(0, 2 * math.pi, 3)
        low, high = (speed, speed) if isinstance(speed, float) else speed or (0.0, 0.0)
        speeds = random.uniform(low, high, 3) if speed else None
        expected = np.zeros((30, 1, height, width))
        for digit in range(3):
            step = (0.1, 0.1) if speeds is None else [speeds[digit] / max(length, 1) for length in canvas]
            row, column, value = pixels[chosen[digit]]
            corners = openstl_trajectory(start[digit, 1], start[digit, 0], angles[digit], 30, canvas, step)
            for frame, (top, left) in zip(expected[:, 0], corners, strict=True):
                frame[top + row, left + column] = max(frame[top + row, left + column], value / 255)
        sample = data[index]
        assert sample["input"].shape == (7, 1, height, width)
        assert sample["input"].dtype == torch.float32
        np.testing.assert_allclose(torch.cat([sample["input"], sample["target"]]), expected, atol=1e-6)


def test_speed_in_pixels_away_from_edges(monkeypatch):
    """Over many sequences, the distance between two frames of a digit that met no edge is its speed."""
    monkeypatch.setattr(_moving_mnist, "load_digits", lambda *_: (np.full((1, 1, 1), 255, np.uint8), None))
    data = MovingMNIST(size=400, digit_size=1, digits=1, speed=(3.0, 4.0), length=60, input_frames=1, horizon=20)
    speeds = []
    for sample in data:
        frames = torch.cat([sample["input"], sample["target"]])
        places = frames[:, 0].flatten(1).argmax(1)
        row, column = places // 400, places % 400
        if min(row.min(), column.min()) > 0 and max(row.max(), column.max()) < 399:
            speeds.append(math.hypot(row[-1] - row[0], column[-1] - column[0]) / 20)
    assert len(speeds) > 20
    assert 2.9 < min(speeds) < 3.3
    assert 3.7 < max(speeds) < 4.1


def frames(**options):
    return MovingMNIST(length=5, **options)[0]["target"]


def test_a_sequence_follows_from_seed_split_and_index():
    assert torch.equal(MovingMNIST(length=10)[3]["input"], MovingMNIST(length=2**40)[3]["input"])
    assert torch.equal(frames(), frames())
    assert not torch.equal(frames(), MovingMNIST(length=5)[1]["target"])
    for other in ({"seed": 1}, {"split": "val"}, {"digits": 1}, {"speed": 1}, {"digit_size": 24}):
        assert not torch.equal(frames(), frames(**other)), other
    distinct = {MovingMNIST(length=2**40)[index]["input"].numpy().tobytes() for index in (0, 1, 2**32, 2**40 - 1)}
    assert len(distinct) == 4


def test_splits_share_no_digit():
    seen = [{image.tobytes() for image in MovingMNIST(split=split).images} for split in ("train", "val", "test")]
    assert [len(part) for part in seen] == [1197, 300, 300]
    assert len(set.union(*seen)) == 1797


def test_digits_come_from_the_named_split():
    """A digit alone, on a frame of its own size, is one of the split's images."""
    images = {image.tobytes() for image in MovingMNIST(split="val").images}
    for sample in MovingMNIST(split="val", digits=1, size=28, length=20):
        assert (sample["input"][0, 0] * 255).round().byte().numpy().tobytes() in images


def test_indexes_are_those_of_a_list():
    data = MovingMNIST(length=3)
    assert len(data) == len(list(data)) == 3
    assert torch.equal(data[-1]["input"], data[np.int64(2)]["input"])
    for index in (3, -4):
        with pytest.raises(IndexError, match=f"index {index} is out of range for 3 sequences"):
            data[index]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"length": 0}, "`length` (=0) must be positive"),
        ({"input_frames": 0}, "`input_frames` (=0) must be positive"),
        ({"horizon": -1}, "`horizon` (=-1) must be positive"),
        ({"digits": 0}, "`digits` (=0) must be positive"),
        ({"digit_size": 0}, "`digit_size` (=0) must be positive"),
        ({"size": 0}, "`size` (=0) must be positive"),
        ({"size": (64, 64, 1)}, "`size` (=(64, 64, 1)) must be positive: one number for both, or (height, width)"),
        ({"size": (64, 27)}, "`digit_size` (=28) must not exceed the frame's `size` (=(64, 27))"),
        ({"speed": -1.0}, "`speed` (=-1.0) must be positive"),
        ({"speed": (3.0, 2.0)}, "`speed` (=(3.0, 2.0)) must be positive, and as a pair (low, high)"),
        ({"speed": float("nan")}, "`speed` (=nan) must be positive"),
        ({"seed": -1}, "`seed` (=-1) must be between 0 and 2**32 - 1"),
        ({"seed": 2**32}, "`seed` (=4294967296) must be between"),
        ({"split": "all"}, "`split` (='all') must be one of"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError) as error:  # noqa: PT011
        MovingMNIST(**arguments)
    assert message in str(error.value)


@pytest.fixture
def published(tmp_path):
    path = tmp_path / "mnist_test_seq.npy"
    values = np.random.default_rng(0).integers(256, size=(20, 3, 64, 64), dtype=np.uint8)
    np.save(path, values)
    return path, values


def test_published_test_sequences(published):
    path, values = published
    data = pickle.loads(pickle.dumps(MovingMNISTTest(path, input_frames=4, horizon=5)))
    assert len(data) == 3
    sample = data[-1]
    np.testing.assert_allclose(sample["input"][:, 0], values[:4, 2] / 255, rtol=1e-6)
    np.testing.assert_allclose(sample["target"][:, 0], values[4:9, 2] / 255, rtol=1e-6)
    with pytest.raises(IndexError, match="index 3 is out of range"):
        data[3]


def test_published_test_sequences_bad_files(published, tmp_path):
    path, values = published
    with pytest.raises(ValueError, match=r"`input_frames` \(=11\) \+ `horizon` \(=10\) must be at most 20"):
        MovingMNISTTest(path, input_frames=11)
    with pytest.raises(FileNotFoundError, match=r"absent\.npy does not exist"):
        MovingMNISTTest(tmp_path / "absent.npy")
    for wrong in (values.astype(float), values[:19], values[..., :63], values[0]):
        np.save(path, wrong)
        with pytest.raises(ValueError, match=r"must be uint8 \(20, n, 64, 64\), got "):
            MovingMNISTTest(path)
    np.save(path, np.array([{}]), allow_pickle=True)
    with pytest.raises(ValueError, match=r"not a readable \.npy file"):
        MovingMNISTTest(path)
    np.save(path, values)
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(ValueError, match=r"not a readable \.npy file"):
        MovingMNISTTest(path)
