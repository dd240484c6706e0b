import gzip
import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        patch.setenv("GRAPHDISTILL_DATA", str(tmp_path_factory.mktemp("nothing")))
        yield folder


# The user's value is read before the fixture above hides it.
_DATA = Path(os.environ.get("GRAPHDISTILL_DATA", "../shared/data")).absolute()


@pytest.fixture(scope="session")
def data_root():
    """Folder with the real data sets, which no test may write to."""
    if not (_DATA / "ogb").is_dir():
        pytest.skip(f"the real data sets are not at {_DATA}; set GRAPHDISTILL_DATA")
    return _DATA


@pytest.fixture
def write_ogb(tmp_path):
    """Writes a tiny data set in OGB's layout and returns its root."""

    def write(name, split, label="graph-label", **files):
        folder = tmp_path / "ogb" / name.replace("-", "_")
        for part in ("raw", f"split/{split}"):
            (folder / part).mkdir(parents=True)
        (folder / "RELEASE_v1.txt").write_text("")
        for part in ("train", "valid", "test"):
            _gz(folder / "split" / split / f"{part}.csv.gz", files.pop(part))
        for stem, rows in files.items():
            _gz(folder / "raw" / f"{label if stem == 'y' else stem}.csv.gz", rows)
        return tmp_path

    return write


@pytest.fixture
def write_tu(tmp_path):
    """Writes a tiny data set in the layout of the TU sets and returns its root."""

    def write(name, **files):
        raw = tmp_path / "tu" / name / "raw"
        raw.mkdir(parents=True)
        for stem, rows in files.items():
            lines = [", ".join(map(str, row if isinstance(row, list | tuple) else [row])) for row in rows]
            (raw / f"{name}_{stem}.txt").write_text("\n".join(lines) + "\n")
        return tmp_path

    return write


def _gz(path, rows):
    lines = [",".join(map(str, row if isinstance(row, list | tuple) else [row])) for row in rows]
    with gzip.open(path, "wt") as file:
        file.write("\n".join(lines) + "\n")
