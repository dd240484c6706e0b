"""Folders of data: the search path, the cache, and the error if nothing is found."""

from __future__ import annotations

import os
from pathlib import Path

from platformdirs import user_cache_path

from graphdistill.core.command.paths import expanded

NO_DOWNLOAD = ("pains", "digits", "digits-knn", "mnist5k")


def cache_folder(*parts: str) -> Path:
    """Folder of this library in the user's cache, created if absent."""
    folder = _cache().joinpath(*parts)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(
            f"the cache folder {folder} cannot be made ({error}); set XDG_CACHE_HOME to a folder that you may write to"
        ) from error
    return folder


def roots(root: str | Path | None) -> list[Path]:
    """Folders to search in order; downloads go to the last one."""
    if root is not None:
        return [expanded(root)]
    own = os.environ.get("GRAPHDISTILL_DATA")
    # A folder set for the whole machine may be shared, so downloads go to the user's cache.
    return [*([expanded(own)] if own else []), _cache() / "data"]


def find(root: str | Path | None, *choices: str) -> Path | None:
    """First of the relative paths ``choices`` that exists under the folders to search."""
    for folder in roots(root):
        for choice in choices:
            if (folder / choice).exists():
                return folder / choice
    return None


def not_found(name: str, root: str | Path | None, where: str, why: str) -> FileNotFoundError:
    """One line with the missing file, the searched folders and the data sets that need no download."""
    searched = ", ".join(str(folder / where) for folder in roots(root))
    return FileNotFoundError(
        f"{name} was not found (searched {searched}) and {why}. Put the files there or set root= or "
        f"$GRAPHDISTILL_DATA; {', '.join(NO_DOWNLOAD)} need no download"
    )


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME")
    return expanded(base) / "graphdistill" if base else user_cache_path("graphdistill", appauthor=False)
