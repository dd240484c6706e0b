"""Save and load trained networks: weights as safetensors, everything else in a JSON card next to them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from graphdistill.core.command.output import publish
from graphdistill.core.command.paths import expanded
from graphdistill.core.command.report import versions
from graphdistill.core.networks.mixed import drop_absent
from graphdistill.core.sets.checked_file import Header
from graphdistill.core.sets.payload import check_names, check_tensor
from graphdistill.core.sets.storage import read_card, read_tensors, write_card, write_tensors

FORMAT = 1
"""Version of the layout; files of other layouts are rejected."""
FILE = "student.safetensors"


def save_network(
    network: nn.Module, folder: str | Path, *, card: Mapping[str, Any] | None = None, file: str = FILE
) -> None:
    """Write ``student.safetensors`` and ``card.json`` into a folder, both or none.

    The card holds the class of the network, its parameters, versions, the sha256 of the weights and the caller's facts.

    Args:
        network: the network.
        folder: output folder, created if absent; other files in it stay.
        card: further facts in JSON types, such as the data set, method and accuracy. (default: none)
        file: name of the file of weights. (default: ``student.safetensors``)

    Raises:
        ValueError: the folder cannot be written.

    Example:
        >>> import tempfile
        >>> network = nn.Linear(3, 2)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_network(network, folder, card={"dataset": "demo"})
        ...     again = load_network(nn.Linear(3, 2), folder)
        >>> torch.equal(network.weight, again.weight)
        True
    """
    weights = {name: value.detach().cpu() for name, value in network.state_dict().items()}
    write_network(network, weights, folder, card=card, file=file, layout=FORMAT)


def write_network(
    network: nn.Module,
    tensors: Mapping[str, Tensor],
    folder: str | Path,
    *,
    card: Mapping[str, Any] | None,
    file: str,
    layout: int,
) -> None:
    """Write a file of tensors and the card of the network that they are of, both or none.

    Args:
        network: the network.
        tensors: its weights, as they are stored.
        folder: output folder, created if absent; other files in it stay.
        card: further facts in JSON types.
        file: name of the file of tensors.
        layout: version of the layout.

    Raises:
        ValueError: the folder cannot be written.
    """
    facts: dict[str, Any] = {
        "format": layout,
        "network": type(network).__name__,
        "parameters": sum(weight.numel() for weight in network.parameters()),
        "versions": versions(),
        "facts": dict(card or {}),
    }
    with publish(Path(folder)) as draft:
        facts["sha256"] = write_tensors(draft / file, tensors)
        write_card(draft, facts)


def load_network(network: nn.Module, folder: str | Path, *, file: str = FILE) -> nn.Module:
    """Load weights of :func:`save_network` into a network of the same architecture, in evaluation mode.

    Args:
        network: a network whose parameters have the same names, shapes and dtypes; it is changed in place. Of a
            supernet the operations that were not chosen are dropped.
        folder: the folder that holds ``student.safetensors`` and ``card.json``.
        file: name of the file of weights. (default: ``student.safetensors``)

    Raises:
        FileNotFoundError: one of the two files is missing.
        ValueError: a file is damaged or does not belong to the other, or the network is another one.
    """
    folder = expanded(folder)
    facts = read_card(folder, FORMAT, {"sha256": str, "network": str}, writer="save_network")

    def check(header: Header) -> None:
        drop_absent(network, header)
        expected = network.state_dict()
        try:
            check_names(header, expected)
            for name, weight in expected.items():
                check_tensor(header, name, (weight.dtype,), *weight.shape)
        except ValueError as error:
            raise ValueError(
                f"holds the weights of another network than this {type(network).__name__} (its card: "
                f"{str(facts['network'])[:60]}): it {error}; build the network as it was when it was saved; otherwise"
            ) from None

    tensors = read_tensors(folder / file, facts["sha256"], check, writer="save_network")
    with torch.no_grad():
        network.load_state_dict(tensors)
    return network.eval()
