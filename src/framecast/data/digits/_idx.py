"""MNIST's IDX files: reading, and downloading with checksums."""

import gzip
import hashlib
import math
import os
import shutil
import struct
import urllib.request
import zlib
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError

import numpy as np

MNIST_URL = "https://ossci-datasets.s3.amazonaws.com/mnist/"
MNIST_MD5 = {
    "train-images-idx3-ubyte.gz": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
    "train-labels-idx1-ubyte.gz": "d53e105ee54ea40749a09fcbcd1e9432",
    "t10k-images-idx3-ubyte.gz": "9fb629c4189551a2d022fa330f9573f3",
    "t10k-labels-idx1-ubyte.gz": "ec29112dd5afa0611ce80d1b7f02629c",
}
_DTYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_GZIP_MAGIC = b"\x1f\x8b"
_TIMEOUT = 30.0  # seconds without a byte


def read_idx(path: str | Path) -> np.ndarray:
    """Read an IDX file, gzipped or not: MNIST's format.

    Two zero bytes, a type code, the number of axes, each axis's length as a big-endian 32-bit number, then the values.

    Args:
        path: the file.

    Returns:
        The values with the file's shape, in the machine's byte order.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file is not IDX, or is shorter or longer than its header says.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp(), "labels-idx1-ubyte")
        >>> _ = path.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 2, 1]))
        >>> read_idx(path)
        array([7, 2, 1], dtype=uint8)
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist: MNIST's files are fetched by `download_mnist(folder)`")
    content = _uncompressed(path)
    zeros, code, axes = struct.unpack(">HBB", content[:4].ljust(4, b"\xff"))
    if zeros or code not in _DTYPES:
        raise ValueError(f"{path} is not an IDX file: it starts with {content[:4].hex(' ') or 'nothing'}")
    start = 4 + 4 * axes
    if len(content) < start:
        raise ValueError(f"{path} is truncated: it ends within its header")
    shape = struct.unpack(f">{axes}I", content[4:start])
    dtype = np.dtype(_DTYPES[code])
    expected = start + math.prod(shape) * dtype.itemsize
    if len(content) != expected:
        problem = "is truncated" if len(content) < expected else "has trailing bytes"
        raise ValueError(f"{path} {problem}: {len(content)} bytes where its header, shape {shape}, asks for {expected}")
    return np.frombuffer(content, dtype, offset=start).reshape(shape).astype(dtype.newbyteorder("="))


def download_mnist(folder: str | Path, base_url: str = MNIST_URL) -> None:
    """Download MNIST's four files, each checked against its MD5 before it gets its name.

    A file that is there with the right checksum stays; a failed download leaves nothing behind.

    Args:
        folder: where the files go; created if need be.
        base_url: address of the folder that holds them.

    Raises:
        ValueError: if a file that is there, or one that was downloaded, has another checksum. No file is ever
            overwritten.
        OSError: if a download fails.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name, md5 in MNIST_MD5.items():
        path = folder / name
        if not path.exists():
            _download(f"{base_url.rstrip('/')}/{name}", path, md5)
        elif _md5(path) != md5:
            raise ValueError(f"{path} has MD5 {_md5(path)}, not MNIST's {md5}: move it away, or choose another folder")


def _download(url: str, path: Path, md5: str) -> None:
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT) as response, part.open("wb") as file:
            shutil.copyfileobj(response, file)
        if _md5(part) != md5:
            raise ValueError(f"{url} arrived with MD5 {_md5(part)} instead of {md5}: nothing was kept, try again")
        part.rename(path)
    except (OSError, HTTPException) as error:
        if isinstance(error, HTTPError):  # it holds the connection
            error.close()
        raise OSError(f"{url} could not be downloaded to {path.parent}: {error}; nothing was kept") from error
    finally:
        part.unlink(missing_ok=True)


def _md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()


def _uncompressed(path: Path) -> bytes:
    content = path.read_bytes()
    if not content.startswith(_GZIP_MAGIC):
        return content
    try:
        return gzip.decompress(content)
    except (EOFError, OSError, zlib.error) as error:
        raise ValueError(f"{path} is truncated or damaged: {error}") from error
