"""Students on the Hugging Face Hub, by PyG's mixin; needs the extra ``hub``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch_geometric.nn.model_hub import PyGModelHubMixin

from graphdistill.core.command.paths import expanded
from graphdistill.core.sets.checked_file import brief
from graphdistill.core.sets.storage import read_card
from graphdistill.vqgraph.storage import FORMAT, load_student, save_student
from graphdistill.vqgraph.student import VQGraphStudent

try:
    from huggingface_hub import snapshot_download
except ImportError as error:
    raise ImportError("graphdistill.vqgraph.hub needs huggingface_hub; pip install 'graphdistill[hub]'") from error

FILES = ["student.safetensors", "card.json"]


class HubStudent(VQGraphStudent, PyGModelHubMixin):  # type: ignore[misc]  # torch-geometric has no types
    """A student with ``save_pretrained``, ``from_pretrained`` and ``push_to_hub``.

    Next to ``config.json`` and ``README.md`` of the hub it stores the files of
    :func:`~graphdistill.vqgraph.storage.save_student` instead of the pickled ``model.pth`` of PyG's mixin.

    Args:
        model_name: name of the model in its model card.
        dataset_name: name of the data set in its model card.
        model_kwargs: arguments of :class:`~graphdistill.vqgraph.student.VQGraphStudent`.

    Example:
        >>> import tempfile, torch
        >>> student = VQGraphStudent(4, 8, 3).eval()
        >>> hub = HubStudent("digits", "digits-knn", student.config).eval()
        >>> hub.load_state_dict(student.state_dict())
        <All keys matched successfully>
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = hub.save_pretrained(folder)
        ...     again = HubStudent.from_pretrained(folder)
        >>> torch.equal(student(torch.ones(1, 4)), again(torch.ones(1, 4)))
        True
    """

    def __init__(self, model_name: str, dataset_name: str, model_kwargs: dict[str, Any]):
        VQGraphStudent.__init__(self, **model_kwargs)
        PyGModelHubMixin.__init__(self, model_name, dataset_name, model_kwargs)

    def _save_pretrained(self, save_directory: Path) -> None:
        save_student(self, save_directory, card={"model_name": self.model_name, "dataset_name": self.dataset_name})

    @classmethod
    def _from_pretrained(
        cls,
        *,
        model_id: str,
        token: str | bool | None = None,
        use_auth_token: str | bool | None = None,
        model_name: str | None = None,
        dataset_name: str | None = None,
        **download: Any,
    ) -> HubStudent:
        folder = expanded(model_id)
        if not folder.is_dir():
            # PyG 2.8 passes the token by a name that huggingface_hub no longer accepts.
            token = use_auth_token if token is None else token
            folder = Path(snapshot_download(model_id, allow_patterns=FILES, token=token, **download))
        student = load_student(folder)
        facts = read_card(folder, FORMAT, {"facts": dict}, writer="save_pretrained")["facts"]
        names = model_name or facts.get("model_name"), dataset_name or facts.get("dataset_name")
        for name, value in zip(("model_name", "dataset_name"), names, strict=True):
            if not isinstance(value, str):
                raise ValueError(f"{folder / 'card.json'} has {name} {brief(value)}; give {name}=")
        hub = cls(*names, student.config)
        hub.load_state_dict(student.state_dict(), assign=True)
        hub.eval()
        return hub
