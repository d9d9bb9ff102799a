"""Mutated files of every format raise our own errors alone; `python tools/fuzz_readers.py` reads many more."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from framecast.data import open_frames
from framecast.data.reading import FORMATS
from framecast.data.reading._numpy import NumpyFile

COUNT = 40


def load_tool():
    path = Path(__file__).parents[3] / "tools" / "fuzz_readers.py"
    spec = importlib.util.spec_from_file_location("fuzz_readers", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


tool = load_tool()


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return tool.seeds(tmp_path_factory.mktemp("seeds"))


def test_every_format_is_fuzzed(files):
    assert set(files) == {format.name for format in FORMATS}


def test_whole_files_are_read(files):
    assert {path.name: tool.read(path) for paths in files.values() for path in paths} == {
        path.name: "read" for paths in files.values() for path in paths
    }


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", [format.name for format in FORMATS])
def test_mutated_files_raise_our_own_errors_alone(files, name):
    with tool.limits():
        results = tool.fuzz(name, files[name], COUNT)
    assert results.total() == COUNT
    assert set(results) <= {"read", "refused"}


def test_a_reader_at_fault_is_seen(files, monkeypatch):
    def broken(path):
        raise RuntimeError("a library's own error")

    monkeypatch.setattr(tool, "open_frames", broken)
    assert set(tool.fuzz("GIF", files["GIF"], 3)) == {"fault: RuntimeError: a library's own error"}


ERRORS = [RuntimeError("own"), MemoryError("53 GiB"), StopIteration(), UnicodeDecodeError("utf-8", b"x", 0, 1, "r")]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_errors_of_libraries_become_ours(tmp_path, error):
    np.save(tmp_path / "a.npy", np.zeros((3, 4, 4)))

    class Broken(NumpyFile):
        def read(self, start=0, stop=None):
            raise error

    with open_frames(tmp_path / "a.npy") as file:
        file.__class__ = Broken
        with pytest.raises(ValueError, match=r"a\.npy is not a readable file of frames"):
            file.read()
