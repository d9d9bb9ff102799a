import math
import pickle

import numpy as np
import pytest
import torch

from framecast.data import MovingDigitClips, load_digits


def place(frame):
    """Smallest box that holds what is bright."""
    rows, columns = np.nonzero(frame)
    return rows.min(), columns.min(), frame[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]


def trimmed(image):
    return place(image)[2].tobytes()


def test_each_frame_shows_the_digit_of_the_label_whole():
    images, labels = load_digits(split="val", size=20)
    digits = {}
    for image, label in zip(images, labels, strict=True):
        digits.setdefault(trimmed(image), set()).add(label)
    data = MovingDigitClips(split="val", length=60, size=(32, 40), min_frames=3, max_frames=5)
    for clip in data:
        assert clip["image"].shape == (5, 1, 32, 40)
        assert clip["image"].dtype == torch.float32
        frames = (clip["image"][: clip["length"], 0].numpy() * 255).round().astype(np.uint8)
        shown = {trimmed(frame) for frame in frames}
        assert len(shown) == 1
        assert int(clip["label"]) in digits[shown.pop()]


def test_lengths_and_what_lies_beyond():
    data = MovingDigitClips(length=200)
    lengths = [int(clip["length"]) for clip in data]
    assert set(lengths) == set(range(6, 13))
    for clip, length in zip(data, lengths, strict=True):
        bright = clip["image"].flatten(1).amax(1)
        assert (bright[:length] > 0).all()
        assert (bright[length:] == 0).all()


def test_speed_is_that_asked_for():
    """Of digits that met no edge."""
    speeds = []
    for clip in MovingDigitClips(size=200, digit_size=8, speed=(3.0, 4.0), min_frames=11, max_frames=11, length=80):
        places = [place(frame[0].numpy())[:2] for frame in clip["image"]]
        if min(map(min, places)) > 4 and max(map(max, places)) < 188:
            speeds.append(math.dist(places[0], places[-1]) / 10)
    assert len(speeds) > 20
    assert 2.9 < min(speeds) < 3.3
    assert 3.7 < max(speeds) < 4.1


def test_every_image_comes_once_before_one_comes_again():
    data = MovingDigitClips(split="test", length=700)
    expected = np.bincount(load_digits(split="test")[1])
    assert np.array_equal(np.bincount(data.labels[:300]), expected)
    assert np.array_equal(np.bincount(data.labels[300:600]), expected)
    assert not np.array_equal(data.labels[:300], data.labels[300:600])
    first = {trimmed((clip["image"][0, 0] * 255).numpy()) for clip in (data[i] for i in range(300))}
    assert len(first) > 295  # a few look alike
    assert data.labels.tolist() == [int(clip["label"]) for clip in data]


def test_a_clip_follows_from_seed_split_and_index():
    data = MovingDigitClips(length=40)
    for other in (MovingDigitClips(length=2000), pickle.loads(pickle.dumps(data))):
        for name, value in data[-1].items():
            assert torch.equal(other[39][name], value)
    for options in ({"seed": 1}, {"split": "val"}, {"speed": 2}, {"digit_size": 16}):
        assert not torch.equal(MovingDigitClips(length=40, **options)[39]["image"][:6], data[39]["image"][:6]), options


def test_two_clips_of_one_image_go_other_ways():
    data = MovingDigitClips(split="test", length=600)
    same = [(i, int(j)) for i in range(20) for j in np.flatnonzero(data._order == data._order[i]) if j > i]
    assert len(same) == 20
    assert not any(torch.equal(data[i]["image"][:6], data[j]["image"][:6]) for i, j in same)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"length": 0}, r"`length` \(=0\) must be positive"),
        ({"min_frames": 0}, r"`min_frames` \(=0\) must be positive"),
        ({"max_frames": 5}, r"`max_frames` \(=5\) must be at least `min_frames` \(=6\)"),
        ({"digit_size": 33}, r"`digit_size` \(=33\) must not exceed the frame's `size` \(=32\)"),
        ({"size": 0}, r"`size` \(=0\) must be positive"),
        ({"speed": (3, 2)}, r"`speed` \(=\(3, 2\)\) must be positive"),
        ({"seed": -1}, r"`seed` \(=-1\) must be between"),
        ({"split": "all"}, r"`split` \(='all'\) must be one of"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        MovingDigitClips(**arguments)


def test_indexes_are_those_of_a_list():
    with pytest.raises(IndexError, match="index 3 is out of range for 3 clips"):
        MovingDigitClips(length=3)[3]
