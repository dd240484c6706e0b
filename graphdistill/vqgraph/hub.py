"""Students on the Hugging Face Hub, by the mixin of huggingface_hub; needs the extra ``hub``."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from graphdistill.core.command.paths import expanded
from graphdistill.core.sets.storage import read_card
from graphdistill.vqgraph import PAPER
from graphdistill.vqgraph.storage import FORMAT, load_student, save_student
from graphdistill.vqgraph.student import VQGraphStudent

try:
    from huggingface_hub import ModelCard, ModelHubMixin, snapshot_download
except ImportError as error:
    raise ImportError("graphdistill.vqgraph.hub needs huggingface_hub; pip install 'graphdistill[hub]'") from error

FILES = ["student.safetensors", "card.json"]
PAGE = """---
{data}
---

# {title}

An MLP of {parameters:,} parameters that a graph network was distilled into by [graphdistill](https://pypi.org/project/graphdistill/)
(VQGraph: {paper}). It predicts the class of a node from its features alone, without a graph.

```python
from graphdistill.vqgraph.hub import HubStudent

student = HubStudent.from_pretrained("{repo_id}")
logits = student(x)  # x: features [N, {features}], logits [N, {classes}]
```

{facts}
`student.safetensors` holds the weights, `card.json` sizes, versions and digests; nothing is pickled.
"""


class HubStudent(
    VQGraphStudent,
    ModelHubMixin,
    library_name="graphdistill",
    tags=["graphdistill", "knowledge-distillation", "graph-machine-learning"],
    paper_url=PAPER.rpartition(" ")[2],
):
    """A student with ``save_pretrained``, ``from_pretrained`` and ``push_to_hub``.

    Its folder holds the files of :func:`~graphdistill.vqgraph.storage.save_student`, and the Hub's ``config.json`` and
    ``README.md``. It takes the arguments of :class:`~graphdistill.vqgraph.student.VQGraphStudent`; :meth:`of` makes one
    from a student.

    Example:
        >>> import tempfile, torch
        >>> student = VQGraphStudent(4, 8, 3).eval()
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = HubStudent.of(student, facts={"dataset": "digits-knn"}).save_pretrained(folder)
        ...     again = HubStudent.from_pretrained(folder)
        >>> again.facts, torch.equal(student(torch.ones(1, 4)), again(torch.ones(1, 4)))
        ({'dataset': 'digits-knn'}, True)
    """

    facts: Mapping[str, Any] = {}
    """Facts about the student in JSON types, such as its data set, its teacher and its accuracy."""

    @classmethod
    def of(cls, student: VQGraphStudent, *, facts: Mapping[str, Any] | None = None) -> Self:
        """A copy of a student for the Hub, in evaluation mode.

        Args:
            student: the student.
            facts: facts about it in JSON types, such as ``{"dataset": "cora"}``. (default: none)
        """
        hub = cls(**student.config)
        hub.load_state_dict(copy.deepcopy(student.state_dict()), assign=True)
        hub.facts = dict(facts or {})
        hub.eval()
        return hub

    def _save_pretrained(self, save_directory: Path) -> None:
        save_student(self, save_directory, card=self.facts)

    @classmethod
    def _from_pretrained(cls, *, model_id: str, **options: Any) -> Self:
        folder = expanded(model_id)
        if not folder.is_dir():
            names = ("revision", "cache_dir", "force_download", "local_files_only", "token")
            download = {name: options[name] for name in names if name in options}
            folder = Path(snapshot_download(model_id, allow_patterns=FILES, **download))
        # The card is checked, config.json is not: anyone may write one.
        facts = read_card(folder, FORMAT, {"facts": dict}, writer="save_pretrained")["facts"]
        return cls.of(load_student(folder), facts=facts)

    def push_to_hub(self, repo_id: str, **options: Any) -> str:
        """Upload the student as ``user/name`` and return the URL of the commit; options are those of the mixin."""
        named = {"repo_id": repo_id, **(options.pop("model_card_kwargs", None) or {})}
        return str(super().push_to_hub(repo_id, model_card_kwargs=named, **options))

    def generate_model_card(self, *_: Any, repo_id: str = "USER/NAME", **__: Any) -> ModelCard:
        """README of the student on the Hub: what it is, how to load it, its facts.

        Args:
            repo_id: repository that the README names. (default: a placeholder)
        """
        values = {name: fact if isinstance(fact, str) else json.dumps(fact) for name, fact in self.facts.items()}
        text = PAGE.format(
            data=self._hub_mixin_info.model_card_data.to_yaml(),
            title=f"{self.facts.get('dataset', 'A student')}, distilled into an MLP",
            parameters=sum(weight.numel() for weight in self.parameters()),
            paper=PAPER,
            repo_id=repo_id,
            features=self.config["in_channels"],
            classes=self.config["out_channels"],
            facts="".join(f"- {name}: {value}\n" for name, value in values.items()),
        )
        return ModelCard(text)
