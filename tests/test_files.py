"""Writing files: whole or not at all, through links, with their mode, never over a device."""

import os
import signal
import stat
import subprocess
import sys
import threading
import time

import pytest

from descend import Dense, Input, Sequential
from descend.errors import DescendError
from descend.files import writable, write_atomically


def test_a_link_stays_and_what_it_points_to_is_written(tmp_path):
    (tmp_path / "far").mkdir()
    target, link = tmp_path / "far" / "t.csv", tmp_path / "l.csv"
    target.write_bytes(b"old")
    link.symlink_to(target)
    write_atomically(link, b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"
    (tmp_path / "new").symlink_to("far/made.csv")  # to nothing yet
    write_atomically(tmp_path / "new", b"made")
    assert (tmp_path / "far" / "made.csv").read_bytes() == b"made"
    assert sorted(os.listdir(tmp_path / "far")) == ["made.csv", "t.csv"]


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o666])
def test_a_file_keeps_its_mode(tmp_path, mode):
    path = tmp_path / "m.descend"
    path.write_bytes(b"old")
    path.chmod(mode)
    write_atomically(path, b"new")
    assert stat.S_IMODE(path.stat().st_mode) == mode


def test_a_new_file_has_the_mode_of_new_files(tmp_path):
    before = os.umask(0o027)
    try:
        write_atomically(tmp_path / "a", b"")
        (tmp_path / "b").write_bytes(b"")
    finally:
        os.umask(before)
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode


def test_what_is_read_only_stays(tmp_path):
    path = tmp_path / "m.descend"
    path.write_bytes(b"old")
    path.chmod(0o444)
    with pytest.raises(DescendError, match="it is read-only"):
        writable(path)
    with pytest.raises(DescendError, match="it is read-only"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"


def test_devices_and_pipes(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    received = []
    reader = threading.Thread(target=lambda: received.append(pipe.read_bytes()))
    reader.start()
    write_atomically(pipe, b"a,b\n1,2\n")
    reader.join(10)
    assert received == [b"a,b\n1,2\n"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    write_atomically(os.devnull, b"gone")
    assert stat.S_ISCHR(os.stat(os.devnull).st_mode)
    if os.path.exists("/dev/full"):
        with pytest.raises(DescendError, match="No space left"):
            write_atomically("/dev/full", b"x")
        assert stat.S_ISCHR(os.stat("/dev/full").st_mode)
    model = Sequential([Input((1,)), Dense(1)])
    for path in (pipe, "/dev/tty", "-"):
        with pytest.raises(DescendError, match=r"cannot write"):
            model.save(path)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert not os.path.exists("-")


HELD = (
    "import sys, time; from descend import files; from pathlib import Path\n"
    "with files._temporary(Path(sys.argv[1])) as (name, file):\n"
    "    file.write(b'half'); file.flush(); print(name, flush=True); time.sleep(100)"
)


def test_what_a_killed_process_left_is_removed_and_no_living_one_is_hindered(tmp_path):
    path, other = tmp_path / "m.descend", tmp_path / "n.descend"
    held = [
        subprocess.Popen([sys.executable, "-c", HELD, str(p)], stdout=subprocess.PIPE, text=True)
        for p in (path, path, other)
    ]
    try:
        temporary = [p.stdout.readline().strip() for p in held]
        held[0].send_signal(signal.SIGKILL)
        held[2].send_signal(signal.SIGKILL)
        held[0].wait()
        held[2].wait()
        assert all(map(os.path.exists, temporary))
        write_atomically(path, b"whole")
        # the living one's stays; that of another name waits for a write to that name
        assert [os.path.exists(t) for t in temporary] == [False, True, True]
        write_atomically(other, b"whole")
        assert [os.path.exists(t) for t in temporary] == [False, True, False]
    finally:
        for process in held:
            process.kill()
            process.communicate()
    assert path.read_bytes() == b"whole"


def test_many_writers_of_one_name(tmp_path):
    path, wrong = tmp_path / "a", []

    def write(content):
        try:
            for _ in range(20):
                write_atomically(path, content)
        except Exception as error:
            wrong.append(error)

    threads = [threading.Thread(target=write, args=(bytes([65 + i]) * 999,)) for i in range(6)]
    for thread in threads:
        thread.start()
    end = time.monotonic() + 20
    while any(t.is_alive() for t in threads) and time.monotonic() < end:
        if path.exists():
            content = path.read_bytes()
            assert len(set(content)) == 1
            assert len(content) == 999
    for thread in threads:
        thread.join()
    assert not wrong
    assert os.listdir(tmp_path) == ["a"]


def test_a_long_name(tmp_path):
    path = tmp_path / ("ä" * 120 + ".csv")  # 244 bytes of the 255 that there may be
    write_atomically(path, b"x")
    assert path.read_bytes() == b"x"
