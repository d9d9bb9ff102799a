"""Recordings at any depth, and one recording that is split by time."""

import numpy as np
import pytest
from PIL import Image

from framecast.data import FrameData, open_frames, read_recording, recordings, split_recordings
from framecast.data.reading import span_path, split_span


def clip(path, count=100):
    """A recording whose every pixel holds the number of its frame."""
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, np.broadcast_to(np.arange(count, dtype=np.float32)[:, None, None], (count, 4, 4)))
    return path


def stills(folder, count):
    folder.mkdir(parents=True)
    for k in range(count):
        Image.fromarray(np.full((4, 4), k, np.uint8)).save(folder / f"{k}.png")


def test_recordings_at_any_depth_are_found(tmp_path):
    clip(tmp_path / "walking" / "person2" / "a.npy")
    clip(tmp_path / "walking" / "person10" / "a.npy")
    clip(tmp_path / "boxing" / "b.npy")
    clip(tmp_path / "top.npy")
    stills(tmp_path / "walking" / "photos", 3)
    (tmp_path / "loop").symlink_to(tmp_path)
    names = [path.relative_to(tmp_path).as_posix() for path in recordings(tmp_path)]
    assert names == [
        "boxing/b.npy", "top.npy", "walking/person2/a.npy", "walking/person10/a.npy", "walking/photos",
    ]  # fmt: skip


def test_unknown_endings_are_counted_in_one_note(tmp_path, capsys):
    clip(tmp_path / "a.npy")
    for name in ("b.heic", "deep/c.HEIC", "deep/d.raw"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    recordings(tmp_path)
    said = [line for line in capsys.readouterr().err.splitlines() if "unknown" in line]
    assert said == [
        f"framecast: note: {tmp_path}: 3 files with unknown endings passed over (2 .heic, 1 .raw), first b.heic"
    ]


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_one_recording_alone_is_split_by_time(tmp_path, capsys, kind):
    if kind == "file":
        clip(tmp_path / "film.npy")
    else:
        stills(tmp_path / "film", 100)
    window = 7
    split = split_recordings(tmp_path / "film" if kind == "folder" else tmp_path, window=window)
    assert f"is one recording alone: it is split by time, with a gap of {window} frames" in capsys.readouterr().err
    frames = {part: read_recording(paths[0]).frames[:, 0, 0, 0] for part, paths in split.items()}
    assert frames["train"].tolist() == list(range(60))  # of 86 frames beside the gaps
    assert frames["val"].tolist() == list(range(60 + window, 73 + window))
    assert frames["test"].tolist() == list(range(87, 100))


def test_all_recordings_can_be_split_by_time(tmp_path):
    for k in range(3):
        clip(tmp_path / f"{k}.npy", 20)
    split = split_recordings(tmp_path, split_by="time", window=2)
    assert [path.name for path in split["val"]] == [f"{k}.npy@14:16" for k in range(3)]
    assert len(split_recordings(tmp_path)["train"]) == 1
    with pytest.raises(ValueError, match=r"0\.npy has 20 frames, too few to split by time: .* window of 5 .* need 25"):
        split_recordings(tmp_path, split_by="time", window=5)
    with pytest.raises(ValueError, match=r"`split_by` \(='hours'\) must be recordings or time"):
        split_recordings(tmp_path, split_by="hours")


def test_no_window_of_the_data_module_reaches_into_another_part(tmp_path):
    clip(tmp_path / "film.npy")
    data = FrameData(folder=str(tmp_path), input_frames=4, horizon=3, test_horizon=5, scale=(0.0, 1.0))
    data.setup()
    seen = {}
    for part in ("train", "val", "test"):
        windows = {"train": data.train_set, "val": data.val_set, "test": data.test_set}[part]
        values = [windows[k][name] for k in range(len(windows)) for name in ("input", "target")]
        seen[part] = {float(frame) for value in values for frame in value[:, 0, 0, 0]}
    assert min(seen["val"]) - max(seen["train"]) > 9
    assert min(seen["test"]) - max(seen["val"]) > 9
    assert "split by time: no window reaches into another split" in data.describe("test")["data"]
    record = data.split()
    clip(tmp_path / "new.npy")
    again = FrameData(folder=str(tmp_path), input_frames=4, horizon=3, test_horizon=5, scale=(0.0, 1.0))
    again.use_split(record)
    again.setup()
    assert again.split() == record
    assert len(again.test_set) == len(data.test_set)


def test_a_span_of_frames(tmp_path):
    path = clip(tmp_path / "film.npy", 10)
    with open_frames(span_path(path, 3, 7)) as span:
        assert (span.count, span.channels, span.size, span.dtype) == (4, 1, (4, 4), np.float32)
        assert span.read()[:, 0, 0, 0].tolist() == [3, 4, 5, 6]
        assert span.read(1, 3)[:, 0, 0, 0].tolist() == [4, 5]
        assert span.read(2, 99)[:, 0, 0, 0].tolist() == [5, 6]
    with pytest.raises(ValueError, match=r"film\.npy has 10 frames, so that there is no span 3:11"):
        open_frames(span_path(path, 3, 11))
    odd = clip(tmp_path / "a@0:5", 10).with_name("a@0:5.npy")
    assert split_span(odd) == (odd, None)
