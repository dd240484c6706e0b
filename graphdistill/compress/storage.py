"""Save and load compressed networks: a safetensors file of coded weights, and a JSON card."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from graphdistill.compress.context import Compressed
from graphdistill.compress.size import check_encoded, decode_network, encode_network
from graphdistill.core.command.paths import expanded
from graphdistill.core.sets.checked_file import Header
from graphdistill.core.sets.storage import read_card, read_tensors
from graphdistill.kd.storage import write_network

FORMAT = 1
"""Version of the layout; files of other layouts are rejected."""
FILE = "compressed.safetensors"


def save_compressed(compressed: Compressed, folder: str | Path, *, card: Mapping[str, Any] | None = None) -> None:
    """Write ``compressed.safetensors`` and ``card.json`` into a folder, both or none.

    The file holds the codes, levels and ranges of quantised weights and all other numbers, entropy-coded; the card the
    class of the network, versions, the sha256 of the file and the caller's facts.

    Args:
        compressed: the compressed network.
        folder: output folder, created if absent; other files in it stay.
        card: further facts in JSON types, such as the data set, method and accuracy. (default: none)

    Raises:
        ValueError: the folder cannot be written.

    Example:
        >>> import tempfile, torch
        >>> from graphdistill.compress.methods.quantized import rounded
        >>> small = rounded(nn.Linear(30, 20), bits=2)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_compressed(small, folder)
        ...     again = load_compressed(nn.Linear(30, 20), folder)
        >>> torch.equal(small.network.weight, again.network.weight)
        True
    """
    tensors = encode_network(compressed.network, compressed.parts)
    write_network(compressed.network, tensors, folder, card=card, file=FILE, layout=FORMAT)


def load_compressed(network: nn.Module, folder: str | Path) -> Compressed:
    """Load a network of :func:`save_compressed`, with exactly the weights and outputs that it was saved with.

    Args:
        network: a network of the same architecture, which is changed in place; its own weights do not matter.
        folder: the folder that holds ``compressed.safetensors`` and ``card.json``.

    Returns:
        The network in evaluation mode, with its quantised weights.

    Raises:
        FileNotFoundError: one of the two files is missing.
        ValueError: a file is damaged or does not belong to the other, or the network is another one.
    """
    folder = expanded(folder)
    facts = read_card(folder, FORMAT, {"sha256": str, "network": str}, writer="save_compressed")

    def check(header: Header) -> None:
        check_encoded(network, header)

    tensors = read_tensors(folder / FILE, facts["sha256"], check, writer="save_compressed")
    try:
        parts = decode_network(network, tensors)
    except ValueError as error:
        raise ValueError(
            f"{folder / FILE} does not fit this {type(network).__name__} (its card: {facts['network'][:60]}): "
            f"{error}; build the network as it was when it was saved"
        ) from None
    return Compressed(network.eval(), parts)
