"""One run at a time in a folder of results; the kernel releases the lock when its process ends, however it ends."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows has no such locks.
    fcntl = None  # type: ignore[assignment]

FILE = ".lock"
OWNER = "GRAPHDISTILL_FED_OWNER"
"""Environment variable that names the process with the lock, for processes that it starts."""


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep others out of a folder of results while the block runs.

    Processes that the holder starts may enter; see :data:`OWNER`.

    Args:
        folder: of results; created if absent, and removed at the end if empty.

    Raises:
        ValueError: another process uses it.

    Example:
        >>> import tempfile
        >>> home = Path(tempfile.mkdtemp())
        >>> with locked(home / "run"):
        ...     (home / "run" / ".lock").read_text() == str(os.getpid())
        True
        >>> list(home.iterdir())
        []
    """
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / FILE
    file = _taken(path)
    if file is None:
        holder = path.read_text().strip() if path.is_file() else ""
        if not holder or holder != os.environ.get(OWNER):
            raise ValueError(
                f"--output {folder} is in use by process {holder or 'unknown'}; wait for it, end it, or choose another "
                "folder"
            )
        yield
        return
    before = os.environ.get(OWNER)
    try:
        os.ftruncate(file, 0)
        os.write(file, str(os.getpid()).encode())
        os.environ[OWNER] = str(os.getpid())
        yield
    finally:
        del os.environ[OWNER]
        if before is not None:
            os.environ[OWNER] = before
        path.unlink(missing_ok=True)
        os.close(file)
        for path in missing:
            with contextlib.suppress(OSError):
                path.rmdir()


def _taken(path: Path) -> int | None:
    """The open file, locked; ``None`` if another process has the lock."""
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if fcntl is not None:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            return None
        except OSError:
            # Some network file systems have no locks.
            return file
        # A process that has just ended may have removed the file between the two calls.
        with contextlib.suppress(FileNotFoundError):
            if os.fstat(file).st_ino == path.stat().st_ino:
                return file
        os.close(file)
