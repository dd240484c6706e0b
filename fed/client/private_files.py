"""Files that nobody else may read, and names that stay inside their folder."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import stat
from pathlib import Path

SECRET_BYTES = 32
"""Length of a new secret."""
LEAST_BYTES, MOST_BYTES = 16, 64
"""Lengths of a valid secret; a keyed hash takes no more."""
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


def checked_name(name: str, what: str) -> str:
    r"""A name that may become a part of a path: letters, digits, ``_`` and ``-``, at most 64.

    Args:
        name: from any source.
        what: the name's object, for the error.

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
    """Create a folder and its missing parents for this user alone, and return it.

    An existing folder is closed to others, too; its parents stay as they are.

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
    """The secret in a file; if it is absent, 32 random bytes are written, whole or not at all.

    Args:
        path: the file; its folder is created if absent.

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
        _create(path)
    # The file is opened before the checks, so that they are of the file that is read; links are not followed.
    file = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
    try:
        found = os.fstat(file)
        if os.name == "posix" and found.st_mode & 0o077:
            raise ValueError(
                f"{path} may be read by others (mode {stat.S_IMODE(found.st_mode):o}); if nobody did, "
                "chmod 600 it, else remove it for a new one"
            )
        if not stat.S_ISREG(found.st_mode) or not LEAST_BYTES <= found.st_size <= MOST_BYTES:
            raise ValueError(
                f"{path} has {found.st_size} bytes, wanted {LEAST_BYTES} to {MOST_BYTES} of a secret; remove it "
                "for a new one"
            )
        return os.read(file, MOST_BYTES)
    finally:
        os.close(file)


def _create(path: Path) -> None:
    """Write a new secret, unless another process is first."""
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
