from __future__ import annotations

from pathlib import Path

import pytest

from graphdistill.datasets._roots import cache_folder, find, not_found, roots


@pytest.fixture(autouse=True)
def _environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("GRAPHDISTILL_DATA", str(tmp_path / "data"))


def test_the_argument_comes_before_the_environment_before_the_cache(tmp_path: Path) -> None:
    assert roots(tmp_path / "mine") == [tmp_path / "mine"]
    assert roots(None) == [tmp_path / "data", tmp_path / "cache" / "graphdistill" / "data"]


def test_without_variables_it_is_the_users_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.delenv("GRAPHDISTILL_DATA")
    monkeypatch.setenv("HOME", str(tmp_path))
    (folder,) = roots(None)
    assert folder.is_relative_to(tmp_path)
    assert folder.parts[-2:] == ("graphdistill", "data")


def test_the_first_folder_that_has_it_is_taken(tmp_path: Path) -> None:
    assert find(None, "a", "b") is None
    for folder, name in ((roots(None)[1], "a"), (roots(None)[0], "b")):
        (folder / name).mkdir(parents=True)
    assert find(None, "a", "b") == roots(None)[0] / "b"
    assert find(None, "a") == roots(None)[1] / "a"


def test_the_cache_is_made_when_it_is_needed(tmp_path: Path) -> None:
    assert cache_folder("x", "y").is_dir()
    (tmp_path / "file").touch()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
        with pytest.raises(OSError, match=r"cache folder .* cannot be made"):
            cache_folder("x")


def test_what_is_missing_is_named_with_the_folders_and_a_way_out(tmp_path: Path) -> None:
    text = str(not_found("NCI1", tmp_path, "tu/NCI1", "is not there"))
    assert f"{tmp_path / 'tu/NCI1'}" in text
    assert "pains, digits, digits-knn, mnist5k need no download" in text
