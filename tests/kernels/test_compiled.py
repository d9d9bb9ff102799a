"""The library of compiled functions: when it is compiled, where it is kept, and what is done without it."""

import ctypes
import os
import shutil
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from framecast import kernels, nn
from framecast.kernels.cpu import _library as _compiled
from framecast.kernels.cpu._steps import compiled_steps
from framecast.kernels.sequence._lstm import LSTM

needs_compiler = pytest.mark.skipif(
    sys.platform != "linux" or not any(shutil.which(name) for name in ("cc", "gcc", "clang")), reason="no C compiler"
)


def cpu_has(ability):
    cpuinfo = Path("/proc/cpuinfo")
    return cpuinfo.is_file() and f" {ability} " in cpuinfo.read_text().replace("\n", " \n")


@pytest.fixture
def fresh(monkeypatch, tmp_path):
    """The module as at its first use, with a cache folder of its own; what it compiles need not be fast."""
    flags = [flag for flag in _compiled._FLAGS if flag != "-O3"]
    monkeypatch.setattr(_compiled, "_FLAGS", flags)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("FRAMECAST_NATIVE", raising=False)
    monkeypatch.delenv("FRAMECAST_TILES", raising=False)
    _compiled.loaded.cache_clear()
    yield tmp_path / "framecast"
    _compiled.loaded.cache_clear()


def compiled(folder):
    (library,) = folder.iterdir()
    return library


def check_lstm():
    gates, h, c = torch.zeros(7, 40), torch.empty(7, 10), torch.empty(7, 10)
    compiled_steps(LSTM, gates, None, torch.full((7, 10), 2.0), None, h, c)
    assert torch.equal(c, torch.ones(7, 10))
    torch.testing.assert_close(h, torch.ones(7, 10).tanh() / 2)


@pytest.mark.parametrize(
    ("variable", "value", "reason"),
    [
        ("FRAMECAST_NATIVE", "0", "switched off by FRAMECAST_NATIVE=0"),
        ("FRAMECAST_NATIVE", "Off", "switched off by FRAMECAST_NATIVE=Off"),
        ("CC", "/nonexistent/cc --fast", "no C compiler found (`CC` is '/nonexistent/cc --fast')"),
        ("CC", "false", "compilation failed: "),
        ("CC", "true", "compilation failed: "),
        ("CC", "'", "ValueError: No closing quotation"),
        ("PATH", "", "no C compiler found (cc, gcc, clang or $CC)"),
    ],
)
@pytest.mark.skipif(sys.platform != "linux", reason="compiled on Linux only")
def test_without_a_compiler_the_plain_functions_are_used(fresh, monkeypatch, variable, value, reason):
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setenv(variable, value)
    assert _compiled.why_not().startswith(reason)
    check_lstm()


def test_other_systems_are_refused(fresh, monkeypatch):
    monkeypatch.setattr(sys, "platform", "win32")
    assert _compiled.why_not() == "compiled on Linux only, not on win32"
    check_lstm()


@needs_compiler
def test_the_matrix_unit_can_be_switched_off(fresh, monkeypatch):
    monkeypatch.setenv("FRAMECAST_TILES", "0")
    assert not _compiled.loaded().tiles
    check_lstm()


@needs_compiler
@pytest.mark.skipif(not cpu_has("avx512_bf16"), reason="no AVX-512 for bfloat16")
def test_the_matrix_unit_can_be_emulated(fresh, monkeypatch):
    monkeypatch.setenv("FRAMECAST_TILES", "emulate")
    library = _compiled.loaded()
    assert library.tiles
    assert b"syscall" not in compiled(fresh).read_bytes(), "nobody needs the system's leave to use plain C"
    emulated = compiled(fresh).name
    assert emulated.startswith("native-emulated-")
    assert "matrix unit (emulated)" in str(kernels.explain(nn.ConvLSTM2d(2, 3), torch.randn(2, 1, 2, 4, 4)))
    monkeypatch.delenv("FRAMECAST_TILES")
    assert _compiled._name(_compiled._command()) not in (emulated, emulated.replace("emulated-", ""))


@needs_compiler
def test_the_library_is_kept_in_a_folder_closed_to_others(fresh, monkeypatch):
    fresh.mkdir(mode=0o755)
    assert _compiled.why_not() is None
    assert stat.S_IMODE(fresh.stat().st_mode) == 0o700
    check_lstm()
    _compiled.loaded.cache_clear()
    monkeypatch.setattr(_compiled, "_compile", None)
    assert _compiled.why_not() is None


@needs_compiler
@pytest.mark.parametrize(
    "damage",
    [lambda content: content[:5000], lambda content: b"x" + content[1:], lambda _: b""],
    ids=["cut short", "one byte", "empty"],
)
def test_a_damaged_library_is_compiled_anew(fresh, damage):
    assert _compiled.why_not() is None
    library = compiled(fresh)
    sound = library.read_bytes()
    library.unlink()
    library.write_bytes(damage(sound))
    _compiled.loaded.cache_clear()
    assert _compiled.why_not() is None
    assert len(compiled(fresh).read_bytes()) == len(sound)
    check_lstm()


@needs_compiler
def test_libraries_that_nobody_has_loaded_for_a_month_are_removed(fresh):
    fresh.mkdir(mode=0o700)
    month = 30 * 24 * 60 * 60
    ages = {"native-old.so": month + 60, "native-emulated-old.so": month + 60, "native-recent.so": month - 60}
    for name, age in (ages | {"something-else": month + 60}).items():
        (fresh / name).write_bytes(b"")
        os.utime(fresh / name, times=(time.time() - age, time.time() - age))
    assert _compiled.why_not() is None
    names = {path.name for path in fresh.iterdir()}
    assert names == {"native-recent.so", "something-else", _compiled._name(_compiled._command())}


@needs_compiler
def test_a_library_that_is_loaded_counts_as_used(fresh):
    assert _compiled.why_not() is None
    library = compiled(fresh)
    os.utime(library, times=(0, 0))
    _compiled.loaded.cache_clear()
    assert _compiled.why_not() is None
    assert time.time() - library.stat().st_mtime < 60


@needs_compiler
def test_the_library_appears_only_when_it_is_whole(fresh, monkeypatch):
    seen, compiler = [], _compiled._compile

    def compile_and_look(command, library):
        whole = compiler(command, library)
        seen.extend(path.suffix for path in fresh.iterdir())
        return whole

    monkeypatch.setattr(_compiled, "_compile", compile_and_look)
    assert _compiled.why_not() is None
    assert seen == [""]
    assert compiled(fresh).suffix == ".so"


def is_of_another_user(folder, monkeypatch):
    folder.mkdir()
    other = folder.stat().st_uid + 1
    monkeypatch.setattr(os, "getuid", lambda: other)


def is_a_link(folder, monkeypatch):
    (folder.parent / "elsewhere").mkdir()
    folder.symlink_to(folder.parent / "elsewhere")


def is_a_file(folder, monkeypatch):
    folder.write_text("")


def refuses_to_run_files(folder, monkeypatch):
    load = ctypes.CDLL

    def refuse(name):
        if Path(name).parent == folder:
            raise OSError("failed to map segment from shared object")
        return load(name)

    monkeypatch.setattr(ctypes, "CDLL", refuse)


@needs_compiler
@pytest.mark.parametrize("spoil", [is_of_another_user, is_a_link, is_a_file, refuses_to_run_files])
def test_without_a_folder_of_its_own_the_library_is_a_temporary_file(fresh, monkeypatch, spoil):
    spoil(fresh, monkeypatch)
    assert _compiled.why_not() is None
    check_lstm()
    if spoil is not refuses_to_run_files:
        assert not [path for path in fresh.parent.rglob("*") if path.suffix == ".so"]


@needs_compiler
def test_another_source_header_or_option_is_another_library(tmp_path, monkeypatch):
    names = [_compiled._name(_compiled._command())]
    monkeypatch.setattr(_compiled, "_FLAGS", [*_compiled._FLAGS, "-g0"])
    names.append(_compiled._name(_compiled._command()))
    source = tmp_path / "other.c"
    for kind, texts in (("_SOURCES", ("int one;", "int other;")), ("_HEADERS", ("int one;", "int other;"))):
        monkeypatch.setattr(_compiled, kind, [source])
        for text in texts:
            source.write_text(text)
            names.append(_compiled._name(_compiled._command()))
    assert len(set(names)) == 6


COMPILE_AND_RUN = """
import torch
from framecast.kernels.cpu import _library as _compiled
from framecast.kernels.cpu._steps import compiled_steps
from framecast.kernels.sequence._lstm import LSTM
assert _compiled.why_not() is None, _compiled.why_not()
gates, h, c = torch.zeros(3, 40), torch.empty(3, 10), torch.empty(3, 10)
compiled_steps(LSTM, gates, None, torch.full((3, 10), 2.0), None, h, c)
assert torch.equal(c, torch.ones(3, 10))
"""


@needs_compiler
def test_processes_that_compile_at_once_do_not_collide(tmp_path):
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", COMPILE_AND_RUN],
            env={**os.environ, "XDG_CACHE_HOME": str(tmp_path)},
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for process in processes:
        _, errors = process.communicate(timeout=6000)
        assert process.returncode == 0, errors
    assert compiled(tmp_path / "framecast").suffix == ".so"
