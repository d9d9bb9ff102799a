import numpy as np
import pytest
from PIL import Image

from framecast.data import recordings, split_recordings

FRAME = Image.fromarray(np.zeros((2, 2), np.uint8))


def images(folder, count=2):
    folder.mkdir(parents=True)
    for index in range(count):
        FRAME.save(folder / f"{index}.png")


def clips(folder, count):
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(count):
        (folder / f"clip{index}.npy").touch()


def test_what_counts_as_a_recording(tmp_path):
    images(tmp_path / "run10")
    images(tmp_path / "run9")
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").touch()
    (tmp_path / ".hidden.npy").touch()
    for name in ("b.npy", "c.MP4"):
        (tmp_path / name).touch()
    for name in ("a.gif", "d.tif", "e.png"):
        FRAME.save(tmp_path / name, save_all=True, append_images=[Image.fromarray(np.ones((2, 2), np.uint8))])
    names = ["a.gif", "b.npy", "c.MP4", "d.tif", "e.png", "run9", "run10"]
    assert recordings(tmp_path) == [tmp_path / name for name in names]


def test_loose_images_are_one_recording(tmp_path):
    images(tmp_path / "frames")
    FRAME.save(tmp_path / "frames" / "still.gif")
    assert recordings(str(tmp_path / "frames")) == [tmp_path / "frames"]


def test_loose_images_beside_recordings(tmp_path):
    images(tmp_path / "run")
    FRAME.save(tmp_path / "thumbnail.png")
    with pytest.raises(ValueError, match=r"holds recordings \(run\) and loose images \(thumbnail\.png\)"):
        recordings(tmp_path)


def test_nothing_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="absent is not a folder"):
        recordings(tmp_path / "absent")
    (tmp_path / "notes.txt").touch()
    with pytest.raises(ValueError, match="holds no recordings: put folders of images there"):
        recordings(tmp_path)


@pytest.mark.parametrize(
    ("count", "fractions", "sizes"),
    [
        (3, (0.7, 0.15, 0.15), [1, 1, 1]),
        (4, (0.1, 0.8, 0.1), [1, 2, 1]),
        (5, (0.1, 0.1, 0.8), [1, 1, 3]),
        (20, (0.7, 0.15, 0.15), [14, 3, 3]),
        (10, (0.5, 0.2, 0.3), [5, 2, 3]),
    ],
)
def test_split_by_fractions(tmp_path, count, fractions, sizes):
    clips(tmp_path, count)
    split = split_recordings(tmp_path, fractions)
    assert [len(split[name]) for name in ("train", "val", "test")] == sizes
    everything = split["train"] + split["val"] + split["test"]
    assert sorted(everything) == sorted(recordings(tmp_path))
    assert all(part == [path for path in recordings(tmp_path) if path in part] for part in split.values())


def test_split_follows_from_the_seed(tmp_path):
    clips(tmp_path, 12)
    assert split_recordings(tmp_path, seed=1) == split_recordings(tmp_path, seed=1)
    assert split_recordings(tmp_path, seed=1) != split_recordings(tmp_path, seed=2)


def test_named_subfolders_are_taken_as_they_are(tmp_path):
    clips(tmp_path / "train", 2)
    clips(tmp_path / "val", 1)
    with pytest.raises(FileNotFoundError, match=r"holds train, val but not test/: all three are needed"):
        split_recordings(tmp_path)
    images(tmp_path / "test")
    assert split_recordings(tmp_path) == {
        "train": [tmp_path / "train" / "clip0.npy", tmp_path / "train" / "clip1.npy"],
        "val": [tmp_path / "val" / "clip0.npy"],
        "test": [tmp_path / "test"],
    }


def test_split_errors(tmp_path):
    clips(tmp_path, 2)
    with pytest.raises(ValueError, match="holds 2 recordings, but training, validation and test need one each: add"):
        split_recordings(tmp_path)
    for fractions in ((0.5, 0.5, 0.0), (0.5, 0.3, 0.3)):
        with pytest.raises(ValueError, match=r"`fractions` \(=\(0\.5.*\) must be positive and have a sum of 1"):
            split_recordings(tmp_path, fractions)
