"""The top of a run says which ways through the kernels it goes."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.support import processor

from framecast.kernels.cpu import _library

pytest_plugins = "pytester"
CONFTEST = Path(__file__).parents[2] / "conftest.py"


def test_the_top_of_a_run(pytester, monkeypatch):
    monkeypatch.delenv("FRAMECAST_KERNEL", raising=False)
    pytester.makeconftest(CONFTEST.read_text())
    lines = [
        "processor: *AVX2*AVX-512*AMX*",
        "compiled code: *",
        "matrix unit: *",
        "layers: kernel reference, * thread*",
    ]
    pytester.runpytest("--kernel", "reference").stdout.fnmatch_lines(lines)


@pytest.mark.parametrize(
    ("library", "setting", "words"),
    [
        (SimpleNamespace(tiles=True), "", "real"),
        (SimpleNamespace(tiles=True), "emulate", "emulated"),
        (SimpleNamespace(tiles=False), "0", "off (FRAMECAST_TILES=0)"),
        (SimpleNamespace(tiles=False), "", "off (the processor or the system has none)"),
        ("switched off by FRAMECAST_NATIVE=0", "", "off (no compiled code)"),
    ],
    ids=["real", "emulated", "switched off", "none", "no compiled code"],
)
def test_the_matrix_unit(library, setting, words, monkeypatch):
    monkeypatch.setattr(_library, "loaded", lambda: library)
    monkeypatch.setenv("FRAMECAST_TILES", setting)
    assert processor.tiles() == words
    expected = f"no ({library})" if isinstance(library, str) else "yes"
    assert processor.compiled() == expected
