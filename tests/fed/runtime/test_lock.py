import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from fed import __main__ as command
from fed.runtime import lock
from fed.runtime.lock import locked
from graphdistill.core.command import cli

HOLDER = """
import sys, time
from pathlib import Path
from fed.runtime.lock import locked
with locked(Path(sys.argv[1])):
    print("locked", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    """A process that holds the lock of a folder."""
    words = [sys.executable, "-c", HOLDER, str(tmp_path / "out")]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "locked\n"
        yield process
        process.kill()


def test_another_process_is_named(holder, tmp_path):
    with pytest.raises(ValueError, match=rf"out is in use by process {holder.pid}; wait for it, end it, or"):
        locked(tmp_path / "out").__enter__()
    assert holder.poll() is None


@pytest.mark.parametrize("way", [["--in-process"], []])
def test_the_command_refuses_at_once(way, holder, tmp_path, capsys):
    words = ["--dataset", "digits", "--partition", "iid", *way, "--output", str(tmp_path / "out")]
    assert cli.run(command.main, command.Command, prog="fed", description="", argv=words) == 2
    assert f"out is in use by process {holder.pid}" in capsys.readouterr().err


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL")
def test_the_lock_of_a_process_that_was_killed_is_free(holder, tmp_path):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with locked(tmp_path / "out"):
        assert (tmp_path / "out" / lock.FILE).read_text() == str(os.getpid())


def test_what_the_holder_starts_may_come_in(tmp_path, monkeypatch):
    with locked(tmp_path):
        with locked(tmp_path):
            pass
        assert os.environ[lock.OWNER] == str(os.getpid())
        monkeypatch.setenv(lock.OWNER, "1")
        with pytest.raises(ValueError, match="in use"):
            locked(tmp_path).__enter__()
    assert not (tmp_path / lock.FILE).exists()


def test_a_file_that_went_in_between_is_not_a_lock(tmp_path, monkeypatch):
    flock = lock.fcntl.flock
    taken = []

    def unlinked(file, how):
        flock(file, how)
        if not taken:
            (tmp_path / lock.FILE).unlink()
        taken.append(file)

    monkeypatch.setattr(lock.fcntl, "flock", unlinked)
    with locked(tmp_path):
        assert len(taken) == 2
        assert os.fstat(taken[1]).st_ino == (tmp_path / lock.FILE).stat().st_ino


def test_where_there_are_no_locks_runs_go_on(tmp_path, monkeypatch):
    def none(file, how):
        raise OSError(95, "not supported")

    monkeypatch.setattr(lock.fcntl, "flock", none)
    with locked(tmp_path / "a" / "b"):
        assert Path(tmp_path / "a" / "b").is_dir()
    assert list(tmp_path.iterdir()) == []
