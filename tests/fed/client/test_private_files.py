import multiprocessing
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fed.client import private_files as private
from fed.client.private_files import checked_name, private_folder, secret_file

posix = pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../..",
        "/etc/passwd",
        "a/b",
        "a\\b",
        "a\0b",
        "a.b",
        "~",
        "*",
        "-x",
        "a\n",
        "é",
        "x" * 65,
        3,
        None,
        b"a",
    ],
)
def test_names_that_could_lead_elsewhere_are_refused(name):
    with pytest.raises(ValueError, match=r"the run's name is .*; give 1 to 64 letters, digits"):
        checked_name(name, "run")


@given(st.text())
def test_what_passes_stays_in_its_folder(name):
    try:
        checked_name(name, "run")
    except ValueError:
        return
    assert Path(os.path.normpath(f"/folder/{name}")) == Path("/folder") / name
    assert Path(name).parts == (name,)


@posix
def test_folders_are_closed_to_others(tmp_path):
    folder = private_folder(tmp_path / "a" / "b")
    assert [path.stat().st_mode & 0o777 for path in (tmp_path / "a", folder)] == [0o700, 0o700]
    folder.chmod(0o755)
    private_folder(folder)
    assert folder.stat().st_mode & 0o777 == 0o700


@posix
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660, 0o601])
def test_a_secret_that_others_may_read_is_refused(mode, tmp_path):
    path = tmp_path / "own.secret"
    secret = secret_file(path)
    path.chmod(mode)
    with pytest.raises(
        ValueError, match=rf"own.secret may be read by others \(mode {mode:o}\); if nobody did, chmod 600"
    ):
        secret_file(path)
    path.chmod(0o600)
    assert secret_file(path) == secret


@pytest.mark.parametrize("size", [0, 1, 15, 65, 10**6])
def test_a_secret_of_another_size_is_refused(size, tmp_path):
    path = tmp_path / "own.secret"
    path.touch(mode=0o600)
    path.write_bytes(b"x" * size)
    with pytest.raises(ValueError, match=f"has {size} bytes, wanted 16 to 64 of a secret; remove it for a new one"):
        secret_file(path)


@posix
def test_links_and_folders_are_no_secrets(tmp_path):
    other = tmp_path / "other"
    secret_file(other)
    for name, target in (("link", other), ("dangling", tmp_path / "none")):
        (tmp_path / name).symlink_to(target)
        with pytest.raises(OSError, match="symbolic links"):
            secret_file(tmp_path / name)
    (tmp_path / "folder").mkdir(mode=0o700)
    with pytest.raises(ValueError, match="of a secret"):
        secret_file(tmp_path / "folder")


@posix
def test_a_secret_is_drawn_once_and_closed(tmp_path):
    before = os.umask(0)
    try:
        secret = secret_file(tmp_path / "new" / "own.secret")
    finally:
        os.umask(before)
    assert len(secret) == 32
    assert (tmp_path / "new" / "own.secret").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["own.secret"]


def test_a_kill_at_any_moment_leaves_a_whole_secret_or_none(tmp_path, monkeypatch):
    path = tmp_path / "own.secret"
    for name in ("fsync", "link"):
        with monkeypatch.context() as patch:

            def killed(*args):
                raise KeyboardInterrupt

            patch.setattr(private.os, name, killed)
            with pytest.raises(KeyboardInterrupt):
                secret_file(path)
        assert list(tmp_path.iterdir()) == []
    assert len(secret_file(path)) == 32


def test_all_who_draw_at_once_get_the_same(tmp_path):
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        secrets = pool.map(secret_file, [tmp_path / "own.secret"] * 16, chunksize=1)
    assert len(set(secrets)) == 1
