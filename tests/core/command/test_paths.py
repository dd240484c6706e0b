from pathlib import Path

import pytest
import torch

from graphdistill.core.command.output import check_writable, publish
from graphdistill.core.command.paths import expanded
from graphdistill.core.command.report import Report, write_report
from graphdistill.core.sets.safetensors_card import read_with_card, write_with_card
from graphdistill.core.sets.storage import load_set, save_set
from graphdistill.core.sets.synthetic import SyntheticSet


@pytest.fixture
def home(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    yield tmp_path / "home"
    assert list((tmp_path / "here").iterdir()) == []  # no folder named ~


def test_a_home_in_front_is_expanded_and_nothing_else(home):
    assert expanded("~") == home
    assert expanded(Path("~/a/~b")) == home / "a" / "~b"
    for path in ("a/~/b", "/~", "a~"):
        assert expanded(path) == Path(path)


def test_a_home_of_nobody_is_refused():
    with pytest.raises(ValueError, match=r"~nobody-has-this-name/x: there is no home folder for ~nobody-has-this-name"):
        expanded("~nobody-has-this-name/x")


def test_whatever_is_written_or_read_lies_in_the_home(home):
    small = SyntheticSet(torch.rand(2, 3), torch.tensor([0, 1]), torch.ones(2))
    save_set(small, "~/set")
    assert torch.equal(load_set(Path("~/set")).data, small.data)
    check_writable(Path("~/new"))
    with publish(Path("~/out")) as draft:
        (draft / "a.txt").touch()
    write_with_card(Path("~/state/x.safetensors"), {"x": torch.ones(1)}, {"step": 1})
    assert read_with_card(Path("~/state/x.safetensors"))[1] == {"step": 1}
    write_report(Report(title="t", metric="accuracy", rows=()), Path("~/report"))
    found = {path.relative_to(home).as_posix() for path in home.rglob("*") if path.is_file()}
    assert found == {
        "set/set.safetensors",
        "set/card.json",
        "out/a.txt",
        "state/x.safetensors",
        "report/results.json",
        "report/results.csv",
    }
