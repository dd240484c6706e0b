"""Files as somebody might write them who wishes a reader ill, and how long and how large a refusal may be."""

import contextlib
import hashlib
import json
import time
from pathlib import Path

import psutil
import pytest


def header_of(path):
    """The header of a safetensors file, and the bytes after it."""
    data = path.read_bytes()
    end = 8 + int.from_bytes(data[:8], "little")
    return json.loads(data[8:end]), data[end:]


def write_file(path, header, body=b""):
    """A safetensors file with any header at all."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + body)


def edit_header(path, change):
    """Let ``change`` do to the header what it likes."""
    header, body = header_of(path)
    write_file(path, change(header) or header, body)


def grow(path, size):
    """Make a file as large as ``size`` says without taking room on the disk."""
    with path.open("r+b") as file:
        file.truncate(size)


def edit_card(folder, **facts):
    """Write other facts into the card of a folder."""
    card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    (folder / "card.json").write_text(json.dumps(card | facts), encoding="utf-8")


def reseal(folder, name="set.safetensors", key="sha256", **facts):
    """Make the card name the file as it is now, so that what stands behind the digest is reached."""
    edit_card(folder, **{key: hashlib.sha256((folder / name).read_bytes()).hexdigest()}, **facts)


@contextlib.contextmanager
def refused(match, *, seconds=0.5, memory=100e6):
    """A clear refusal in one line, in little time and memory."""
    process = psutil.Process()
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    before, begin = process.memory_info().rss, time.process_time()
    with pytest.raises(ValueError, match=match) as caught:
        yield
    assert time.process_time() - begin < seconds
    with contextlib.suppress(OSError):
        status = Path("/proc/self/status").read_text()
        peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) * 1024
        assert peak - before < memory
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600
