import pytest

from framecast.data import read_pair_list


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "cats").mkdir()
    for name in ("cats/a.png", "cats/two words.png", "b.jpg"):
        (tmp_path / name).touch()
    return tmp_path


def listed(folder, text):
    (folder / "pairs.txt").write_text(text)
    return read_pair_list(folder / "pairs.txt", folder)


def test_lines_name_two_images_and_a_verdict(folder):
    text = '# first, second, similar\ncats/a.png b.jpg 0\n\n  b.jpg "cats/two words.png" 1\ncats/a.png cats/a.png 1\n'
    pairs = listed(folder, text)
    assert pairs.paths == [folder / name for name in ("cats/a.png", "b.jpg", "cats/two words.png")]
    assert pairs.pairs == [(0, 1), (1, 2), (0, 0)]
    assert pairs.similar == [False, True, True]


def test_missing_files_are_named(folder):
    with pytest.raises(FileNotFoundError, match=r"pairs\.txt line 2: .*absent\.png does not exist"):
        listed(folder, "b.jpg b.jpg 1\nb.jpg absent.png 1")
    with pytest.raises(FileNotFoundError, match=r"none\.txt does not exist: give a text file of lines"):
        read_pair_list(folder / "none.txt", folder)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("b.jpg b.jpg", r"line 1 must be `A B similar`, two files and 1 or 0, got 'b\.jpg b\.jpg'"),
        ("b.jpg b.jpg 1\nb.jpg b.jpg 2", r"line 2 must be `A B similar`"),
        ("b.jpg b.jpg b.jpg 1", r"line 1 must be `A B similar`"),
        ("b.jpg 'b.jpg 1", "line 1: No closing quotation"),
        ("# nothing\n\n", "pairs.txt names no pair"),
    ],
)
def test_bad_lines(folder, text, message):
    with pytest.raises(ValueError, match=message):
        listed(folder, text)
