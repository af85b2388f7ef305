"""The cache of compiled programs helps, and never hurts."""

import os
import shutil
import subprocess
import sys
import time
import zlib

import jax
import pytest
from filelock import FileLock

from descend.train.engine import program_cache
from descend.train.engine.program_cache import INDEX, _check, _close, use_cache


def put(folder, name, size=200, content=None):
    content = zlib.compress(os.urandom(size)) if content is None else content
    (folder / f"{name}-cache").write_bytes(content)
    return content


def names(folder):
    return sorted(p.name.removesuffix("-cache") for p in folder.glob("*-cache"))


def test_what_is_entered_is_kept_and_all_else_removed(tmp_path):
    for name in "abcd":
        put(tmp_path, name)
    half = put(tmp_path, "half")[:-40]
    put(tmp_path, "half", content=half)
    put(tmp_path, "empty", content=b"")
    (tmp_path / "notes.txt").write_text("mine")
    _close(tmp_path)
    put(tmp_path, "killed")  # the process that wrote it never came to its end
    (tmp_path / "a-atime").write_bytes(bytes(8))
    os.rename(tmp_path / "a-cache", tmp_path / "x")  # a and b change places
    os.rename(tmp_path / "b-cache", tmp_path / "a-cache")
    os.rename(tmp_path / "x", tmp_path / "b-cache")
    put(tmp_path, "c", content=(tmp_path / "c-cache").read_bytes()[:-1] + b"!")
    _check(tmp_path)
    assert names(tmp_path) == ["d"]
    assert (tmp_path / "notes.txt").exists()
    assert not (tmp_path / "a-atime").exists()
    (tmp_path / INDEX).write_text("{half")
    _check(tmp_path)
    assert names(tmp_path) == []


def test_the_bound_removes_what_was_not_used_for_longest(tmp_path, monkeypatch):
    for i, name in enumerate("abcd"):
        put(tmp_path, name, 1000)
        os.utime(tmp_path / f"{name}-cache", (time.time() - 100 * (i % 3), 0))
    monkeypatch.setattr(program_cache, "CACHE_BYTES", 2500)
    _close(tmp_path)
    assert names(tmp_path) == ["a", "d"]
    _check(tmp_path)
    assert names(tmp_path) == ["a", "d"]


def test_a_process_that_stands_still_is_waited_for_half_a_second(tmp_path):
    put(tmp_path, "a")
    with FileLock(tmp_path / f"{INDEX}.lock"):
        began = time.perf_counter()
        _close(tmp_path)
        assert time.perf_counter() - began < 2
    assert not (tmp_path / INDEX).exists()


def test_ten_thousand_entries_are_looked_at_quickly(tmp_path):
    content = zlib.compress(b"program")
    for i in range(10_000):
        put(tmp_path, f"p{i}", content=content)
    _close(tmp_path)
    began = time.perf_counter()
    _check(tmp_path)
    assert time.perf_counter() - began < 1  # it takes .1 s; JAX's own bound took two
    assert len(names(tmp_path)) == 10_000


def test_where_none_can_be_had_there_is_none(tmp_path, monkeypatch):
    before = jax.config.values["jax_compilation_cache_dir"]
    (tmp_path / "file").write_text("")
    with pytest.warns(UserWarning, match="Not a directory"):
        use_cache(str(tmp_path / "file" / "cache"))
    with monkeypatch.context() as here:
        here.setattr(shutil, "disk_usage", lambda folder: shutil._ntuple_diskusage(9, 9, 0))
        with pytest.warns(UserWarning, match="is full"):
            use_cache(str(tmp_path))
    with monkeypatch.context() as here:
        here.setattr("platformdirs.user_cache_dir", lambda name: "~/.cache/descend")
        with pytest.warns(UserWarning, match="no home directory"):
            use_cache("")
    with monkeypatch.context() as here:
        here.setattr(os, "access", lambda *given: False)
        with pytest.warns(UserWarning, match="cannot be written"):
            use_cache(str(tmp_path))
    use_cache("off")
    assert jax.config.values["jax_compilation_cache_dir"] == before
    assert not list(tmp_path.glob("~*"))


PROGRAM = (
    "import time, jax, jax.numpy as jnp; "
    "from descend.train.engine.runtime import prepare; prepare();"
    "began = time.perf_counter(); print(float(jax.jit(lambda x: jnp.sin(x) * 2 + x)(1.0)));"
)


def test_damaged_entries_and_held_locks_are_not_seen_from_outside(tmp_path):
    def run():
        environment = {k: v for k, v in os.environ.items() if not k.startswith("JAX_")}
        environment["DESCEND_CACHE"] = str(tmp_path)
        return subprocess.run(
            [sys.executable, "-c", PROGRAM], capture_output=True, text=True, env=environment
        )

    first = run()
    assert first.stderr == ""
    whole = {p.name: p.read_bytes() for p in tmp_path.glob("*-cache")}
    assert whole
    for name, content in whole.items():
        (tmp_path / name).write_bytes(content[: len(content) // 2])
    with FileLock(tmp_path / ".lockfile"), FileLock(tmp_path / f"{INDEX}.lock"):
        began = time.perf_counter()
        second = run()
        assert time.perf_counter() - began < 60  # JAX waited for ten seconds a program, twice
    assert (second.stdout, second.stderr) == (first.stdout, "")
    third = run()
    assert (third.stdout, third.stderr) == (first.stdout, "")
    _check(tmp_path)
    assert set(whole) <= {p.name for p in tmp_path.glob("*-cache")}  # whole again, and entered
