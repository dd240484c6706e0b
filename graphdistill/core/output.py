"""Results that are whole or absent: check the folder early, write aside, move everything at the end."""

from __future__ import annotations

import contextlib
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from graphdistill.core.paths import expanded


def check_writable(folder: Path) -> None:
    """Fail early where ``folder`` could not be made or written to; nothing is left behind.

    Args:
        folder: the folder that results will go to.

    Raises:
        ValueError: the folder or a part of its path is a file, or it may not be written.
    """
    nearest = expanded(folder).absolute()
    while not (nearest.exists() or nearest.is_symlink()) and nearest != nearest.parent:
        nearest = nearest.parent
    if not nearest.is_dir():
        raise ValueError(f"--output {folder}: {nearest} is not a folder; choose another folder for the results")
    try:
        with tempfile.TemporaryDirectory(dir=nearest, prefix=".graphdistill-"):
            pass
    except OSError as error:
        raise ValueError(
            f"--output {folder}: {nearest} cannot be written ({error.strerror}); choose another folder or "
            "change its permissions"
        ) from error


@contextlib.contextmanager
def publish(folder: Path) -> Iterator[Path]:
    """Give a temporary folder to write into, and move all its files into ``folder`` once they are complete.

    On any exception, Ctrl-C included, the temporary folder is removed and ``folder`` stays as it was. Files
    of ``folder`` that are not written anew are kept.

    Args:
        folder: where the files shall be in the end.

    Yields:
        The temporary folder.

    Raises:
        ValueError: ``folder`` cannot be written; raised before the body runs.

    Example:
        >>> home = Path(tempfile.mkdtemp())
        >>> with publish(home / "run") as draft:
        ...     _ = (draft / "results.csv").write_text("seed,test")
        >>> [path.name for path in (home / "run").iterdir()]
        ['results.csv']
    """
    check_writable(folder)
    folder = expanded(folder).resolve()
    # Inside a folder that is there, else beside it: the same file system either way, so a rename is enough.
    missing = [path for path in (folder.parent, *folder.parent.parents) if not path.exists()]
    name = f".{folder.name}.{secrets.token_hex(4)}.part"
    draft = folder / name if folder.exists() else folder.parent / name
    try:
        draft.mkdir(parents=True)
        yield draft
        if folder.exists():
            _move(draft, folder)
        else:
            draft.rename(folder)
            missing = []
    finally:
        shutil.rmtree(draft, ignore_errors=True)
        for path in missing:
            with contextlib.suppress(OSError):
                path.rmdir()


def _move(draft: Path, folder: Path) -> None:
    """Move the files of ``draft`` into ``folder``; put everything back if one cannot be moved."""
    pairs = [(path, folder / path.relative_to(draft)) for path in sorted(draft.rglob("*")) if path.is_file()]
    replaced = draft / f".replaced-{secrets.token_hex(4)}"
    replaced.mkdir()
    backups = [(replaced / str(number), target) for number, (_, target) in enumerate(pairs)]
    try:
        for (path, target), (backup, _) in zip(pairs, backups, strict=True):
            if target.is_dir():
                raise IsADirectoryError(f"{target} is a folder where a file should go; move it away")
            target.parent.mkdir(parents=True, exist_ok=True)
            if target.exists():
                target.replace(backup)
            path.replace(target)
    except BaseException:
        for path, target in pairs:
            if not path.exists():
                target.unlink(missing_ok=True)
        for backup, target in backups:
            if backup.exists():
                backup.replace(target)
        raise


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file that appears whole or not at all.

    Raises:
        OSError: the folder of ``path`` is absent or cannot be written.

    Example:
        >>> path = Path(tempfile.mkdtemp()) / "card.json"
        >>> write_text(path, "{}")
        >>> path.read_text()
        '{}'
    """
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        part.write_text(text, encoding="utf-8", newline="")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
