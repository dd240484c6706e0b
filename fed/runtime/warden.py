"""A process between a command and its children, which ends them all when the command is gone, however it ended.

Run as a script by :class:`fed.runtime.superlink.ProcessGroup` on Linux, with Python's standard library only. Its
standard input is a pipe that the command holds; the kernel closes it even where the command was killed. Orphans of all
started processes become children of this process, so none is missed.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

PARENT_DEATH_SIGNAL, CHILD_SUBREAPER = 1, 36
"""Options of prctl(2)."""
PATIENCE = 10.0
"""Seconds in which killed processes have to end."""


def descendants(pid: int) -> list[int]:
    """All descendants of a process.

    Example:
        >>> child = subprocess.Popen(["sleep", "60"])
        >>> child.pid in descendants(os.getpid())
        True
        >>> child.kill()
        >>> child.wait()
        -9
    """
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                # The name of a program may contain spaces and brackets; the fields after the last bracket do not.
                state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
                if state != "Z":
                    children.setdefault(int(parent), []).append(int(folder.name))
    found = list(children.get(pid, []))
    for one in found:
        found += children.get(one, [])
    return found


def kill_all() -> None:
    """Kill descendants of this process until none is left."""
    until = time.monotonic() + PATIENCE
    while (left := descendants(os.getpid())) and time.monotonic() < until:
        for pid in left:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)


def main(command: Sequence[str]) -> int:
    """Run a command until it or the pipe at standard input ends; return its exit code."""
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    prctl(CHILD_SUBREAPER, 1, 0, 0, 0)
    # The holder of the pipe signals each process of the group itself.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)

    def prepare() -> None:
        prctl(PARENT_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)

    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=prepare)

    def watch() -> None:
        while os.read(0, 4096):
            pass
        kill_all()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    while True:
        # Adopted orphans end here, too.
        pid, status = os.waitpid(-1, 0)
        if pid == child.pid:
            kill_all()
            return max(0, code) if (code := os.waitstatus_to_exitcode(status)) >= 0 else 128 - code


if __name__ == "__main__":
    os._exit(main(sys.argv[1:]))
