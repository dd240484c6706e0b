"""Division of the clients' data by a partitioner of flwr-datasets; needs the extra ``partition``."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor


class Partitioner(Protocol):
    """What is used of a partitioner of flwr-datasets, such as ``DirichletPartitioner`` or ``PathologicalPartitioner``.

    It divides a table with a row for each image or molecule and the columns ``label``, ``domain`` (number of the image
    set) and ``entry``, so ``partition_by`` is ``"label"`` or ``"domain"``.
    """

    dataset: Any

    @property
    def num_partitions(self) -> int:
        """Number of clients."""

    def load_partition(self, partition_id: int) -> Any:
        """The rows of a client."""


_given: list[Partitioner] = []


@contextlib.contextmanager
def use_partitioner(partitioner: Partitioner | None) -> Iterator[None]:
    """Divide the data of federations with ``partition="custom"`` by a partitioner while the block runs.

    Args:
        partitioner: one without a data set yet; ``None`` changes nothing.

    Raises:
        ValueError: it has a data set already.
    """
    if partitioner is None:
        yield
        return
    is_assigned = getattr(partitioner, "is_dataset_assigned", None)
    if is_assigned is not None and is_assigned():
        raise ValueError("the partitioner has a data set already; give a new one, it gets the federation's data")
    _given.append(partitioner)
    try:
        yield
    finally:
        _given.remove(partitioner)


def divide(
    label: Sequence[Tensor], domain: Sequence[Tensor], clients: int, generator: torch.Generator
) -> list[list[Tensor]]:
    """Divide the entries of all splits together by the partitioner in use.

    So a client is tested on the mixture that it trains on. Rows are in random order, as in Flower's own examples, since
    some partitioners cut the table into pieces. A partitioner may leave entries out.

    Args:
        label: class of each entry of each split, long ``[n]``.
        domain: number of the data set that each entry is from, long ``[n]`` for each split.
        clients: number of clients.
        generator: for the order of the rows.

    Returns:
        For each split the index of each client's entries in it, long, ascending.

    Raises:
        ValueError: no partitioner is in use, it makes another number of partitions, puts an entry into two of them, or
            leaves a client without entries in a split.
        ImportError: the package ``datasets`` is not installed.
    """
    if not _given:
        raise ValueError(
            "--partition custom needs a partitioner, which only Python can give: "
            "run_in_process(..., partitioner=PathologicalPartitioner(...))"
        )
    # It takes a data set once, and the data may be divided again.
    partitioner = copy.deepcopy(_given[-1])
    labels, domains = torch.cat(list(label)), torch.cat(list(domain))
    order = torch.randperm(len(labels), generator=generator)
    partitioner.dataset = _table({"entry": order, "label": labels[order], "domain": domains[order]})
    if partitioner.num_partitions != clients:
        raise ValueError(
            f"--clients {clients}: the partitioner makes {partitioner.num_partitions} partitions; give both the same"
        )
    owner = torch.full((len(labels),), -1)
    for client in range(clients):
        mine = torch.tensor(list(partitioner.load_partition(client)["entry"]), dtype=torch.long)
        taken = owner[mine]
        if bool((taken >= 0).any()) or len(mine.unique()) < len(mine):
            raise ValueError(
                f"the partitioner gives an entry of client {client} out twice; in a federation each has one owner"
            )
        owner[mine] = client
    parts = []
    for number, split in enumerate(owner.split([len(part) for part in label])):
        parts.append([(split == client).nonzero().view(-1) for client in range(clients)])
        for client, mine in enumerate(parts[-1]):
            if not len(mine):
                raise ValueError(
                    f"the partitioner leaves client {client} without {('training', 'validation', 'test')[number]} "
                    "entries; give fewer clients or a larger min_partition_size"
                )
    return parts


def _table(columns: Mapping[str, Tensor]) -> Any:
    """A table of the package ``datasets``."""
    try:
        from datasets import Dataset
    except ImportError as error:
        raise ImportError("a partitioner of flwr-datasets needs it; pip install 'graphdistill[partition]'") from error
    return Dataset.from_dict({name: column.tolist() for name, column in columns.items()})
