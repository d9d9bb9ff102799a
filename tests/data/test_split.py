from pathlib import Path

import pytest

from framecast.data._split import record_split, recorded_parts, split_at_random


@pytest.fixture
def files(tmp_path):
    """Ten files of different sizes."""
    paths = [tmp_path / "frames" / f"r{number}.npy" for number in range(10)]
    paths[0].parent.mkdir()
    for number, path in enumerate(paths):
        path.write_bytes(bytes(number + 1))
    return paths


def record(files):
    return record_split(files[0].parent, {"train": files[4:], "val": files[:2], "test": files[2:4]})


def test_a_record_holds_relative_paths_and_sizes(files):
    split = record(files)
    assert split.folder == str(files[0].parent)
    assert [(item.path, item.size) for item in split.val] == [("r0.npy", 1), ("r1.npy", 2)]
    assert [item.path for item in split.train] == [f"r{number}.npy" for number in range(4, 10)]


def test_recorded_files_are_used_as_recorded_and_others_passed_over(files, capsys):
    split = record(files)
    assert recorded_parts(split, files[0].parent, files[::-1], "recordings") == {
        "train": files[4:],
        "val": files[:2],
        "test": files[2:4],
    }
    assert capsys.readouterr().err == ""
    new = [files[0].with_name(name) for name in ("r10.npy", "r11.npy")]
    for path in new:
        path.write_bytes(b"new")
    parts = recorded_parts(split, files[0].parent, [*files, *new], "recordings")
    assert parts["train"] == files[4:]
    assert capsys.readouterr().err == (
        f"framecast: note: 2 of the 12 recordings in {files[0].parent} are new since the run recorded its split and "
        "are passed over, first r10.npy\n"
    )


def test_a_recorded_file_that_is_gone_or_another_is_refused(files):
    split = record(files)
    with pytest.raises(ValueError, match=r"r3\.npy is gone, but the run has recorded it"):
        recorded_parts(split, files[0].parent, [*files[:3], *files[4:]], "recordings")
    files[5].write_bytes(bytes(60))
    with pytest.raises(ValueError, match=r"r5\.npy has 60 bytes, but had 6 when the run recorded its split"):
        recorded_parts(split, files[0].parent, files, "recordings")


def test_other_data_are_split_anew(files, tmp_path, capsys):
    split = record(files)
    others = [tmp_path / "others" / name for name in ("r0.npy", "s1.npy")]
    others[0].parent.mkdir()
    for path in others:
        path.write_bytes(bytes(70))
    assert recorded_parts(split, others[0].parent, others, "recordings") is None
    assert "holds none of the 10 recordings that the run was trained with" in capsys.readouterr().err
    for path in files:
        path.write_bytes(bytes(70))
    with pytest.raises(ValueError, match=r"r4\.npy has 70 bytes"):  # the very folder of the record
        recorded_parts(split, files[0].parent, files, "recordings")
    files[0].rename(files[0].with_name("new.npy"))
    assert recorded_parts(split, files[0].parent, [files[0].with_name("new.npy")], "recordings") is None


def test_data_that_moved_are_recognised(files, tmp_path):
    split = record(files)
    moved = files[0].parent.rename(tmp_path / "moved")
    paths = [moved / path.name for path in files]
    assert recorded_parts(split, moved, paths, "recordings")["test"] == paths[2:4]


@pytest.mark.parametrize(("count", "least"), [(3, 1), (4, 1), (6, 2), (7, 2), (20, 2)])
@pytest.mark.parametrize("fractions", [(0.7, 0.15, 0.15), (0.1, 0.1, 0.8), (0.1, 0.8, 0.1)])
def test_every_part_has_the_least(count, least, fractions):
    paths = [Path(str(number)) for number in range(count)]
    parts = split_at_random(paths, fractions, seed=1, least=least)
    assert min(map(len, parts.values())) >= least
    assert sorted(path for part in parts.values() for path in part) == sorted(paths)
    assert all(part == sorted(part, key=paths.index) for part in parts.values())
