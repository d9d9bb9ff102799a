"""The C sources of this package, compiled into one library and loaded.

The library is compiled at first use where there is a C compiler, for the very processor, and kept in a folder of the
user's. Nothing here raises for want of it: :func:`loaded` says why there is none, and callers do without.

The environment has a say: ``CC`` names the compiler, ``FRAMECAST_NATIVE=0`` switches all of it off,
``FRAMECAST_TILES=0`` the convolutions by the matrix unit, and ``XDG_CACHE_HOME`` says where the library is kept
(``~/.cache`` otherwise). ``FRAMECAST_TILES=emulate`` replaces the unit's instructions by plain C, which is slow: it is
for tests on processors with AVX-512 that have no unit.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import platform
import shlex
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import torch

_FOLDER = Path(__file__).parent
_SOURCES = sorted(_FOLDER.glob("*.c"))
_HEADERS = sorted(_FOLDER.glob("*.h"))
# Not -ffast-math: NaN and infinities are to come out as PyTorch has them.
_FLAGS = ["-std=gnu11", "-O3", "-march=native", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast", "-fPIC"]
_WIDEST = {"x86_64": ["-mprefer-vector-width=512"]}  # compilers stop at 256 bits by themselves; a tenth slower
_PATIENCE = 300  # seconds to wait for the compiler, which takes two or three where nothing else runs
_POINTER, _INT, _LONG = ctypes.c_void_p, ctypes.c_int, ctypes.c_long
# What each function gives and takes, as its source has it.
_FUNCTIONS: dict[str, tuple[Any, list[Any]]] = {
    "framecast_step_signature": (ctypes.c_char_p, [_INT]),
    "framecast_step": (None, [_INT, _LONG, _LONG, _INT, _INT, _POINTER, _POINTER]),
    "framecast_tiles": (_INT, []),
}
# These are there where `framecast_tiles` gives 1.
_TILES: dict[str, tuple[Any, list[Any]]] = {
    "framecast_tiles_packed": (_LONG, [_POINTER, _LONG]),
    "framecast_tiles_pack": (None, [*[_POINTER] * 3, _LONG, _POINTER, _INT, _POINTER]),
    "framecast_tiles_workspace": (_LONG, [_POINTER]),
    "framecast_tiles_convolve": (_INT, [*[_POINTER] * 6, _INT, _POINTER]),
    "framecast_tiles_lstm_workspace": (_LONG, [_POINTER] * 3),
    "framecast_tiles_lstm": (_INT, [*[_POINTER] * 8, _INT, _POINTER]),
    "framecast_tiles_lstm_backward": (_INT, [*[_POINTER] * 7, _INT, _POINTER]),
    "framecast_tiles_gradient_workspace": (_LONG, [_POINTER]),
    "framecast_tiles_gradient": (_INT, [*[_POINTER] * 5, _INT, _POINTER]),
}
_DAYS_UNUSED, _DAY = 30, 24 * 60 * 60  # after so many days (of as many seconds) a library is removed
_DIGEST = 32  # bytes after the library in its file, by which a damaged one is known


class _Unavailable(Exception):
    """Why there is no compiled library."""


class Library(NamedTuple):
    """What was compiled, and what its functions need to work on several threads (None for one)."""

    functions: ctypes.CDLL
    openmp: ctypes.Array[ctypes.c_void_p] | None
    tiles: bool  # whether the processor multiplies tiles


def why_not() -> str | None:
    """Why there is no compiled library, or None if there is one; the first call compiles it."""
    result = loaded()
    return result if isinstance(result, str) else None


def library() -> Library:
    """The loaded library; call only where :func:`why_not` gives None."""
    result = loaded()
    assert not isinstance(result, str)
    return result


def threads() -> int:
    """How many threads a compiled function may use."""
    return 1 if _is_forked else torch.get_num_threads()


@functools.cache
def loaded() -> Library | str:
    """The compiled library, or why there is none."""
    try:
        return _load()
    except _Unavailable as error:
        return str(error)
    except Exception as error:  # a faster way is never worth a crash
        return f"{type(error).__name__}: {error}"


def _load() -> Library:
    if _is_off("FRAMECAST_NATIVE"):
        raise _Unavailable(f"switched off by FRAMECAST_NATIVE={os.environ['FRAMECAST_NATIVE']}")
    if sys.platform != "linux":
        raise _Unavailable(f"compiled on Linux only, not on {sys.platform}")
    functions = _open(_command())
    _declare(functions, _FUNCTIONS)
    tiles = not _is_off("FRAMECAST_TILES") and functions.framecast_tiles() == 1
    if tiles:
        _declare(functions, _TILES)
    return Library(functions, _openmp(), tiles)


def _is_off(variable: str) -> bool:
    return os.environ.get(variable, "").lower() in ("0", "off", "no", "false")


def emulates_tiles() -> bool:
    """Whether the matrix unit is to be replaced by plain C."""
    return os.environ.get("FRAMECAST_TILES", "").lower() == "emulate"


def _declare(functions: ctypes.CDLL, signatures: dict[str, tuple[Any, list[Any]]]) -> None:
    for name, (result, arguments) in signatures.items():
        function = getattr(functions, name)
        function.restype, function.argtypes = result, arguments


def _command() -> list[str]:
    """The compiler's command line, but for the names of what it reads and writes."""
    named = shlex.split(os.environ.get("CC", ""))
    for first, *more in [named] if named else [["cc"], ["gcc"], ["clang"]]:
        if path := shutil.which(first):
            emulate = ["-DEMULATE_TILES"] if emulates_tiles() else []
            return [path, *more, *_FLAGS, *_WIDEST.get(platform.machine(), []), *emulate]
    where = f"`CC` is {shlex.join(named)!r}" if named else "cc, gcc, clang or $CC"
    raise _Unavailable(f"no C compiler found ({where})")


def _open(command: list[str]) -> ctypes.CDLL:
    """Load the library from the user's folder, compiled first if it is not there or damaged."""
    name = _name(command)
    if folder := _private_folder():
        library = folder / name
        try:
            if not _is_sound(library):
                # Put in place whole or not at all: another process may be doing the same.
                with tempfile.TemporaryDirectory(prefix="compiling-", dir=folder) as temporary:
                    os.replace(_compile(command, Path(temporary) / name), library)
                _remove_unused(folder)
            _mark_used(library)
            return ctypes.CDLL(str(library))
        except OSError:  # no room, or a file system from which nothing is run
            pass
    with tempfile.TemporaryDirectory(prefix="framecast-") as temporary:
        return ctypes.CDLL(str(_compile(command, Path(temporary) / name)))


def _mark_used(library: Path) -> None:
    """Set the library's time to now, if that is a day later than what it says."""
    if time.time() - library.stat().st_mtime > _DAY:
        os.utime(library)


def _remove_unused(folder: Path) -> None:
    """Remove libraries, of other versions or processors, that no process has loaded for long.

    A process that has one loaded keeps it: the system removes a file when the last to use it ends.
    """
    for library in folder.glob("native-*.so"):
        with contextlib.suppress(OSError):  # another process may be doing the same
            if time.time() - library.stat().st_mtime > _DAYS_UNUSED * _DAY:
                library.unlink()


def _name(command: list[str]) -> str:
    """A file name that tells apart all that the compiled code depends on, for folders that several machines share."""
    asked = [*command, "--version"]
    version = subprocess.run(asked, stdin=subprocess.DEVNULL, capture_output=True, timeout=_PATIENCE).stdout
    processor = Path("/proc/cpuinfo").read_text().split("\n\n")[0].splitlines()
    abilities = [line for line in processor if line.startswith(("model name", "flags", "Features", "CPU part"))]
    content = b"".join(path.read_bytes() for path in (*_SOURCES, *_HEADERS))
    key = sha256(content + version + repr((command, platform.machine(), abilities)).encode())
    return f"native-{'emulated-' if emulates_tiles() else ''}{key.hexdigest()[:20]}.so"


def _private_folder() -> Path | None:
    """The folder in which libraries are kept, closed to others; None if there is none to write to.

    What is loaded from it runs as the user, so nobody else may be able to write to it.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME", ""))
    try:
        folder = (cache if cache.is_absolute() else Path.home() / ".cache") / "framecast"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
            return None
        folder.chmod(0o700)
    except (OSError, RuntimeError):  # not to be written to, or no home
        return None
    return folder


def _is_sound(library: Path) -> bool:
    """Whether the file is the user's own and as it was written."""
    try:
        status, content = library.lstat(), library.read_bytes()
    except OSError:
        return False
    own = stat.S_ISREG(status.st_mode) and status.st_uid == os.getuid()
    return own and sha256(content[:-_DIGEST]).digest() == content[-_DIGEST:]


def _compile(command: list[str], library: Path) -> Path:
    objects = [library.with_name(f"{source.stem}.o") for source in _SOURCES]
    pairs = zip(_SOURCES, objects, strict=True)
    _run_at_once([[*command, "-c", str(source), "-o", str(compiled)] for source, compiled in pairs])
    _run_at_once([[*command, "-shared", *map(str, objects), "-o", str(library)]])
    if not library.is_file():
        raise _Unavailable(f"compilation failed: {shlex.join(command)}: nothing was written")
    content = library.read_bytes()
    library.write_bytes(content + sha256(content).digest())
    return library


def _run_at_once(commands: list[list[str]]) -> None:
    streams: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    processes = [subprocess.Popen(command, text=True, **streams) for command in commands]
    try:
        for process, command in zip(processes, commands, strict=True):
            _, errors = process.communicate(timeout=_PATIENCE)
            if process.returncode != 0:
                raise _Unavailable(f"compilation failed: {shlex.join(command)}: {errors.strip()[:500]}")
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def _openmp() -> ctypes.Array[ctypes.c_void_p] | None:
    """GOMP_parallel, omp_get_thread_num and omp_get_num_threads of PyTorch's own OpenMP, or None.

    Looked up through PyTorch's library, they are those of the OpenMP it was linked with, whatever that is called and
    whatever others are loaded. libgomp, libiomp5 and libomp have all three.
    """
    try:
        pytorch = ctypes.CDLL(str(Path(torch.__file__).parent / "lib" / "libtorch_cpu.so"))
        functions = (pytorch.GOMP_parallel, pytorch.omp_get_thread_num, pytorch.omp_get_num_threads)
    except (OSError, AttributeError):
        return None
    return (ctypes.c_void_p * 3)(*(ctypes.cast(function, ctypes.c_void_p).value for function in functions))


_is_forked = False


def _in_forked_child() -> None:
    global _is_forked
    _is_forked = True


# A fork leaves the pool's threads behind: a child that gave them work would wait for ever.
if sys.platform == "linux":
    os.register_at_fork(after_in_child=_in_forked_child)
