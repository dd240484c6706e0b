"""Synthetic sets on the Hugging Face Hub, as data sets of two files and a README; needs the extra ``hub``."""

from __future__ import annotations

import tempfile
from pathlib import Path

from graphdistill.core.command.paths import expanded
from graphdistill.core.sets.storage import load_set, save_set
from graphdistill.core.sets.synthetic import SyntheticSet

try:
    from huggingface_hub import DatasetCard, DatasetCardData, HfApi, snapshot_download
except ImportError as error:
    raise ImportError("graphdistill.core.sets.hub needs huggingface_hub; pip install 'graphdistill[hub]'") from error

FILES = ["set.safetensors", "card.json"]
PAGE = """---
{data}
---

# {title}

{entries:,} entries in {nbytes:,} bytes, distilled by `{method}` with [graphdistill](https://pypi.org/project/graphdistill/).

```python
from graphdistill.core.sets.hub import pull_set

synthetic = pull_set("{repo_id}")
```

`card.json` says how the set was made; `set.safetensors` holds its tensors.
"""


def push_set(
    synthetic: SyntheticSet, repo_id: str, *, private: bool = False, token: str | None = None, api: HfApi | None = None
) -> str:
    """Save a set to a data set repository on the Hub, which is created if absent.

    Args:
        synthetic: the set.
        repo_id: ``name`` or ``user/name``.
        private: make a new repository private. (default: public)
        token: access token of the user. (default: that of ``hf auth login``)
        api: client of another server. (default: the Hub's)

    Returns:
        URL of the commit.

    Raises:
        ValueError: the set cannot be saved.
    """
    api = HfApi() if api is None else api
    with tempfile.TemporaryDirectory() as folder:
        save_set(synthetic, folder)
        Path(folder, "README.md").write_text(page(synthetic, repo_id), encoding="utf-8")
        api.create_repo(repo_id, repo_type="dataset", private=private, exist_ok=True, token=token)
        commit = api.upload_folder(
            repo_id=repo_id,
            repo_type="dataset",
            folder_path=folder,
            allow_patterns=[*FILES, "README.md"],
            commit_message="A set of graphdistill",
            token=token,
        )
    return str(commit)


def pull_set(repo_id: str | Path, *, revision: str | None = None, token: str | None = None) -> SyntheticSet:
    """Load a set from a data set repository on the Hub, or from a folder.

    Args:
        repo_id: ``user/name``, or a folder that :func:`~graphdistill.core.sets.storage.save_set` wrote.
        revision: branch, tag or commit. (default: the newest)
        token: access token of a user. (default: that of ``hf auth login``)

    Raises:
        FileNotFoundError: the files of a set are missing.
        ValueError: a file is damaged.

    Example:
        >>> import torch
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_set(SyntheticSet(torch.rand(2, 3), torch.tensor([0, 1]), torch.ones(2)), folder)
        ...     len(pull_set(folder))
        2
    """
    folder = expanded(repo_id)
    if not folder.is_dir():
        found = snapshot_download(
            str(repo_id), repo_type="dataset", revision=revision, allow_patterns=FILES, token=token
        )
        folder = Path(found)
    return load_set(folder)


def page(synthetic: SyntheticSet, repo_id: str) -> str:
    """README of a set on the Hub."""
    method = str(synthetic.meta.get("method", "graphdistill"))
    source = synthetic.meta.get("source", synthetic.meta.get("dataset"))
    title = f"{source or repo_id.rpartition('/')[2]}, distilled"
    text = PAGE.format(
        data=DatasetCardData(tags=["graphdistill", "dataset-distillation"], pretty_name=title).to_yaml(),
        title=title,
        entries=len(synthetic),
        nbytes=synthetic.nbytes,
        method=method,
        repo_id=repo_id,
    )
    return str(DatasetCard(text))
