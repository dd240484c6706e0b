import os

import pytest

from graphdistill.core.output import check_writable, publish, write_text


def files(folder):
    return {str(p.relative_to(folder)): p.read_text() for p in sorted(folder.rglob("*")) if p.is_file()}


def fill(draft, **texts):
    for name, text in texts.items():
        (draft / name).write_text(text)


def test_publish_makes_the_folder_with_its_parents(tmp_path):
    with publish(tmp_path / "a" / "b") as draft:
        fill(draft, one="1")
        (draft / "sub").mkdir()
        fill(draft / "sub", two="2")
        assert not (tmp_path / "a" / "b").exists()
    assert files(tmp_path) == {"a/b/one": "1", "a/b/sub/two": "2"}


def test_publish_keeps_other_files_and_replaces_its_own(tmp_path):
    fill(tmp_path, one="old", mine="keep")
    with publish(tmp_path) as draft:
        fill(draft, one="new")
        (draft / "sub").mkdir()
        fill(draft / "sub", two="2")
    assert files(tmp_path) == {"mine": "keep", "one": "new", "sub/two": "2"}
    assert sorted(p.name for p in tmp_path.iterdir()) == ["mine", "one", "sub"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("there", [True, False])
def test_failure_leaves_everything_as_it_was(tmp_path, error, there):
    folder = tmp_path / "a" / "b"
    if there:
        folder.mkdir(parents=True)
        fill(folder, one="old")
    before = sorted(tmp_path.rglob("*"))

    def fail():
        with publish(folder) as draft:
            fill(draft, one="new", two="2")
            raise error

    with pytest.raises(error):
        fail()
    assert sorted(tmp_path.rglob("*")) == before
    assert files(tmp_path) == ({"a/b/one": "old"} if there else {})


def test_a_move_that_fails_is_undone(tmp_path):
    fill(tmp_path, a="old a")
    (tmp_path / "c").mkdir()
    with pytest.raises(IsADirectoryError, match="move it away"), publish(tmp_path) as draft:
        fill(draft, a="new a", b="new b", c="new c")
    assert files(tmp_path) == {"a": "old a"}
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a", "c"]


def test_publish_follows_a_link(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with publish(tmp_path / "link") as draft:
        fill(draft, one="1")
    assert (tmp_path / "link").is_symlink()
    assert files(tmp_path / "real") == {"one": "1"}


def test_published_files_have_ordinary_permissions(tmp_path):
    (tmp_path / "plain").mkdir()
    with publish(tmp_path / "new") as draft:
        fill(draft, one="1")
    assert (tmp_path / "new").stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.parametrize("tail", ["", "sub", "sub/deeper"])
def test_a_file_in_the_way_is_told_before_the_work(tmp_path, tail):
    fill(tmp_path, file="x")
    with pytest.raises(ValueError, match=r"--output .*file.* is not a folder; choose another"):
        check_writable(tmp_path / "file" / tail)
    with pytest.raises(ValueError, match="--output"), publish(tmp_path / "file" / tail):
        raise AssertionError("the body ran")


def test_a_folder_that_refuses_is_told(tmp_path, monkeypatch):
    def refuse(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "mkdir", refuse)
    with pytest.raises(ValueError, match=r"--output .*cannot be written \(Permission denied\)"):
        check_writable(tmp_path / "runs")


def test_a_good_folder_passes_and_nothing_is_left(tmp_path):
    check_writable(tmp_path / "a" / "b")
    check_writable(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_write_text_replaces_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "card.json"
    write_text(path, "a\nb ±")
    assert path.read_bytes() == "a\nb ±".encode()
    with pytest.raises(UnicodeEncodeError):
        write_text(path, "half \ud800")
    assert path.read_bytes() == "a\nb ±".encode()
    assert list(tmp_path.iterdir()) == [path]
