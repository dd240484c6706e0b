"""Paths as people write them."""

from __future__ import annotations

from pathlib import Path


def expanded(path: str | Path) -> Path:
    """A path with ``~`` and ``~name`` in front as the home folder that they stand for.

    Shells expand them only where a word begins with one, and neither ``--root=~/data`` nor what Python is given.

    Raises:
        ValueError: nobody of that name has a home folder.

    Example:
        >>> expanded("~/data") == Path.home() / "data", str(expanded("runs/a~b"))
        (True, 'runs/a~b')
    """
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise ValueError(f"{path}: there is no home folder for {Path(path).parts[0]}; write it in full") from error
