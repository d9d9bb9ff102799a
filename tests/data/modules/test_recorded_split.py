"""A run goes on with the files that it was trained with, whatever is added to their folder."""

import shutil

import numpy as np
import pytest
from PIL import Image

from framecast.data import FrameData, ImageFolder, MatchData
from framecast.runs import Split

rng = np.random.default_rng(0)


def write_recording(path, number):
    path.parent.mkdir(parents=True, exist_ok=True)
    if number % 2:
        np.save(path.with_suffix(".npy"), rng.random((7, 4, 4)))
    else:
        path.mkdir()
        for index in range(6):
            Image.fromarray(rng.integers(0, 255, (4, 4), np.uint8).repeat(2, 1)[:, :4]).save(path / f"{index}.png")


def write_image(path, number):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((6, 6 + number % 3), 5 * number, np.uint8)).save(path.with_suffix(".png"))


def frames(folder, **options):
    return FrameData(str(folder), input_frames=2, horizon=2, batch_size=1, scale=(0, 1), crop=4, **options)


def images(folder, **options):
    return MatchData(ImageFolder(str(folder), size=4, grayscale=True, **options), batch_size=2)


KINDS = {
    "recordings": (frames, write_recording, [f"r{number}" for number in range(1, 16, 2)]),
    "images": (images, write_image, [f"{name}/{number}" for name in "ab" for number in range(10)]),
}


@pytest.fixture(params=KINDS)
def kind(request):
    return KINDS[request.param]


def fill(folder, write, names, parts=("",)):
    for part in parts:
        for number, name in enumerate(names):
            write(folder / part / name, 2 * number + 1)


def paths(data):
    return {part: [item.path for item in items] for part, items in data.split().parts().items()}


@pytest.mark.parametrize("parts", [("",), ("train", "val", "test")], ids=["by shares", "by subfolders"])
def test_a_file_that_is_added_moves_nothing(kind, parts, tmp_path, capsys):
    make, write, names = kind
    folder = tmp_path / "data"
    fill(folder, write, names, parts)
    trained = make(folder)
    trained.setup()
    record = Split.from_dict(trained.split().as_dict())
    assert len({path for part in paths(trained).values() for path in part}) == len(parts) * len(names)
    for part in parts:
        first = names[0].split("/")
        write(folder / part / "/".join([*first[:-1], "0added"]), 1)  # comes first, so that all others shift
    anew, again = make(folder), make(folder)
    anew.setup()
    changed = paths(anew)
    if len(parts) == 1:
        held = {item.path for item in (*record.val, *record.test)}
        assert set(changed["train"]) & held  # what the record is for
    assert any("0added" in path for part in changed.values() for path in part)
    capsys.readouterr()
    again.use_split(record)
    again.setup()
    assert paths(again) == paths(trained)
    assert again.describe("test") == trained.describe("test")
    note = capsys.readouterr().err
    assert note.startswith(f"framecast: note: {len(parts)} of the {len(parts) * len(names) + len(parts)} ")
    assert "0added" in note
    for part in ("val", "test"):
        for one, other in zip(getattr(again, f"{part}_set"), getattr(trained, f"{part}_set"), strict=True):
            assert all((one[key] == other[key]).all() for key in one)


def test_a_class_that_is_added_keeps_the_labels(tmp_path):
    fill(tmp_path / "data", write_image, KINDS["images"][2])
    trained = images(tmp_path / "data")
    trained.setup()
    for number in range(10):
        write_image(tmp_path / "data" / "Aa" / str(number), number)
    again = images(tmp_path / "data")
    again.use_split(trained.split())
    again.setup()
    assert again.train_images.classes == trained.train_images.classes == ("a", "b")
    np.testing.assert_array_equal(again.train_images.labels, trained.train_images.labels)


def test_a_file_that_is_gone_is_named(kind, tmp_path):
    make, write, names = kind
    fill(tmp_path / "data", write, names)
    trained = make(tmp_path / "data")
    trained.setup()
    gone = next(iter(paths(trained)["val"]))
    (tmp_path / "data" / gone).unlink()
    again = make(tmp_path / "data")
    again.use_split(trained.split())
    with pytest.raises(ValueError, match=f"{gone} is gone"):
        again.setup()


def test_the_size_of_a_folder_of_images_counts(tmp_path, capsys):
    for number in range(0, 8, 2):
        write_recording(tmp_path / "data" / f"r{number}", number)
    trained = frames(tmp_path / "data")
    trained.setup()
    (tmp_path / "data" / "r0" / ".hidden").write_bytes(b"by the system")
    again = frames(tmp_path / "data")
    again.use_split(trained.split())
    again.setup()
    assert paths(again) == paths(trained)
    assert capsys.readouterr().err == ""
    shutil.copy(tmp_path / "data" / "r0" / "0.png", tmp_path / "data" / "r0" / "9.png")
    again = frames(tmp_path / "data")
    again.use_split(trained.split())
    with pytest.raises(ValueError, match=r"r0 has .* bytes, but had"):
        again.setup()


def test_other_data_are_split_as_usual(kind, tmp_path, capsys):
    make, write, names = kind
    fill(tmp_path / "data", write, names)
    fill(tmp_path / "other", write, [name + "x" for name in names])
    trained, plain, other = make(tmp_path / "data"), make(tmp_path / "other"), make(tmp_path / "other")
    trained.setup()
    plain.setup()
    other.use_split(trained.split())
    other.setup()
    assert paths(other) == paths(plain)
    assert f"other holds none of the {len(names)} " in capsys.readouterr().err
