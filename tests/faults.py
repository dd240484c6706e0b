"""Faults of a machine, for tests of what they leave behind."""

import os
import signal
import sys
from functools import partialmethod
from pathlib import Path

import torch


def fail_at(name, monkeypatch):
    """Let writing the file ``name`` fail after half of it is on disk."""

    def half(path, method, content, *args, **kwargs):
        if path.name != name:
            return method(path, content, *args, **kwargs)
        method(path, content[: len(content) // 2], *args, **kwargs)
        raise OSError("no space left on device")

    for method in ("write_bytes", "write_text"):
        monkeypatch.setattr(Path, method, partialmethod(half, getattr(Path, method)))


WATCHED = {"open", "os.rename", "os.mkdir", "os.rmdir", "os.remove", "shutil.rmtree"}


def killed_at(number, work):
    """Whether ``work``, in a process of its own, was killed before it touched a file for the ``number``-th time."""
    child = os.fork()
    if child == 0:
        seen = [0]

        def hook(event, args):
            if event in WATCHED:
                seen[0] += 1
                if seen[0] == number:
                    os.kill(os.getpid(), signal.SIGKILL)

        # The threads of the parent's pool did not come along, and work that is split among them would never end.
        torch.set_num_threads(1)
        sys.addaudithook(hook)
        work()
        os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])
