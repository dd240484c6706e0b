import importlib
import shutil
import sys
from pathlib import Path

import pytest
import torch
from huggingface_hub import DatasetCard

from graphdistill.core.sets import hub
from graphdistill.core.sets.hub import pull_set, push_set
from graphdistill.core.sets.synthetic import SyntheticSet


class Folder:
    """The Hub as a folder of this machine."""

    def __init__(self, root: Path) -> None:
        self.root, self.private = root, dict[str, bool]()

    def create_repo(self, repo_id: str, *, repo_type: str, private: bool, exist_ok: bool, token: str | None) -> None:
        assert (repo_type, exist_ok) == ("dataset", True)
        (self.root / repo_id).mkdir(parents=True, exist_ok=True)
        self.private[repo_id] = private

    def upload_folder(
        self, *, repo_id: str, repo_type: str, folder_path: str, allow_patterns: list[str], **_: object
    ) -> str:
        assert repo_type == "dataset"
        for name in allow_patterns:
            shutil.copy(Path(folder_path, name), self.root / repo_id / name)
        return f"folder:{repo_id}"

    def download(
        self, repo_id: str, *, repo_type: str, revision: str | None, allow_patterns: list[str], **_: object
    ) -> str:
        assert (repo_type, revision, allow_patterns) == ("dataset", None, hub.FILES)
        return str(self.root / repo_id)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    made = Folder(tmp_path / "hub")
    monkeypatch.setattr(hub, "snapshot_download", made.download)
    return made


def a_set() -> SyntheticSet:
    x = torch.randn(4, 3, generator=torch.Generator().manual_seed(0)).half()
    return SyntheticSet(x, torch.tensor([0, 1, 0, 1]), torch.ones(4), meta={"method": "dm", "dataset": "digits"})


def test_a_set_comes_back_bit_for_bit(server: Folder) -> None:
    assert push_set(a_set(), "me/digits-dm", private=True, api=server) == "folder:me/digits-dm"  # type: ignore[arg-type]
    again = pull_set("me/digits-dm")
    assert all(torch.equal(value, again.payload()[name]) for name, value in a_set().payload().items())
    assert again.meta == a_set().meta
    assert server.private == {"me/digits-dm": True}


def test_its_page_is_a_card_of_the_hub(server: Folder) -> None:
    push_set(a_set(), "me/digits-dm", api=server)  # type: ignore[arg-type]
    card = DatasetCard.load(server.root / "me/digits-dm/README.md")
    assert card.data.tags == ["graphdistill", "dataset-distillation"]
    assert "# digits, distilled" in card.text
    assert f"4 entries in {a_set().nbytes} bytes, distilled by `dm`" in card.text
    assert 'pull_set("me/digits-dm")' in card.text


def test_files_that_are_missing_or_damaged_are_named(server: Folder) -> None:
    push_set(a_set(), "me/a", api=server)  # type: ignore[arg-type]
    path = server.root / "me" / "a" / "set.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match=r"set\.safetensors does not match its card; the file is damaged"):
        pull_set("me/a")
    path.unlink()
    with pytest.raises(FileNotFoundError, match=r"set\.safetensors is missing"):
        pull_set(server.root / "me" / "a")


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    monkeypatch.delitem(sys.modules, "graphdistill.core.sets.hub")
    with pytest.raises(ImportError, match=r"needs huggingface_hub; pip install 'graphdistill\[hub\]'"):
        importlib.import_module("graphdistill.core.sets.hub")
