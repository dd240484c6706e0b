"""Size of a network in coded bytes: codes and all other numbers go through the library's lossless coder."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from safetensors.torch import save
from torch import Tensor, nn

from graphdistill.compress.levels import Quantized
from graphdistill.core.codec import decode_array, encode_array
from graphdistill.core.sets.payload import Declared, check_names, check_tensor

CODES, FLOATS, PLAN = "codes", "floats", "plan"
"""Tensors of a file: the stream of all codes, that of all other floats, and which weights are quantised, and how."""


def coded_bytes(network: nn.Module, parts: Mapping[str, Quantized] | None = None) -> int:
    """Bytes of the file of a network, as :func:`~graphdistill.compress.storage.save_compressed` writes it.

    Args:
        network: the network.
        parts: its quantised weights by name. (default: none)

    Example:
        >>> coded_bytes(nn.Linear(100, 100)) < 4 * 10_100 + 400
        True
    """
    return len(save(encode_network(network, parts or {})))


def encode_network(network: nn.Module, parts: Mapping[str, Quantized]) -> dict[str, Tensor]:
    """Tensors from which :func:`decode_network` makes the same network again.

    Args:
        network: the network.
        parts: its quantised weights by name.

    Returns:
        ``codes``, ``floats`` and ``plan``, and streams of state that is not float32, by its name and dtype.
    """
    state = _state(network)
    assert parts.keys() <= state.keys(), "a quantised weight is not in the network"
    plan, codes, floats, found = [], [], [], {}
    for place, (name, value) in enumerate(state.items()):
        if name in parts:
            part = parts[name]
            plan += [place, len(part.levels), part.bucket_size]
            codes.append(part.codes.reshape(-1))
            floats += [part.levels, part.low, part.span]
        elif value.dtype == torch.float32:
            floats.append(value.detach().cpu().reshape(-1))
        else:
            found[f"state.{place}"] = _stream(value.detach().cpu())
    return {
        **found,
        PLAN: torch.tensor(plan, dtype=torch.int32),
        CODES: _stream(torch.cat([torch.empty(0, dtype=torch.uint8), *codes])),
        FLOATS: _stream(torch.cat([torch.empty(0), *floats])),
    }


def decode_network(network: nn.Module, tensors: Mapping[str, Tensor]) -> dict[str, Quantized]:
    """Load what :func:`encode_network` made into a network of the same architecture, in place.

    Args:
        network: the network.
        tensors: the tensors.

    Returns:
        Its quantised weights by name.

    Raises:
        ValueError: a stream is damaged, or of another architecture.
    """
    state = _state(network)
    names = list(state)
    plan = tensors[PLAN].view(-1, 3).tolist()
    limit = sum(value.numel() for value in state.values())
    for place, levels, bucket_size in plan:
        if not (0 <= place < len(names) and 2 <= levels <= 256 and bucket_size >= 1):
            raise ValueError("it holds a damaged plan of its levels")
    quantized = {names[place]: (levels, bucket_size) for place, levels, bucket_size in plan}
    sizes = {name: -(-state[name].numel() // size) for name, (_, size) in quantized.items()}
    extra = sum(count + 2 * sizes[name] for name, (count, _) in quantized.items())
    codes = _Reader(decode_array(_bytes(tensors[CODES]), limit=max(limit, 1)))
    floats = _Reader(decode_array(_bytes(tensors[FLOATS]), limit=max(limit + extra, 1)))
    made, parts = {}, {}
    for place, (name, value) in enumerate(state.items()):
        if name in quantized:
            count, size = quantized[name]
            levels, low, span = (floats.take(n, torch.float32) for n in (count, sizes[name], sizes[name]))
            own = codes.take(value.numel(), torch.uint8).view(value.shape)
            if len(own) and int(own.max()) >= count:
                raise ValueError("it holds a code without a level")
            parts[name] = Quantized(own, levels, low, span, size)
            made[name] = parts[name].weight
        elif value.dtype == torch.float32:
            made[name] = floats.take(value.numel(), torch.float32).view(value.shape)
        else:
            reader = _Reader(decode_array(_bytes(tensors[f"state.{place}"]), limit=max(value.numel(), 1)))
            made[name] = reader.take(value.numel(), value.dtype).view(value.shape)
            reader.end()
    codes.end()
    floats.end()
    with torch.no_grad():
        network.load_state_dict(made)
    return parts


def check_encoded(network: nn.Module, header: Mapping[str, Declared]) -> None:
    """Fail unless a header declares the tensors of a network of this architecture.

    Raises:
        ValueError: it does not.
    """
    others = [f"state.{i}" for i, v in enumerate(_state(network).values()) if v.dtype != torch.float32]
    check_names(header, [PLAN, CODES, FLOATS, *others])
    check_tensor(header, PLAN, (torch.int32,), None)
    if header[PLAN].shape[0] % 3:
        raise ValueError("holds a damaged plan of its levels")
    for name in header:
        if name != PLAN:
            check_tensor(header, name, (torch.uint8,), None)


def _state(network: nn.Module) -> dict[str, Tensor]:
    """State by name, sorted, for the order in which modules register their own may change."""
    return dict(sorted(network.state_dict().items()))


class _Reader:
    """Numbers that are taken one part after the other."""

    def __init__(self, values: Tensor):
        self.values, self.at = values.reshape(-1), 0

    def take(self, count: int, dtype: torch.dtype) -> Tensor:
        found = self.values[self.at : self.at + count]
        if len(found) < count or found.dtype != dtype:
            raise ValueError("it holds the weights of another network")
        self.at += count
        return found

    def end(self) -> None:
        if self.at != len(self.values):
            raise ValueError("it holds the weights of another network")


def _stream(values: Tensor) -> Tensor:
    return torch.frombuffer(bytearray(encode_array(values)), dtype=torch.uint8)


def _bytes(stream: Tensor) -> bytes:
    return stream.numpy().tobytes()
