"""Files that nobody else may read, and names that stay inside their folder."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import stat
from pathlib import Path

SECRET_BYTES = 32
"""Of a secret that is drawn here."""
LEAST_BYTES, MOST_BYTES = 16, 64
"""Of one that somebody else may have written; what a keyed hash takes at the most."""
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


def checked_name(name: str, what: str) -> str:
    r"""A name that may become a part of a path: letters, digits, ``_`` and ``-``, at most 64.

    Args:
        name: from whoever it comes.
        what: it names, for the error.

    Raises:
        ValueError: it could lead elsewhere.

    Example:
        >>> checked_name("3f2a", "run")
        '3f2a'
        >>> checked_name("../other", "run")
        Traceback (most recent call last):
        ValueError: the run's name is '../other'; give 1 to 64 letters, digits, _ or -, the first no sign
    """
    if not isinstance(name, str) or not NAME.fullmatch(name):
        shown = repr(name) if len(repr(name)) <= 40 else repr(name)[:39] + "…"
        raise ValueError(f"the {what}'s name is {shown}; give 1 to 64 letters, digits, _ or -, the first no sign")
    return name


def private_folder(folder: Path) -> Path:
    """Make a folder, and those above it that are absent, for this user alone; return it.

    One that is there is closed to others, too; those above it stay as they are.

    Raises:
        OSError: it cannot be made or closed.
    """
    for path in reversed([path for path in folder.parents if not path.exists()]):
        path.mkdir(mode=0o700, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_mode & 0o077:
        folder.chmod(0o700)
    return folder


def secret_file(path: Path) -> bytes:
    """The secret in a file; where there is none, 32 bytes are drawn and appear there whole or not at all.

    Args:
        path: the file; its folder is made if it is absent.

    Raises:
        ValueError: others may read the file, or it has fewer than 16 or more than 64 bytes.
        OSError: it cannot be read or written.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "own.secret"
        >>> secret_file(path) == secret_file(path) == path.read_bytes()
        True
    """
    if not os.path.lexists(path):
        _draw(path)
    # What is checked is the file that is read, so it is opened first, and no link is followed.
    file = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
    try:
        found = os.fstat(file)
        if os.name == "posix" and found.st_mode & 0o077:
            raise ValueError(
                f"{path} may be read by others (mode {stat.S_IMODE(found.st_mode):o}); if none has, chmod 600 it, else "
                "remove it, and a new one is drawn"
            )
        if not stat.S_ISREG(found.st_mode) or not LEAST_BYTES <= found.st_size <= MOST_BYTES:
            raise ValueError(
                f"{path} has {found.st_size} bytes, wanted {LEAST_BYTES} to {MOST_BYTES} of a secret; remove it, and a "
                "new one is drawn"
            )
        return os.read(file, MOST_BYTES)
    finally:
        os.close(file)


def _draw(path: Path) -> None:
    """Write a new secret, unless somebody else is the first."""
    if not path.parent.exists():
        private_folder(path.parent)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")
    file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(file, "wb") as stream:
            stream.write(secrets.token_bytes(SECRET_BYTES))
            stream.flush()
            os.fsync(stream.fileno())
        # A link, unlike a rename, fails where there is a file already.
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink(missing_ok=True)
