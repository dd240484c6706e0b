"""Paths with a home folder in them."""

from __future__ import annotations

from pathlib import Path


def expanded(path: str | Path) -> Path:
    """Expand ``~`` and ``~name`` at the start of a path to the home folder.

    Shells expand them only at the start of an argument, so not in ``--root=~/data`` and not in Python.

    Raises:
        ValueError: there is no home folder for that name.

    Example:
        >>> expanded("~/data") == Path.home() / "data", str(expanded("runs/a~b"))
        (True, 'runs/a~b')
    """
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise ValueError(f"{path}: there is no home folder for {Path(path).parts[0]}; write it in full") from error
