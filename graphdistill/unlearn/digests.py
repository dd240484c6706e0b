"""SHA-256 of a request and of the weights of a model, so that a report can be checked against the files."""

from __future__ import annotations

import hashlib
import json

from safetensors.torch import save
from torch import Tensor, nn


def request_bytes(index: Tensor) -> bytes:
    r"""The bytes of ``request.json``: a JSON list, the same for the same entries.

    Example:
        >>> import torch
        >>> request_bytes(torch.tensor([3, 17]))
        b'[3, 17]\n'
    """
    return (json.dumps(index.tolist()) + "\n").encode()


def network_digest(network: nn.Module) -> str:
    """SHA-256 of the file that :func:`~graphdistill.kd.storage.save_network` writes for a network.

    Example:
        >>> len(network_digest(nn.Linear(3, 2)))
        64
    """
    return sha256(save({name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()}))


def sha256(data: bytes) -> str:
    """SHA-256 in hexadecimal digits, as ``sha256sum`` prints it.

    Example:
        >>> sha256(b"")[:8]
        'e3b0c442'
    """
    return hashlib.sha256(data).hexdigest()
