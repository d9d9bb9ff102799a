import gzip
import hashlib
import struct
import threading
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from framecast.data import download_mnist, read_idx
from framecast.data.digits import _idx


def idx_bytes(values: np.ndarray, code: int) -> bytes:
    header = bytes([0, 0, code, values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape)
    return header + values.astype(values.dtype.newbyteorder(">")).tobytes()


@pytest.mark.parametrize(
    ("dtype", "code"), [("u1", 0x08), ("i1", 0x09), ("i2", 0x0B), ("i4", 0x0C), ("f4", 0x0D), ("f8", 0x0E)]
)
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_values_shape_and_native_byte_order(tmp_path, dtype, code, pack):
    values = np.arange(2 * 3 * 5).reshape(2, 3, 5).astype(dtype)
    path = tmp_path / "file"
    path.write_bytes(pack(idx_bytes(values, code)))
    read = read_idx(path)
    np.testing.assert_array_equal(read, values)
    assert read.dtype == np.dtype(dtype)
    assert read.dtype.isnative


CONTENT = idx_bytes(np.arange(12, dtype=np.uint8).reshape(3, 4), 0x08)


COMPRESSED = gzip.compress(CONTENT, mtime=0)
DAMAGED = {
    "empty": (b"", "not an IDX file: it starts with nothing"),
    "two bytes": (b"\x00\x00", "not an IDX file"),
    "a PNG": (b"\x89PNG\r\n", "not an IDX file: it starts with 89 50 4e 47"),
    "unknown type": (b"\x00\x00\x0a" + CONTENT[3:], "not an IDX file: it starts with 00 00 0a 02"),
    "cut in the header": (CONTENT[:9], "truncated: it ends within its header"),
    "cut in the values": (CONTENT[:-1], r"truncated: 23 bytes where its header, shape \(3, 4\), asks for 24"),
    "too long": (CONTENT + b"\x00", "trailing bytes: 25 bytes"),
    "cut gzip": (COMPRESSED[:-9], "truncated or damaged"),
    "damaged gzip": (COMPRESSED[:-5] + b"xxxxx", "truncated or damaged"),
}


@pytest.mark.parametrize(("content", "message"), DAMAGED.values(), ids=DAMAGED)
def test_damaged_files(tmp_path, content, message):
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message) as error:
        read_idx(path)
    assert str(path) in str(error.value)


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"absent does not exist: .*download_mnist"):
        read_idx(tmp_path / "absent")


class Handler(BaseHTTPRequestHandler):
    def __init__(self, files, requests, *args):
        self.files, self.requests = files, requests
        super().__init__(*args)

    def do_GET(self):
        name = self.path.rsplit("/", 1)[-1]
        self.requests.append(name)
        status, content, length = self.files.get(name, (404, b"", 0))
        self.send_response(status)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args):
        pass


@pytest.fixture
def mirror(monkeypatch):
    """A server on this machine, its four files by name as (status, content, announced length), and its requests."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    contents = {name: f"content of {name}".encode() for name in _idx.MNIST_MD5}
    monkeypatch.setattr(_idx, "MNIST_MD5", {name: hashlib.md5(c).hexdigest() for name, c in contents.items()})
    files, requests = {name: (200, c, len(c)) for name, c in contents.items()}, []
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, files, requests))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/mnist", files, requests
    server.shutdown()
    thread.join()
    server.server_close()


def test_download_fetches_what_is_missing(tmp_path, mirror):
    url, files, requests = mirror
    names = list(files)
    (tmp_path / names[0]).write_bytes(files[names[0]][1])
    download_mnist(tmp_path, url)
    assert requests == names[1:]
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {n: files[n][1] for n in names}
    download_mnist(tmp_path, url + "/")
    assert requests == names[1:]


def test_download_never_overwrites(tmp_path, mirror):
    url, files, requests = mirror
    other = tmp_path / next(iter(files))
    other.write_bytes(b"something else")
    with pytest.raises(ValueError, match="move it away") as error:
        download_mnist(tmp_path, url)
    assert str(other) in str(error.value)
    assert other.read_bytes() == b"something else"
    assert not requests


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        ((200, b"wrong content", 13), ValueError, "arrived with MD5"),
        ((200, b"cont", 400), (ValueError, OSError), "arrived with MD5|could not be downloaded"),
        ((404, b"", 0), OSError, "could not be downloaded.*404"),
    ],
    ids=["other content", "cut short", "not found"],
)
def test_failed_download_leaves_nothing(tmp_path, mirror, answer, error, message):
    url, files, _ = mirror
    name = next(iter(files))
    files[name] = answer
    with pytest.raises(error, match=message) as raised:
        download_mnist(tmp_path / "new", url)
    assert name in str(raised.value)
    assert list((tmp_path / "new").iterdir()) == []


def test_unreachable_server(tmp_path, mirror):
    with pytest.raises(OSError, match="could not be downloaded"):
        download_mnist(tmp_path, "http://127.0.0.1:9/")


def test_checksums_are_those_of_mnist(shared_data):
    download_mnist(shared_data / "mnist", "http://127.0.0.1:9/")  # every file is there: nothing is fetched
