"""One run at a time in a folder of results; the kernel lets go of the lock when its process ends, however it ends."""

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
"""Environment variable with the process that holds the lock for what it starts."""


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep others out of a folder of results while the block runs.

    What the holder starts may come in; see :data:`OWNER`.

    Args:
        folder: of results; made if it is absent, and removed in the end if it is empty then.

    Raises:
        ValueError: another process runs in it.

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
    """The open file, locked; nothing where another process has it."""
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
        # One who has just ended may have removed the file between the two calls.
        with contextlib.suppress(FileNotFoundError):
            if os.fstat(file).st_ino == path.stat().st_ino:
                return file
        os.close(file)
