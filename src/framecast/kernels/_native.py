"""The functions of `_pointwise` compiled from ``_native.c``: one pass over memory each, on the CPU.

The library is compiled at first use where there is a C compiler, for the very processor, and kept in a folder of the
user's. Nothing here raises for want of it: what cannot be done in C (another type, device or layout, no compiler) is
done by the plain function.

The environment has a say: ``CC`` names the compiler, ``FRAMECAST_NATIVE=0`` switches all of it off, and
``XDG_CACHE_HOME`` says where the library is kept (``~/.cache`` otherwise).
"""

from __future__ import annotations

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
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from . import _pointwise

_SOURCE = Path(__file__).with_name("_native.c")
# Not -ffast-math: NaN and infinities are to come out as PyTorch has them.
_FLAGS = ["-O3", "-march=native", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast"]
_WIDEST = {"x86_64": ["-mprefer-vector-width=512"]}  # compilers stop at 256 bits by themselves; a tenth slower
_SHARED = ["-std=c11", "-shared", "-fPIC"]
_PATIENCE = 60  # seconds to wait for the compiler, which takes one or two
_DIGEST = 32  # bytes after the library in its file, by which a damaged one is known


class _Layout(NamedTuple):
    """What a step's tensor must be: of the data's type or of the state's, and of so many elements."""

    of_state: bool
    per_row: int  # times H
    fixed: int = 0  # times H


_H, _C = _Layout(False, 1), _Layout(True, 1)
_THREE, _FOUR = _Layout(False, 3), _Layout(False, 4)
_PEEPHOLE = _Layout(True, 0, 3)

# The steps in the order in which ``_native.c`` numbers them, and their tensors in the order of their arguments.
_STEPS = {
    "lstm": (_FOUR, _FOUR, _C, _PEEPHOLE, _H, _C),
    "lstm_state": (_FOUR, _C, _C),
    "lstm_backward": (_FOUR, _C, _C, _H, _H, _C, _PEEPHOLE, _FOUR, _H),
    "gru": (_THREE, _THREE, _H, _H, _H),
    "gru_backward": (_THREE, _H, _H, _H, _H, _C, _THREE, _THREE),
}
_NUMBERS = {step: number for number, step in enumerate(_STEPS)}
_TYPES = (torch.float32, torch.bfloat16)


class _Unavailable(Exception):
    """Why there is no compiled library."""


class _Library(NamedTuple):
    step: Callable[..., None]
    openmp: ctypes.Array[ctypes.c_void_p] | None


def available() -> bool:
    """Whether the compiled functions can be used; the first call compiles them."""
    return why_not() is None


def why_not() -> str | None:
    """Why the compiled functions cannot be used, or None if they can."""
    found = _library()
    return found if isinstance(found, str) else None


@functools.cache
def _library() -> _Library | str:
    """The compiled library, or why there is none."""
    try:
        return _load()
    except _Unavailable as error:
        return str(error)
    except Exception as error:  # a faster way is never worth a crash
        return f"{type(error).__name__}: {error}"


def _load() -> _Library:
    if os.environ.get("FRAMECAST_NATIVE") == "0":
        raise _Unavailable("switched off by FRAMECAST_NATIVE=0")
    if sys.platform != "linux":
        raise _Unavailable(f"compiled on Linux only, not on {sys.platform}")
    step = _open(_command()).framecast_step
    step.argtypes = [ctypes.c_int, ctypes.c_long, ctypes.c_long, ctypes.c_int, ctypes.c_int] + [ctypes.c_void_p] * 2
    step.restype = None
    return _Library(step, _openmp())


def _command() -> list[str]:
    """The compiler's command line, but for the name of what it writes."""
    named = shlex.split(os.environ.get("CC", ""))
    for first, *more in [named] if named else [["cc"], ["gcc"], ["clang"]]:
        if path := shutil.which(first):
            return [path, *more, *_FLAGS, *_WIDEST.get(platform.machine(), []), *_SHARED, str(_SOURCE)]
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
            return ctypes.CDLL(str(library))
        except OSError:  # no room, or a file system from which nothing is run
            pass
    with tempfile.TemporaryDirectory(prefix="framecast-") as temporary:
        return ctypes.CDLL(str(_compile(command, Path(temporary) / name)))


def _name(command: list[str]) -> str:
    """A file name that tells apart all that the compiled code depends on, for folders that several machines share."""
    asked = [*command, "--version"]
    version = subprocess.run(asked, stdin=subprocess.DEVNULL, capture_output=True, timeout=_PATIENCE).stdout
    processor = Path("/proc/cpuinfo").read_text().split("\n\n")[0].splitlines()
    abilities = [line for line in processor if line.startswith(("model name", "flags", "Features", "CPU part"))]
    key = sha256(_SOURCE.read_bytes() + version + repr((command, platform.machine(), abilities)).encode())
    return f"native-{key.hexdigest()[:20]}.so"


def _private_folder() -> Path | None:
    """The folder in which libraries are kept, closed to others; None if there is none to write to.

    What is loaded from it runs as the user, so nobody else may be able to write to it.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME", ""))
    try:
        folder = (cache if cache.is_absolute() else Path.home() / ".cache") / "framecast"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
            return None
        folder.chmod(0o700)
    except (OSError, RuntimeError):  # not to be written to, or no home
        return None
    return folder


def _is_sound(library: Path) -> bool:
    """Whether the file is the user's own and as it was written."""
    try:
        found, content = library.lstat(), library.read_bytes()
    except OSError:
        return False
    own = stat.S_ISREG(found.st_mode) and found.st_uid == os.getuid()
    return own and sha256(content[:-_DIGEST]).digest() == content[-_DIGEST:]


def _compile(command: list[str], library: Path) -> Path:
    command = [*command, "-o", str(library)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_PATIENCE)
    if done.returncode != 0 or not library.is_file():
        raise _Unavailable(f"compilation failed: {shlex.join(command)}: {done.stderr.strip()[:500]}")
    content = library.read_bytes()
    library.write_bytes(content + sha256(content).digest())
    return library


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


def _run(step: str, gates: Tensor, *others: Tensor | None) -> bool:
    """Run the compiled step, if there is one and the tensors suit it."""
    library, data = _library(), gates.dtype
    if isinstance(library, str) or data not in _TYPES:
        return False
    layouts = _STEPS[step]
    rows, hidden = gates.shape[0], gates.shape[1] // layouts[0].per_row
    pointers: list[int | None] = []
    for tensor, (of_state, per_row, fixed) in zip((gates, *others), layouts, strict=True):
        if tensor is None:
            pointers.append(None)
        elif (
            tensor.dtype is (torch.float32 if of_state else data)
            and tensor.numel() == (rows * per_row + fixed) * hidden
            and tensor.is_contiguous()
            and tensor.is_cpu
        ):
            pointers.append(tensor.data_ptr())
        else:
            return False
    threads = 1 if _is_forked else torch.get_num_threads()
    array = (ctypes.c_void_p * len(pointers))(*pointers)
    library.step(_NUMBERS[step], rows, hidden, data is torch.bfloat16, threads, library.openmp, array)
    return True


def lstm(
    gates: Tensor, added: Tensor | None, c_prev: Tensor | None, peephole: Tensor | None, h: Tensor, c: Tensor
) -> None:
    """As `_pointwise.lstm`."""
    if not _run("lstm", gates, added, c_prev, peephole, h, c):
        _pointwise.lstm(gates, added, c_prev, peephole, h, c)


def lstm_state(gates: Tensor, c_prev: Tensor | None, c: Tensor) -> None:
    """As `_pointwise.lstm_state`."""
    if not _run("lstm_state", gates, c_prev, c):
        _pointwise.lstm_state(gates, c_prev, c)


def lstm_backward(
    gates: Tensor,
    c_prev: Tensor | None,
    c: Tensor,
    grad_h: Tensor | None,
    added: Tensor | None,
    grad_c: Tensor,
    peephole: Tensor | None,
    grad_gates: Tensor,
    h: Tensor | None,
) -> None:
    """As `_pointwise.lstm_backward`."""
    if not _run("lstm_backward", gates, c_prev, c, grad_h, added, grad_c, peephole, grad_gates, h):
        _pointwise.lstm_backward(gates, c_prev, c, grad_h, added, grad_c, peephole, grad_gates, h)


def gru(gates: Tensor, recurrent: Tensor | None, h_prev: Tensor | None, h: Tensor, hidden_n: Tensor) -> None:
    """As `_pointwise.gru`."""
    if not _run("gru", gates, recurrent, h_prev, h, hidden_n):
        _pointwise.gru(gates, recurrent, h_prev, h, hidden_n)


def gru_backward(
    gates: Tensor,
    hidden_n: Tensor,
    h_prev: Tensor | None,
    grad_h: Tensor | None,
    added: Tensor | None,
    carried: Tensor,
    grad_gates: Tensor,
    grad_recurrent: Tensor,
) -> None:
    """As `_pointwise.gru_backward`."""
    if not _run("gru_backward", gates, hidden_n, h_prev, grad_h, added, carried, grad_gates, grad_recurrent):
        _pointwise.gru_backward(gates, hidden_n, h_prev, grad_h, added, carried, grad_gates, grad_recurrent)
