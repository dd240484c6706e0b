"""SHA-256 of a request and of the weights of a model, so that a report can be checked against the files."""

from __future__ import annotations

import json

from safetensors.torch import save
from torch import Tensor, nn

from graphdistill.core.sets.storage import sha256


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
