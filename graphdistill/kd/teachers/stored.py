"""A teacher's logits on disk in place of the teacher: written once, and distilled from as often as wanted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch_geometric.data import Data

from graphdistill.core.data.datasets import Dataset
from graphdistill.kd.data.kinds import view_of
from graphdistill.kd.data.view import View
from graphdistill.kd.store import TeacherStore, open_store
from graphdistill.kd.top_k import TopK


class StoredTeacher(nn.Module):
    """The stored logits of a teacher at the training entries of a data set; it takes the place of the teacher.

    Methods that read logits alone can be used with it. The classes that are not stored share the rest of the mass
    evenly.

    Args:
        store: the store, whose positions are the rows of logits of the training entries.

    Raises:
        ValueError: a chunk of the store was changed.
    """

    def __init__(self, store: TeacherStore):
        super().__init__()
        self.num_classes, self.temperature = store.num_classes, store.temperature
        found = store.read(0, len(store))
        self.ids, self.probabilities, self.rest = found.ids.int(), found.probabilities.half(), found.rest.half()

    def __len__(self) -> int:
        return len(self.rest)

    def logits(self, rows: Tensor) -> Tensor:
        """Logits of rows, up to a constant for each row, float32 ``[n, C]``."""
        at = rows.cpu()
        part = TopK(self.ids[at].long(), self.probabilities[at].float(), self.rest[at].float())
        # Half precision rounds the smallest rests to 0.
        return self.temperature * part.dense(self.num_classes).clamp(min=-30.0)

    def forward(self, *_: object, **__: object) -> Tensor:
        """Fail: a store cannot predict other inputs."""
        raise ValueError("a stored teacher has logits of its training entries alone; give the teacher itself")


def save_logits(
    teacher: nn.Module,
    data: Dataset | Data | Sequence[Data],
    folder: str | Path,
    *,
    k: int = 16,
    mass: float = 1.0,
    temperature: float = 1.0,
    device: torch.device | str = "cpu",
) -> TeacherStore:
    """Write a teacher's logits at all entries that its students are trained on.

    Args:
        teacher: the trained network.
        data: the data, as of :func:`~graphdistill.kd.distill.distill_kd`.
        folder: folder of the store, created if absent.
        k: most classes that are kept of a row, at most the number of classes. (default: 16)
        mass: a row keeps no more classes than it takes to cover this probability. (default: 1, always ``k``)
        temperature: temperature of the stored probabilities; a higher one keeps more of unlikely classes. (default: 1)
        device: device that the teacher is moved to. (default: the CPU)

    Returns:
        The store, opened.

    Raises:
        ValueError: the data are refused, an option is out of its range, or a logit is not finite.

    Example:
        >>> import tempfile
        >>> from torch_geometric.nn import MLP
        >>> from graphdistill.datasets import load
        >>> data, teacher = load("digits-knn"), MLP([64, 10], norm=None)
        >>> store = save_logits(teacher, data, tempfile.mkdtemp(), k=4)
        >>> len(store), len(load_logits(store.path.parent, data))
        (1797, 1797)
    """
    view = view_of(data, device)
    teacher = teacher.to(view.device)

    def batches() -> Iterator[Tensor]:
        for index in view.train.split(view.CHUNK):
            yield view.predict(teacher, index).logits.cpu()

    classes = view.predict(teacher, view.train[:1]).logits.shape[1]
    options = {"k": min(k, classes), "num_classes": classes}
    return TeacherStore.write(
        folder, batches(), data_digest=view.data.digest, mass=mass, temperature=temperature, **options
    )


def load_logits(folder: str | Path, data: Dataset | Data | Sequence[Data]) -> StoredTeacher:
    """Open logits of :func:`save_logits` as a teacher.

    Args:
        folder: folder of the store.
        data: the data that they were written for.

    Raises:
        FileNotFoundError: there is no store.
        ValueError: it belongs to other data, or is damaged.
    """
    view = view_of(data)
    store = open_store(folder, data_digest=view.data.digest)
    return StoredTeacher(store)


def check_stored(teacher: StoredTeacher, view: View, *, reads_logits_alone: bool) -> None:
    """Check that stored logits are those of a view's entries and are all that a method reads.

    Raises:
        ValueError: the method needs the teacher itself, or the rows are those of other entries.
    """
    if not reads_logits_alone:
        raise ValueError("this method needs the teacher itself, not its stored logits; give the network, or use kd")
    wanted = len(view.train) * view.rows_per_entry
    if len(teacher) != wanted:
        raise ValueError(f"the store has {len(teacher)} rows, but {view.name} has {wanted} to train on; write it again")
