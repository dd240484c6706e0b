import json
import subprocess
import sys

import pytest
import torch
from torch_geometric.nn.model_hub import PyGModelHubMixin

from graphdistill.vqgraph import hub as module
from graphdistill.vqgraph.hub import FILES, HubStudent
from graphdistill.vqgraph.storage import load_student
from graphdistill.vqgraph.student import VQGraphStudent
from tests.vqgraph.samples import rows


def a_student(**options):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return VQGraphStudent(9, 16, 3, **options).eval()


def of(student):
    hub = HubStudent("digits", "digits-knn", student.config).eval()
    hub.load_state_dict(student.state_dict())
    return hub


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
    assert isinstance(again, PyGModelHubMixin)
    assert (again.model_name, again.dataset_name, again.config) == ("digits", "digits-knn", student.config)
    assert not again.training
    x = rows(7, 9)
    assert torch.equal(again(x, torch.empty(2, 0)), student(x))


def test_the_folder_holds_no_pickle_and_is_a_saved_student(tmp_path):
    of(a_student()).save_pretrained(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["README.md", "config.json", *FILES])
    assert json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))["hidden_channels"] == 16
    assert torch.equal(load_student(tmp_path)(rows(2, 9)), a_student()(rows(2, 9)))


def test_the_words_of_pygs_mixin_are_understood(tmp_path):
    of(a_student()).save_pretrained(tmp_path)
    again = HubStudent.from_pretrained(str(tmp_path), model_name="mine", dataset_name="my-own", local_files_only=True)
    assert (again.model_name, again.dataset_name) == ("mine", "my-own")


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


def test_without_the_extra_it_is_named():
    code = "import sys; sys.modules['huggingface_hub'] = None; import graphdistill.vqgraph.hub"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    assert "needs huggingface_hub; pip install 'graphdistill[hub]'" in done.stderr
