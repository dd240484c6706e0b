"""Run official loaders in a scratch folder with links to the files, so that the data folder stays unchanged."""

from __future__ import annotations

import contextlib
import gzip
import io
import shutil
import sys
import tempfile
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from graphdistill.datasets._cache import Tensors, cache_path, cached, fingerprint, store
from graphdistill.datasets._roots import cache_folder, not_found, roots


def official(
    name: str,
    root: str | Path | None,
    source: Path | None,
    place: str,
    needs: Sequence[str],
    loader: Callable[[Path], Tensors],
    diagnose: Callable[[Path], str | None] = lambda folder: None,
) -> Tensors:
    """Result of an official ``loader`` for its files, from the cache if these have not changed.

    Args:
        name: name of the data set, for the cache and errors.
        root: the folder that the user gave, if any.
        source: folder or zip of the data set, if found; otherwise the loader downloads it.
        place: path of its folder under a root, such as ``ogb/ogbg_molhiv``.
        needs: required files, relative to ``source``.
        loader: called with a folder whose subfolder, the last part of ``place``, holds the files or receives
            the download.
        diagnose: called with that folder if the loader fails; returns the problem and its line. (default: none)

    Raises:
        FileNotFoundError: the files are missing and cannot be downloaded.
        OSError: the files are there but cannot be read.
    """
    if source is not None:
        _check(name, source, needs)
        return cached(name, fingerprint(source), lambda: _run(name, source, place, loader, diagnose))
    home = roots(root)[-1] / place
    try:
        tensors = _download(home, loader)
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        if isinstance(error, EOFError):
            reason = "it is larger than a gigabyte; download it with its own loader"
        raise not_found(name, root, place, f"could not be downloaded ({reason})") from error
    store(cache_path(name, fingerprint(home)), tensors)
    return tensors


def _run(
    name: str,
    source: Path,
    place: str,
    loader: Callable[[Path], Tensors],
    diagnose: Callable[[Path], str | None],
) -> Tensors:
    with tempfile.TemporaryDirectory(dir=cache_folder("scratch")) as scratch:
        stage = Path(scratch, Path(place).name)
        try:
            _unzip(source, stage / "raw") if source.is_file() else _link(source, stage)
            with quiet():
                return loader(Path(scratch))
        except Exception as error:
            culprit = _unreadable(source)
            flaw = None if culprit else diagnose(Path(scratch))
            if flaw is not None:
                raise OSError(f"{name} cannot be read: {flaw}, in {source}; correct that line") from error
            raise OSError(
                f"{name} cannot be read: {culprit or source} is damaged or not what its loader expects "
                f"({type(error).__name__}: {error}); {_way_out(source)}"
            ) from error


def _download(home: Path, loader: Callable[[Path], Tensors]) -> Tensors:
    made = [p for p in (home.parent, *home.parent.parents) if not p.exists()]
    home.parent.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(dir=home.parent, prefix=".download-") as scratch:
            with quiet():
                tensors = loader(Path(scratch))
            shutil.rmtree(Path(scratch, home.name, "processed"), ignore_errors=True)
            Path(scratch, home.name).rename(home)
    except BaseException:
        # Empty folders would pass for existing data.
        for folder in made:
            with contextlib.suppress(OSError):
                folder.rmdir()
        raise
    return tensors


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silence the loaders' output and known warnings; their questions raise EOFError."""
    stdin, sys.stdin = sys.stdin, io.StringIO()
    try:
        with (
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
            warnings.catch_warnings(),
        ):
            warnings.filterwarnings("ignore", "The given NumPy array is not writable", UserWarning)
            yield
    finally:
        sys.stdin = stdin


def _check(name: str, source: Path, needs: Sequence[str]) -> None:
    """Report the first missing file before a loader fails with an unclear error."""
    if source.is_file():
        if not zipfile.is_zipfile(source):
            raise OSError(f"{name} cannot be read: {source} is not a zip file; {_way_out(source)}")
        names = {Path(member).name for member in zipfile.ZipFile(source).namelist()}
        missing = [need for need in needs if Path(need).name not in names]
    else:
        missing = [need for need in needs if not (source / need).exists()]
    if missing:
        raise FileNotFoundError(
            f"{source / missing[0]} is missing, so {name} is not complete; {_way_out(source, 'put the file back')}"
        )


def _way_out(source: Path, mend: str = "replace it") -> str:
    """Advice for a damaged folder; only a folder in the cache can be downloaded again."""
    downloaded = cache_folder("data") in source.absolute().parents
    return f"{mend}, or remove {source} to download it again" if downloaded else mend


def _link(source: Path, stage: Path) -> None:
    for path in source.resolve().rglob("*"):
        relative = path.relative_to(source.resolve())
        if path.is_file() and "processed" not in relative.parts:
            target = stage / relative
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                target.symlink_to(path)
            except OSError:  # systems without links
                shutil.copy2(path, target)


def _unzip(source: Path, raw: Path) -> None:
    raw.mkdir(parents=True)
    with zipfile.ZipFile(source) as archive:
        for member in archive.namelist():
            if member.endswith(".txt"):
                # Only the file name, so that an archive cannot write elsewhere.
                with archive.open(member) as packed, (raw / Path(member).name).open("wb") as out:
                    shutil.copyfileobj(packed, out)


def _unreadable(source: Path) -> Path | None:
    """The first compressed file whose own checksum fails."""
    for path in [source] if source.is_file() else sorted(source.rglob("*.gz")):
        try:
            if path.suffix == ".zip" and zipfile.ZipFile(path).testzip():
                return path
            if path.suffix == ".gz":
                with gzip.open(path) as file:
                    shutil.copyfileobj(file, io.BytesIO())
        except (OSError, EOFError, zlib.error, zipfile.BadZipFile):
            return path
    return None
