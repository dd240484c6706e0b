"""Size of a network in coded bytes: codes and all other numbers go through the library's lossless coder."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from safetensors.torch import save
from torch import Tensor, nn

from graphdistill.compress.context import Part
from graphdistill.compress.levels import Quantized
from graphdistill.compress.sparse import GROUP, Sparse, mask_of, num_symbols, symbols_of
from graphdistill.core.codec import decode_array, encode_array
from graphdistill.core.sets.payload import Declared, check_names, check_tensor

CODES, FLOATS, PLAN = "codes", "floats", "plan"
"""Tensors of a file: the stream of all codes, that of all other floats, and which weights are quantised, and how."""
POSITIONS, SPARSE = "positions", "sparse"
"""Further tensors where weights are sparse: the stream of the positions of all kept weights, and which are sparse, and
how."""


def coded_bytes(network: nn.Module, parts: Mapping[str, Part] | None = None) -> int:
    """Bytes of the file of a network, as :func:`~graphdistill.compress.storage.save_compressed` writes it.

    Args:
        network: the network.
        parts: its quantised and sparse weights by name. (default: none)

    Example:
        >>> coded_bytes(nn.Linear(100, 100)) < 4 * 10_100 + 400
        True
    """
    return len(save(encode_network(network, parts or {})))


def encode_network(network: nn.Module, parts: Mapping[str, Part]) -> dict[str, Tensor]:
    """Tensors from which :func:`decode_network` makes the same network again.

    Args:
        network: the network.
        parts: its quantised and sparse weights by name.

    Returns:
        ``codes``, ``floats`` and ``plan``, with sparse weights ``positions`` and ``sparse``, and streams of state that
        is not float32, by its name and dtype.
    """
    state = _state(network)
    assert parts.keys() <= state.keys(), "a compressed weight is not in the network"
    plan, codes, floats, found = [], [], [], {}
    sparse, positions = [], []
    for place, (name, value) in enumerate(state.items()):
        part = parts.get(name)
        if isinstance(part, Sparse):
            sparse += [place, part.group, part.block_size]
            positions.append(symbols_of(part.mask, part.group))
            floats += [part.values, part.blocks.reshape(-1)]
        elif isinstance(part, Quantized):
            plan += [place, len(part.levels), part.bucket_size]
            codes.append(part.codes.reshape(-1))
            floats += [part.levels, part.low, part.span]
        elif value.dtype == torch.float32:
            floats.append(value.detach().cpu().reshape(-1))
        else:
            found[f"state.{place}"] = _stream(value.detach().cpu())
    if sparse:
        found |= {SPARSE: torch.tensor(sparse, dtype=torch.int32), POSITIONS: _stream(torch.cat(positions))}
    return {
        **found,
        PLAN: torch.tensor(plan, dtype=torch.int32),
        CODES: _stream(torch.cat([torch.empty(0, dtype=torch.uint8), *codes])),
        FLOATS: _stream(torch.cat([torch.empty(0), *floats])),
    }


def decode_network(network: nn.Module, tensors: Mapping[str, Tensor]) -> dict[str, Part]:
    """Load what :func:`encode_network` made into a network of the same architecture, in place.

    Args:
        network: the network.
        tensors: the tensors.

    Returns:
        Its quantised and sparse weights by name.

    Raises:
        ValueError: a stream is damaged, or of another architecture.
    """
    state = _state(network)
    names = list(state)
    plan = tensors[PLAN].view(-1, 3).tolist()
    sparse = _sparse_shapes(state, tensors)
    limit = sum(value.numel() for value in state.values())
    for place, levels, bucket_size in plan:
        if not (0 <= place < len(names) and 2 <= levels <= 256 and bucket_size >= 1):
            raise ValueError("it holds a damaged plan of its levels")
    quantized = {names[place]: (levels, bucket_size) for place, levels, bucket_size in plan}
    sizes = {name: -(-state[name].numel() // size) for name, (_, size) in quantized.items()}
    extra = sum(count + 2 * sizes[name] for name, (count, _) in quantized.items())
    extra += sum(shape.numel() for _, _, shape in sparse.values())
    codes = _Reader(decode_array(_bytes(tensors[CODES]), limit=max(limit, 1)))
    positions = _Reader(decode_array(_bytes(tensors[POSITIONS]), limit=max(limit, 1)) if sparse else torch.empty(0))
    floats = _Reader(decode_array(_bytes(tensors[FLOATS]), limit=max(limit + extra, 1)))
    made, parts = dict[str, Tensor](), dict[str, Part]()
    for place, (name, value) in enumerate(state.items()):
        if name in sparse:
            group, block_size, shape = sparse[name]
            symbols = positions.take(num_symbols(value.shape, group), torch.uint8)
            mask = mask_of(symbols, value.shape, group)
            values = floats.take(int(mask.sum()), torch.float32)
            blocks = floats.take(shape.numel(), torch.float32).view(shape)
            parts[name] = Sparse(mask, values, blocks, group, block_size)
            made[name] = parts[name].weight
        elif name in quantized:
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
    for reader in (codes, floats, positions):
        reader.end()
    with torch.no_grad():
        network.load_state_dict(made)
    return parts


def check_encoded(network: nn.Module, header: Mapping[str, Declared]) -> None:
    """Fail unless a header declares the tensors of a network of this architecture.

    Raises:
        ValueError: it does not.
    """
    others = [f"state.{i}" for i, v in enumerate(_state(network).values()) if v.dtype != torch.float32]
    sparse = [SPARSE, POSITIONS] if SPARSE in header else []
    check_names(header, [PLAN, CODES, FLOATS, *sparse, *others])
    for name in {PLAN, SPARSE} & header.keys():
        check_tensor(header, name, (torch.int32,), None)
        if header[name].shape[0] % 3:
            raise ValueError("holds a damaged plan of its levels")
    for name in header:
        if name not in (PLAN, SPARSE):
            check_tensor(header, name, (torch.uint8,), None)


def _sparse_shapes(
    state: Mapping[str, Tensor], tensors: Mapping[str, Tensor]
) -> dict[str, tuple[int, int, torch.Size]]:
    """Size of a group, inputs of a block and shape of all blocks, by the name of each sparse weight."""
    if SPARSE not in tensors:
        return {}
    names, found = list(state), {}
    for place, group, block_size in tensors[SPARSE].view(-1, 3).tolist():
        if not (0 <= place < len(names) and group in (1, GROUP) and block_size >= 0 and state[names[place]].dim() > 1):
            raise ValueError("it holds a damaged plan of its zeros")
        rows, inputs = state[names[place]].flatten(1).shape
        shape = (rows, -(-inputs // block_size)) if block_size else (0,)
        found[names[place]] = group, block_size, torch.Size(shape)
    return found


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
