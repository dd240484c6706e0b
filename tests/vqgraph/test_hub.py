import importlib
import json
import sys
from pathlib import Path

import pytest
import torch
from huggingface_hub import ModelCard, ModelHubMixin

from graphdistill.vqgraph import hub as module
from graphdistill.vqgraph.hub import FILES, HubStudent
from graphdistill.vqgraph.storage import load_student
from graphdistill.vqgraph.student import VQGraphStudent
from tests.kd.nodes.samples import rows


def a_student(**options):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return VQGraphStudent(9, 16, 3, **options).eval()


FACTS = {"dataset": "digits-knn", "teacher": "GCN", "valid": 0.9}


def of(student):
    return HubStudent.of(student, facts=FACTS)


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    """Any connection that is tried fails the test."""

    def connect(*args):
        raise AssertionError("a connection was tried")

    monkeypatch.setattr("socket.socket.connect", connect)


@pytest.mark.parametrize("options", [{}, {"norm": "batch_norm", "num_layers": 3, "dropout": 0.1}])
def test_it_comes_back_from_a_folder(options, tmp_path):
    student = a_student(**options)
    of(student).save_pretrained(tmp_path / "hub")
    again = HubStudent.from_pretrained(str(tmp_path / "hub"))
    assert isinstance(again, ModelHubMixin)
    assert (again.facts, again.config) == (FACTS, student.config)
    assert not again.training
    x = rows(7, 9)
    assert torch.equal(again(x, torch.empty(2, 0)), student(x))


def test_the_folder_holds_no_pickle_and_is_a_saved_student(tmp_path):
    of(a_student()).save_pretrained(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["README.md", "config.json", *FILES])
    assert json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))["hidden_channels"] == 16
    assert torch.equal(load_student(tmp_path)(rows(2, 9)), a_student()(rows(2, 9)))


def test_the_copy_shares_nothing_with_the_student():
    student = a_student()
    hub = of(student)
    with torch.no_grad():
        hub.lins[0].weight.zero_()
    assert float(student.lins[0].weight.detach().abs().sum()) > 0
    assert HubStudent.facts == {}


def test_a_student_without_facts_and_one_made_by_its_arguments(tmp_path):
    HubStudent(9, 16, 3, dropout=0.1).save_pretrained(tmp_path)
    again = HubStudent.from_pretrained(tmp_path)
    assert (again.facts, again.config["dropout"]) == ({}, 0.1)


def test_the_readme_is_a_card_of_the_hub(tmp_path):
    of(a_student()).save_pretrained(tmp_path, model_card_kwargs={"repo_id": "someone/digits"})
    card = ModelCard.load(tmp_path / "README.md")
    assert card.data.library_name == "graphdistill"
    assert {"graphdistill", "model_hub_mixin"} <= set(card.data.tags)
    assert "# digits-knn, distilled into an MLP" in card.text
    assert 'HubStudent.from_pretrained("someone/digits")' in card.text
    assert "- teacher: GCN\n- valid: 0.9\n" in card.text
    assert "of 211 parameters" in card.text


def test_the_config_of_a_stranger_is_not_trusted(tmp_path):
    of(a_student()).save_pretrained(tmp_path)
    (tmp_path / "config.json").write_text('{"hidden_channels": 10000000, "num_layers": 100}')
    assert HubStudent.from_pretrained(tmp_path).config == a_student().config


def test_it_is_pushed_with_its_files_and_no_others(tmp_path, monkeypatch):
    pushed = {}

    class Server:
        def __init__(self, **_):
            pass

        def create_repo(self, repo_id, **_):
            return type("Url", (), {"repo_id": repo_id})

        def upload_folder(self, *, repo_id, folder_path, **_):
            pushed[repo_id] = sorted(path.name for path in Path(folder_path).iterdir())
            pushed["readme"] = Path(folder_path, "README.md").read_text(encoding="utf-8")
            return "https://huggingface.co/commit"

    monkeypatch.setattr("huggingface_hub.hub_mixin.HfApi", Server)
    assert of(a_student()).push_to_hub("someone/digits", token="hf_secret") == "https://huggingface.co/commit"
    assert 'from_pretrained("someone/digits")' in pushed.pop("readme")
    assert pushed == {"someone/digits": sorted(["README.md", "config.json", *FILES])}


def test_a_repository_is_downloaded_with_the_users_options(tmp_path, monkeypatch):
    of(a_student()).save_pretrained(tmp_path)
    calls = {}

    def download(repo_id, **options):
        calls.update(options, repo_id=repo_id)
        return str(tmp_path)

    monkeypatch.setattr(module, "snapshot_download", download)
    monkeypatch.setattr("huggingface_hub.hub_mixin.hf_hub_download", lambda **options: str(tmp_path / "config.json"))
    again = HubStudent.from_pretrained("someone/digits", token="hf_secret", cache_dir="cache")
    assert torch.equal(again(rows(2, 9)), a_student()(rows(2, 9)))
    assert (calls["repo_id"], calls["token"], calls["cache_dir"]) == ("someone/digits", "hf_secret", "cache")
    assert calls["allow_patterns"] == FILES


def test_a_damaged_folder_is_refused(tmp_path):
    of(a_student()).save_pretrained(tmp_path)
    (tmp_path / "student.safetensors").write_bytes(b"")
    with pytest.raises(ValueError, match="does not match its card"):
        HubStudent.from_pretrained(str(tmp_path))


def test_without_the_extra_it_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    monkeypatch.delitem(sys.modules, "graphdistill.vqgraph.hub")
    with pytest.raises(ImportError, match=r"needs huggingface_hub; pip install 'graphdistill\[hub\]'"):
        importlib.import_module("graphdistill.vqgraph.hub")
