import json

import pytest

from framecast.runs import Split, SplitItem


def split():
    return Split("recordings", (SplitItem("a.npy", 10), SplitItem("sub/b", 0)), (SplitItem("c.gif", 3),), ())


def test_round_trip_through_json():
    assert Split.from_dict(json.loads(json.dumps(split().as_dict()))) == split()


def test_an_item_is_a_file_or_a_folder_of_files(tmp_path):
    (tmp_path / "one" / "deep").mkdir(parents=True)
    (tmp_path / "one" / "a.png").write_bytes(b"12345")
    (tmp_path / "one" / "deep" / "b.png").write_bytes(b"123")
    assert SplitItem.of(tmp_path / "one", tmp_path) == SplitItem("one", 8)
    assert SplitItem.of(tmp_path / "one" / "a.png", tmp_path) == SplitItem("one/a.png", 5)


@pytest.mark.parametrize(
    ("path", "size", "message"),
    [
        ("", 1, r"`path` \(=''\) must be relative"),
        ("/etc/hosts", 1, r"`path` \(='/etc/hosts'\) must be relative"),
        ("a/../../b", 1, "stay inside it"),
        ("a", -1, r"`size` \(=-1\) of a must be a number of bytes"),
        ("a", 1.5, r"`size` \(=1\.5\)"),
        ("a", True, r"`size` \(=True\)"),
    ],
)
def test_items_are_checked(path, size, message):
    with pytest.raises(ValueError, match=message):
        SplitItem(path, size)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"folder": None}, "must name its `folder`"),
        ({"val": None}, "`val` of a split must be a list of items, got None"),
        ({"val": {"c.gif": 3}}, "`val` of a split must be a list"),
        ({"test": [{"path": "x"}]}, r"an item in `test` of a split must have `path` and `size`, got {'path': 'x'}"),
        ({"test": [{"path": 3, "size": 3}]}, "an item in `test`"),
        ({"test": [{"path": "x", "size": "3"}]}, r"`size` \(='3'\) of x"),
        ({"test": [{"path": "a.npy", "size": 10}]}, "a.npy is in `train` and in `test`"),
    ],
)
def test_reading_checks_everything(change, message):
    with pytest.raises(ValueError, match=message):
        Split.from_dict(split().as_dict() | change)


def test_a_split_is_a_dict():
    with pytest.raises(ValueError, match="must name its `folder`"):
        Split.from_dict([])
