import pickle

import numpy as np
import pytest
import torch

from framecast.data import FrameSequences, Scale, block_mean
from framecast.data.frames import _frame_sequences as module

rng = np.random.default_rng(0)


@pytest.fixture
def save(tmp_path):
    def save(name, frames):
        np.save(tmp_path / f"{name}.npy", frames)
        return tmp_path / f"{name}.npy"

    return save


@pytest.fixture
def reads(monkeypatch):
    names = []

    def read(path, *options):
        names.append(path.stem)
        return original(path, *options)

    original = module.read_recording
    monkeypatch.setattr(module, "read_recording", read)
    return names


@pytest.mark.parametrize("stride", [1, 2, 5])
def test_windows_are_slices_of_one_recording(save, stride):
    recordings = [rng.random((length, 2, 3, 5)) for length in (9, 5, 12)]
    paths = [save(f"r{index}", frames) for index, frames in enumerate(recordings)]
    windows = FrameSequences(paths, input_frames=3, horizon=2, stride=stride, scale=Scale(-1.0, 3.0))
    expected = [
        frames[start : start + 5]
        for frames in recordings
        for start in range(0, len(frames), stride)
        if start + 5 <= len(frames)
    ]
    assert len(windows) == len(expected)
    for window, frames in zip(windows, expected, strict=True):
        unit = (frames + 1) / 4
        np.testing.assert_allclose(window["input"], unit[:3], rtol=1e-6)
        np.testing.assert_allclose(window["target"], unit[3:], rtol=1e-6)
        assert window["input"].dtype == window["target"].dtype == torch.float32
        assert window["mask"].dtype == torch.bool
        assert window["mask"].all()
        assert window["mask"].shape == window["target"].shape
    assert torch.equal(windows[-1]["input"], windows[len(windows) - 1]["input"])
    with pytest.raises(IndexError, match="out of range"):
        windows[len(windows)]


def test_missing_values_are_zero_and_masked(save):
    frames = 5 + rng.random((6, 4, 4))
    frames[1, 2, 3] = frames[5, 0] = np.nan
    window = FrameSequences([save("r", frames)], input_frames=3, horizon=3, scale="min-max")[0]
    assert window["input"][1, 0, 2, 3] == 0
    assert (window["target"][2, 0, 0] == 0).all()
    np.testing.assert_array_equal(window["mask"][:, 0], ~np.isnan(frames[3:]))
    assert not window["target"].isnan().any()


def test_scale_is_fitted_to_what_is_read(save):
    frames = rng.normal(size=(8, 4, 6)).astype(np.float32)
    paths = [save("a", frames), save("b", 3 * frames)]
    both = np.concatenate([frames, 3 * frames])

    def fitted(**options):
        return FrameSequences(paths, input_frames=2, horizon=1, **options).value_scale

    assert fitted() == Scale(both.min().item(), both.max().item(), "", "float32")
    reduced = block_mean(both, 2)
    assert fitted(reduce=2, unit="K") == Scale(reduced.min().item(), reduced.max().item(), "K", "float32")
    low, high = np.percentile(both, (5, 90))
    assert fitted(scale="percentiles", percentiles=(5, 90)) == Scale(low, high, "", "float32")
    assert fitted(scale=Scale(0.0, 1.0)) == Scale(0.0, 1.0, "", "float32")
    assert fitted(scale=Scale(0.0, 1.0, "K", "uint8")) == Scale(0.0, 1.0, "K", "uint8")


def test_values_beyond_the_scale_stay_beyond(save):
    window = FrameSequences([save("r", np.array([[[-1.0]], [[3.0]]]))], input_frames=1, horizon=1, scale=Scale(0, 2))[0]
    assert window["input"].item() == -0.5
    assert window["target"].item() == 1.5


def test_crop_makes_sizes_equal(save):
    frames = rng.random((4, 7, 9))
    paths = [save("a", frames), save("b", frames[:, :5, 1:7])]
    options = {"input_frames": 2, "horizon": 2, "scale": Scale(0.0, 1.0)}
    with pytest.raises(ValueError, match=r"a\.npy has \(7, 9\) and .*b\.npy has \(5, 6\): set `crop`"):
        FrameSequences(paths, **options)
    with pytest.raises(ValueError, match=r"`crop` \(=\(6, 6\)\) must not exceed the frames of .*b\.npy, \(5, 6\)"):
        FrameSequences(paths, crop=6, **options)
    windows = FrameSequences(paths, crop=(3, 4), **options)
    assert windows.frame_size == (3, 4)
    np.testing.assert_allclose(windows[0]["input"][:, 0], frames[:2, 2:5, 2:6], rtol=1e-6)
    np.testing.assert_allclose(windows[1]["target"][:, 0], frames[2:, 1:4, 2:6], rtol=1e-6)
    later = FrameSequences(paths, crop=(3, 4), crop_later=True, **options)
    assert later[1]["input"].shape == (2, 1, 5, 6)


def test_grayscale(save):
    frames = rng.random((4, 3, 2, 2))
    windows = FrameSequences([save("r", frames)], input_frames=2, horizon=2, scale=Scale(0.0, 1.0), grayscale=True)
    luma = np.tensordot([0.299, 0.587, 0.114], frames, (0, 1))
    np.testing.assert_allclose(windows[0]["input"][:, 0], luma[:2], rtol=1e-5)
    assert windows.channels == 1


def test_recordings_are_kept_within_a_limit(save, reads):
    paths = [save(name, rng.random((2, 4, 4))) for name in "abc"]  # 128 bytes each as float32

    def access(cache_bytes, order):
        windows = FrameSequences(paths, input_frames=1, horizon=1, cache_bytes=cache_bytes, scale=Scale(0.0, 1.0))
        reads.clear()
        for index in order:
            windows[index]
        return "".join(reads)

    assert access(3 * 128, [0, 1, 2, 0]) == ""
    assert access(2 * 128, [2, 1, 2, 0, 1, 2]) == "abc"
    assert access(2 * 128, [2, 1, 0, 1]) == "a"
    assert access(1, [2, 2, 1]) == "b"


def test_travels_to_workers_without_its_recordings(save, reads):
    windows = FrameSequences([save("r", rng.random((200, 9, 9)))], input_frames=1, horizon=1)
    sent = pickle.dumps(windows)
    assert len(sent) < 2000
    assert torch.equal(pickle.loads(sent)[5]["input"], windows[5]["input"])


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        (np.zeros((4, 4, 4)), r"b\.npy has 4 frames, fewer than `input_frames` \+ `horizon` \(=3 \+ 2\)"),
        (np.zeros((5, 2, 4, 4)), r"a\.npy has 1 channel of float64 and .*b\.npy 2 channels of float64"),
        (np.zeros((5, 4, 4), np.uint8), r"a\.npy has 1 channel of float64 and .*b\.npy 1 channel of uint8"),
        (np.full((5, 4, 4), np.nan), r"all values of .*b\.npy are NaN"),
    ],
)
def test_recordings_that_do_not_fit(save, frames, message):
    paths = [save("a", rng.random((5, 4, 4))), save("b", frames)]
    with pytest.raises(ValueError, match=message):
        FrameSequences(paths, input_frames=3, horizon=2)


@pytest.mark.parametrize("name", ["input_frames", "horizon", "stride", "reduce", "crop", "cache_bytes"])
def test_numbers_must_be_positive(save, name):
    with pytest.raises(ValueError, match=rf"`{name}` \(=0\) must be positive"):
        FrameSequences([save("r", rng.random((20, 4, 4)))], **{name: 0})


def test_no_recordings():
    with pytest.raises(ValueError, match="`recordings` must name at least one"):
        FrameSequences([])
