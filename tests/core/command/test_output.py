import os
import shutil
import time
from pathlib import Path

import pytest

from graphdistill.core.command import output
from graphdistill.core.command.output import check_writable, places, publish, write_text
from tests.faults import killed_at


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
def test_a_file_in_the_way_is_an_error_before_the_work(tmp_path, tail):
    fill(tmp_path, file="x")
    with pytest.raises(ValueError, match=r"--output .*file.* is not a folder; choose another"):
        check_writable(tmp_path / "file" / tail)
    with pytest.raises(ValueError, match="--output"), publish(tmp_path / "file" / tail):
        raise AssertionError("the body ran")


def test_a_folder_that_is_not_writable_is_an_error(tmp_path, monkeypatch):
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


def write(folder, text):
    """Results whose card names the others, as all loaders read them."""
    with publish(folder) as draft:
        (draft / "sub").mkdir()
        fill(draft, a=text, z=text, **{"card.json": text})
        fill(draft / "sub", deep=text)


def read(folder):
    """What a loader finds: the card, and of each file the copy that is the card's."""
    if not (folder / "card.json").exists():
        return None
    card = (folder / "card.json").read_text()
    for name in ("a", "z", "sub/deep"):
        found = [p.read_text() for p in places(folder / name) if p.is_file()]
        found += [p.read_text() for p in folder.glob(f".*.ready/{name}")]
        assert card in found, (name, card, found)
    return card


needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="kills a process that was forked")


@needs_fork
@pytest.mark.parametrize("before", ["old", "other files", "no folder"])
def test_whatever_the_moment_of_a_kill_the_old_or_the_new_is_found(before, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda handle: None)  # the machine goes on, and waiting for disks is slow
    seen, number = [], 0
    while not seen or seen[-1] is not True:
        number += 1
        folder = tmp_path / str(number) / "out"
        if before == "old":
            write(folder, "old")
        if before != "no folder":
            folder.mkdir(parents=True, exist_ok=True)
            fill(folder, mine="keep")
        if not killed_at(number, lambda folder=folder: write(folder, "new")):
            seen.append(True)
        else:
            seen.append(read(folder))
        # The next run ends or removes what was cut; nothing hidden stays.
        write(folder, "newer")
        want = {"a": "newer", "z": "newer", "card.json": "newer", "sub/deep": "newer"}
        assert files(folder) == want | ({} if before == "no folder" else {"mine": "keep"})
        assert sorted(p.name for p in folder.parent.iterdir()) == ["out"]
    old = "old" if before == "old" else None
    cut = seen[:-1]
    assert set(cut) == {old, "new"}
    assert cut == sorted(cut, key=lambda text: text == "new"), "once new, always new"


@pytest.mark.parametrize("number", range(1, 7))
@pytest.mark.parametrize("error", [OSError("no"), RuntimeError("no")])
def test_a_rename_that_fails_leaves_the_old_or_the_new(number, error, tmp_path, monkeypatch):
    write(tmp_path, "old")
    calls, real = [], {"rename": os.rename, "replace": os.replace}
    for name in real:

        def fail(*args, name=name):
            calls.append(args)
            if len(calls) >= number:
                raise error
            return real[name](*args)

        monkeypatch.setattr(os, name, fail)
    if number < 6:  # one that says ready, and four files
        with pytest.raises(type(error), match="no"):
            write(tmp_path, "new")
    else:
        write(tmp_path, "new")
    monkeypatch.undo()
    assert read(tmp_path) == ("old" if number <= 2 else "new")
    if number <= 2 and isinstance(error, OSError):
        assert set(files(tmp_path).values()) == {"old"}
    with publish(tmp_path) as draft:
        fill(draft, figure="x")
    final = set(files(tmp_path).values()) - {"x"}
    assert final == {"old"} if number == 1 or (number == 2 and isinstance(error, OSError)) else {"new"}
    assert not list(tmp_path.glob(".*"))


def test_ctrl_c_while_files_move_leaves_no_half(tmp_path, monkeypatch):
    write(tmp_path, "old")
    real, calls = os.replace, []

    def interrupt(*args):
        calls.append(args)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(*args)

    monkeypatch.setattr(os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path, "new")
    assert set(files(tmp_path).values()) == {"new"}


def hidden(folder, name, *, host=output._HOST, pid=2**22 + 1, age=0.0, state="part"):
    moment = int((time.time() - age) * 1e9)
    path = folder / f".{name}.gd-{moment:016x}-{host}-{pid}-00000000.{state}"
    path.mkdir(parents=True)
    fill(path, left="x")
    return path


def test_only_our_own_abandoned_folders_are_removed(tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    gone = [
        hidden(folder, "out"),
        hidden(tmp_path, "out"),
        hidden(folder, "set.safetensors"),
        hidden(folder, "out", host="0" * 8, pid=1, age=2 * output.ABANDONED),
    ]
    kept = [
        hidden(folder, "out", pid=os.getpid()),
        hidden(folder, "out", host="0" * 8),
        hidden(tmp_path, "another"),
        folder / ".mine.part",
        tmp_path / ".out.abc.part",
    ]
    for path in kept[3:]:
        path.mkdir()
    write(folder, "new")
    assert [p.exists() for p in gone] == [False] * len(gone)
    assert [p.exists() for p in kept] == [True] * len(kept)
    assert "left" not in files(folder)


def test_a_file_below_a_file_is_refused_before_anything_moves(tmp_path):
    fill(tmp_path, sub="a file", a="old")
    with pytest.raises(NotADirectoryError, match="sub is a file where a folder should go"):
        write(tmp_path, "new")
    assert files(tmp_path) == {"sub": "a file", "a": "old"}


def test_names_of_any_length_can_be_written(tmp_path):
    folder = tmp_path / ("n" * 180)
    write(folder, "one")
    write(folder, "two")
    assert read(folder) == "two"
    shutil.rmtree(folder)
    assert list(Path(tmp_path).iterdir()) == []
