"""docs/files.md: a row for each format, a column for each thing that files say, and in each cell a test that exists."""

import re
from pathlib import Path

from framecast.data.reading import FORMATS

PAGE = Path(__file__).parents[3] / "docs" / "files.md"
COLUMNS = [
    "orientation",
    "depth",
    "sign",
    "byte order",
    "alpha",
    "palette",
    "colour space",
    "times",
    "nodata",
    "truncation",
]
CELL = re.compile(r"–|untested|(?:honoured|noted|refused) `([a-z0-9_]+)`")


def table():
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in PAGE.read_text().splitlines()
        if line.startswith("|")
    ]
    assert rows[0] == ["format", *COLUMNS]
    return {name: dict(zip(COLUMNS, cells, strict=True)) for name, *cells in rows[2:]}


def names_of_tests():
    text = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    return set(re.findall(r"^def test_([a-z0-9_]+)", text, re.MULTILINE))


def test_every_format_has_its_row():
    assert list(table()) == [format.name for format in FORMATS]


def test_every_cell_says_what_is_done_and_names_a_test():
    known = names_of_tests()
    for name, cells in table().items():
        for column, cell in cells.items():
            match = CELL.fullmatch(cell)
            assert match, (name, column, cell)
            assert match[1] is None or match[1] in known, (name, column, cell)


def test_tests_that_the_text_names_exist():
    text = "".join(line for line in PAGE.read_text().splitlines() if not line.startswith("|"))
    names = set(re.findall(r"\(`([a-z0-9_]+)`\)", text))
    assert names
    assert names <= names_of_tests()
