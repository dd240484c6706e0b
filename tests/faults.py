"""Faults of a machine, for tests of what they leave behind."""

from functools import partialmethod
from pathlib import Path


def fail_at(name, monkeypatch):
    """Let writing the file ``name`` fail after half of it is on disk."""

    def half(path, method, content, *args, **kwargs):
        if path.name != name:
            return method(path, content, *args, **kwargs)
        method(path, content[: len(content) // 2], *args, **kwargs)
        raise OSError("no space left on device")

    for method in ("write_bytes", "write_text"):
        monkeypatch.setattr(Path, method, partialmethod(half, getattr(Path, method)))
