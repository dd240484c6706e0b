"""Atomic results: check the folder early, write to a temporary folder, move all files at the end.

If the process is killed at any moment, either the old or the new results load. Files are written and synced into a
hidden folder ``.part``. Renaming it to ``.ready`` marks them as complete. Then they move into place, ``card.json``
first. The card holds the digests of its files; if one of them has not moved yet, :func:`places` finds it for the
loader. The next :func:`publish` finishes an interrupted move and removes incomplete files.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from graphdistill.core.command.paths import expanded

CARD = "card.json"
"""The file that moves first, because it lists the digests of the others."""
ABANDONED = 24 * 3600.0
"""Seconds after which a hidden folder of another machine counts as abandoned."""

_HOST = hashlib.sha256(platform.node().encode()).hexdigest()[:8]
_HIDDEN = re.compile(r"\.(.+)\.gd-([0-9a-f]{16})-([0-9a-f]{8})-(\d{1,10})-[0-9a-f]{8}\.(part|ready)")


def check_writable(folder: Path) -> None:
    """Fail early if ``folder`` cannot be created or written to; nothing is left behind.

    Args:
        folder: output folder.

    Raises:
        ValueError: the folder or a part of its path is a file, or it is not writable.
    """
    nearest = expanded(folder).absolute()
    while not (nearest.exists() or nearest.is_symlink()) and nearest != nearest.parent:
        nearest = nearest.parent
    if not nearest.is_dir():
        raise ValueError(f"--output {folder}: {nearest} is not a folder; choose another folder for the results")
    trial = nearest / _hidden("trial")
    try:
        trial.mkdir()
        trial.rmdir()
    except OSError as error:
        raise ValueError(
            f"--output {folder}: {nearest} cannot be written ({error.strerror}); choose another folder or "
            "change its permissions"
        ) from error


@contextlib.contextmanager
def publish(folder: Path) -> Iterator[Path]:
    """Provide a temporary folder to write into, and move all its files into ``folder`` once they are complete.

    On any exception, Ctrl-C included, the temporary folder is removed and ``folder`` stays as it was. Files
    of ``folder`` that are not rewritten are kept.

    Args:
        folder: final place of the files.

    Yields:
        The temporary folder.

    Raises:
        ValueError: ``folder`` cannot be written; raised before the body runs.
        OSError: a file cannot be moved into place. Before the first move nothing has changed; after it the new
            results load, and the next call moves the rest.

    Example:
        >>> import tempfile
        >>> home = Path(tempfile.mkdtemp())
        >>> with publish(home / "run") as draft:
        ...     _ = (draft / "results.csv").write_text("seed,test")
        >>> [path.name for path in (home / "run").iterdir()]
        ['results.csv']
    """
    check_writable(folder)
    folder = expanded(folder).resolve()
    # Inside an existing folder, otherwise next to it: both are on the same file system, so a rename is enough.
    missing = [path for path in (folder.parent, *folder.parent.parents) if not path.exists()]
    draft = (folder if folder.exists() else folder.parent) / _hidden(folder.name)
    try:
        draft.mkdir(parents=True)
        yield draft
        for path in (*_files(draft), *(p for p in draft.rglob("*") if p.is_dir()), draft):
            _sync(path)
        _tidy(folder)
        if folder.exists():
            _check_places(draft, folder)
            _commit(draft, folder)
        else:
            draft.rename(folder)
            _sync(folder.parent)
            missing = []
    finally:
        shutil.rmtree(draft, ignore_errors=True)
        for path in missing:
            with contextlib.suppress(OSError):
                path.rmdir()


def places(path: Path) -> list[Path]:
    """Possible places of a published file: the final one, or the hidden folder if a run was killed while moving files.

    Example:
        >>> places(Path("run/set.safetensors"))
        [PosixPath('run/set.safetensors')]
    """
    ready = sorted((p for p in path.parent.glob(".*.ready") if _HIDDEN.fullmatch(p.name)), key=_time, reverse=True)
    # The final place once more, for a file that moves there while the others are checked.
    return [path, *(folder / path.name for folder in ready), *([path] if ready else [])]


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file atomically: it appears complete or not at all, even if the process is killed.

    Raises:
        OSError: the folder of ``path`` is absent or cannot be written.
    """
    part = path.with_name(_hidden(path.name))
    try:
        part.write_bytes(data)
        _sync(part)
        part.replace(path)
        _sync(path.parent)
    finally:
        part.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file atomically.

    Raises:
        OSError: the folder of ``path`` is absent or cannot be written.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "card.json"
        >>> write_text(path, "{}")
        >>> path.read_text()
        '{}'
    """
    write_bytes(path, text.encode())


def _hidden(name: str) -> str:
    """A hidden name with the time, the machine and the process that made it."""
    return f".{name[:100]}.gd-{time.time_ns():016x}-{_HOST}-{os.getpid()}-{secrets.token_hex(4)}.part"


def _time(path: Path) -> str:
    match = _HIDDEN.fullmatch(path.name)
    assert match is not None
    return match[2]


def _files(folder: Path) -> list[Path]:
    """All files below a folder, the card first."""
    return sorted((p for p in folder.rglob("*") if p.is_file()), key=lambda p: (p != folder / CARD, p))


def _tidy(folder: Path) -> None:
    """Finish moving the complete files of killed runs into ``folder``, and remove their incomplete ones."""
    for path in sorted(folder.glob(".*.ready")):
        if _HIDDEN.fullmatch(path.name):
            _move(path, folder)
    for path in (*folder.glob(".*.part"), *folder.parent.glob(".*.part")):
        match = _HIDDEN.fullmatch(path.name)
        if match is None or (path.parent != folder and match[1] != folder.name[:100]):
            continue
        gone = match[3] == _HOST and not psutil.pid_exists(int(match[4]))
        if gone or time.time() - int(match[2], 16) / 1e9 > ABANDONED:
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)


def _commit(draft: Path, folder: Path) -> None:
    """Mark a draft as complete and move its files into place."""
    ready, whole = folder / draft.with_suffix(".ready").name, _files(draft)
    draft.rename(ready)
    try:
        _sync(folder)
        _move(ready, folder)
    except KeyboardInterrupt:
        _move(ready, folder)  # is instant and atomic
        raise
    except OSError as error:
        if len(_files(ready)) == len(whole):
            shutil.rmtree(ready, ignore_errors=True)
            raise
        raise OSError(
            f"{error}; the new results are complete and load, but some files of {folder} are still old: the next run "
            f"with this --output moves the rest there, from {ready.name}"
        ) from error


def _check_places(draft: Path, folder: Path) -> None:
    """Refuse to move a file onto a folder or below a file."""
    for path in _files(draft):
        target = folder / path.relative_to(draft)
        if target.is_dir():
            raise IsADirectoryError(f"{target} is a folder where a file should go; move it away")
        for above in target.relative_to(folder).parents:
            if (folder / above).exists() and not (folder / above).is_dir():
                raise NotADirectoryError(f"{folder / above} is a file where a folder should go; move it away")


def _move(ready: Path, folder: Path) -> None:
    """Move complete files into place; a second call continues an interrupted one."""
    for path in _files(ready):
        target = folder / path.relative_to(ready)
        target.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):  # another process has moved it
            path.replace(target)
        _sync(target.parent)
    shutil.rmtree(ready, ignore_errors=True)


def _sync(path: Path) -> None:
    """Sync a file, or the entries of a folder, to disk."""
    if path.is_dir() and os.name != "posix":
        return
    # Windows can only sync a file that is open for writing.
    handle = os.open(path, os.O_RDONLY if os.name == "posix" else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
