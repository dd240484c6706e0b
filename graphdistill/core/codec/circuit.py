"""Lossless compression of rows of integers by a tree-shaped probabilistic circuit (Liu et al., ICLR 2022).

A row is coded variable by variable in the order of the tree. The probability of the next variable given those before
needs one product of a vector with a table at each variable and one when its subtree is complete, so a row takes two
products a variable: fewer than the logarithm of their number, which the paper needs for circuits of any shape.

All numbers are integers: probabilities are stored as logarithms in one byte and vectors have 30 bits, so that every
machine codes the same bytes.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from graphdistill.core.codec.arithmetic import DECODE, ENCODE, ERROR, NUM_CODER_REGISTERS, code_with, finish, start
from graphdistill.core.codec.chow_liu import Tree, chow_liu_tree, mutual_information
from graphdistill.core.codec.hidden_chow_liu import CircuitConfig, Parameters, fit_parameters
from graphdistill.core.codec.jit import Bytes, Ints, array, jit, zeros
from graphdistill.core.codec.levels import value_levels
from graphdistill.core.command.progress import NO_PROGRESS, Progress

STEP = 8
"""Steps of a stored logarithm to base 2."""
BELIEF_BITS = 30
MOST_VALUES = 2**16


@dataclass(frozen=True, eq=False)
class Circuit:
    """A model of rows of integers that codes such rows, those it was not learnt from too.

    Attributes:
        tree: tree of the D variables.
        first: stored logarithms of the root's H states, uint8 ``[H]``.
        transition: of each state given its parent's, uint8 ``[D, H, H]``.
        emission: of each level given the state, uint8 ``[D, H, L]``.
        first_value: first value of each level, and the number of values at the end, long ``[L + 1]``.
        within: stored logarithm of each value among those of its level, uint8 ``[K]``.

    Example:
        >>> x = torch.tensor([[0, 0, 3], [1, 1, 2]] * 20)
        >>> circuit = fit_circuit(x, CircuitConfig(states=2, epochs=20))
        >>> stream = circuit.encode(x)
        >>> len(stream), torch.equal(circuit.decode(stream), x)
        (16, True)
    """

    tree: Tree
    first: Tensor
    transition: Tensor
    emission: Tensor
    first_value: Tensor
    within: Tensor

    def encode(self, x: Tensor) -> bytes:
        """Code rows of values, long ``[N, D]``, in their order.

        Raises:
            ValueError: the shape is another one, or a value is out of the circuit's range.
        """
        width, values = len(self.tree.parent), int(self.first_value[-1])
        if x.dim() != 2 or x.shape[1] != width or x.is_floating_point():
            raise ValueError(f"x must be integers [N, {width}], got {x.dtype} {list(x.shape)}")
        if x.numel() and not (0 <= int(x.min()) and int(x.max()) < values):
            raise ValueError(
                f"x holds values from {int(x.min())} to {int(x.max())}, but the circuit knows 0 to {values - 1}; "
                "learn it with num_values"
            )
        rows = np.ascontiguousarray(x.numpy(), dtype=np.int64)
        reg, buffer = zeros(NUM_CODER_REGISTERS), zeros(64 + 4 * rows.size, np.uint8)
        start(reg, buffer, ENCODE)
        self._run(reg, buffer, rows)
        head = len(rows).to_bytes(4, "little") + self._check(rows)
        return head + finish(reg, buffer)

    def decode(self, stream: bytes) -> Tensor:
        """The rows of a stream of :meth:`encode`, long ``[N, D]``.

        Raises:
            ValueError: the stream is damaged or of another circuit.
        """
        if len(stream) < 8:
            raise ValueError(f"the stream has {len(stream)} bytes and is cut off; it starts with 8 of header")
        count, width = int.from_bytes(stream[:4], "little"), len(self.tree.parent)
        rows = list[Any]()
        reg, buffer = zeros(NUM_CODER_REGISTERS), array(np.frombuffer(bytearray(stream), np.uint8, offset=8), np.uint8)
        start(reg, buffer, DECODE)
        # Memory grows with what was decoded, so that a header cannot ask for more than the stream holds.
        for first in range(0, count, 1 << 12):
            if reg[ERROR]:
                break
            part = np.zeros((min(1 << 12, count - first), width), np.int64)
            rows.append(self._run(reg, buffer, part))
        found = np.concatenate([*rows, np.zeros((0, width), np.int64)])
        if reg[ERROR] or self._check(found) != stream[4:8]:
            raise ValueError("the stream is damaged or of another circuit; encode the rows again")
        return torch.from_numpy(found)

    @property
    def nbytes(self) -> int:
        """Bytes of :meth:`payload`, compressed by zlib."""
        return len(zlib.compress(self._stored_bytes, 9))

    def payload(self) -> dict[str, Tensor]:
        """The tensors to store."""
        return {
            "variable": self.tree.variable.to(torch.int32),
            "parent": self.tree.parent.to(torch.int32),
            "first": self.first,
            "transition": self.transition,
            "emission": self.emission,
            "first_value": self.first_value.to(torch.int32),
            "within": self.within,
        }

    def _check(self, rows: Any) -> bytes:
        """Check of the rows and of the circuit."""
        return (zlib.crc32(rows.tobytes()) ^ zlib.crc32(self._stored_bytes)).to_bytes(4, "little")

    @cached_property
    def _stored_bytes(self) -> bytes:
        """All bytes of :meth:`payload`."""
        return b"".join(value.numpy().tobytes() for value in self.payload().values())

    @cached_property
    def _tables(self) -> list[Any]:
        """Integers that the coder reads: tree, probabilities in 16 bits, values."""
        probabilities = (_weights(self.first), _weights(self.transition), _weights(self.emission))
        tree, values = (self.tree.variable, self.tree.parent), (self.first_value.numpy(), _weights(self.within))
        return [array(part) for part in (*(t.numpy() for t in tree), *(p.reshape(-1) for p in probabilities), *values)]

    def _run(self, reg: Any, buffer: Any, rows: Any) -> Any:
        """Code ``rows``, or decode as many; returns them."""
        width, states = len(self.tree.parent), len(self.first)
        flat = array(rows.reshape(-1))
        work = [zeros(size) for size in (width * states, width * states, states, self.emission.shape[2])]
        _code_rows(reg, buffer, flat, len(rows), *self._tables, *work)
        return np.asarray(flat, dtype=np.int64).reshape(rows.shape)


def fit_circuit(
    x: Tensor,
    config: CircuitConfig = CircuitConfig(),
    *,
    num_values: int | None = None,
    valid: Tensor | None = None,
    generator: torch.Generator | None = None,
    progress: Progress = NO_PROGRESS,
) -> Circuit:
    """Learn a hidden Chow-Liu tree of rows of integers.

    Args:
        x: values of 0 or more, long ``[N, D]``.
        config: size and training.
        num_values: number of values K, which new rows may have. (default: the largest one in ``x`` and ``valid``, + 1)
        valid: rows that the best pass is chosen on. (default: the last pass is kept)
        generator: draws the first probabilities. (default: seed 0)
        progress: shows a bar.

    Raises:
        ValueError: there is no row or no variable, or a value is negative, too large or not an integer.
    """
    levels, first_value, within = _values(x, config.levels, num_values, valid)
    tree = _tree_of(x, len(levels), config.structure_levels)
    generator = torch.Generator().manual_seed(0) if generator is None else generator
    parameters = fit_parameters(
        levels[x[:, tree.variable]],
        tree,
        config,
        num_levels=len(first_value) - 1,
        generator=generator,
        valid=None if valid is None else levels[valid[:, tree.variable]],
        progress=progress,
    )
    return _stored(tree, parameters, first_value, within)


def chow_liu_circuit(
    x: Tensor,
    *,
    levels: int = 24,
    smoothing: float = 20.0,
    structure_levels: int = 8,
    num_values: int | None = None,
) -> Circuit:
    """A Chow-Liu tree without hidden states as a circuit: the state of a variable is its level.

    Args:
        x: values of 0 or more, long ``[N, D]``.
        levels: largest number of levels. (default: 24)
        smoothing: counts that each row of a table starts with, distributed as its variable is. (default: 20, the best
            of 5, 10, 20 and 40 on validation of digits)
        structure_levels: levels by which the tree is found. (default: 8)
        num_values: number of values, which new rows may have. (default: the largest one in ``x``, + 1)

    Raises:
        ValueError: as of :func:`fit_circuit`.

    Example:
        >>> x = torch.tensor([[0, 0], [1, 1]] * 20)
        >>> circuit = chow_liu_circuit(x)
        >>> torch.equal(circuit.decode(circuit.encode(x)), x)
        True
    """
    level, first_value, within = _values(x, levels, num_values, None)
    tree = _tree_of(x, len(level), structure_levels)
    rows, states = level[x[:, tree.variable]], len(first_value) - 1
    base = torch.stack([torch.bincount(column, minlength=states) for column in rows.T]).double() + 1 / states
    base = base / base.sum(dim=1, keepdim=True)
    transition = torch.zeros(len(tree.parent), states, states, dtype=torch.double)
    for place, parent in enumerate(tree.parent.tolist()[1:], start=1):
        pair = rows[:, parent] * states + rows[:, place]
        transition[place] = torch.bincount(pair, minlength=states**2).view(states, states) + smoothing * base[place]
    transition[0] = 1.0
    transition = transition / transition.sum(dim=2, keepdim=True)
    emission = torch.eye(states, dtype=torch.double).expand(len(tree.parent), -1, -1)
    return _stored(tree, Parameters(base[0], transition, emission), first_value, within)


def _values(x: Tensor, levels: int, num_values: int | None, valid: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
    """Level of each value, first value of each level, and the share of each value in its level."""
    if x.dim() != 2 or x.is_floating_point() or not x.numel():
        raise ValueError(f"x must be integers [N, D], at least one of each, got {x.dtype} {list(x.shape)}")
    parts = [x] if valid is None else [x, valid]
    least, most = min(int(p.min()) for p in parts), max(int(p.max()) for p in parts)
    num_values = most + 1 if num_values is None else num_values
    if least < 0 or most >= num_values or num_values > MOST_VALUES:
        raise ValueError(
            f"x holds values from {least} to {most}; give values from 0 to num_values - 1, at most {MOST_VALUES}"
        )
    count = torch.bincount(x.reshape(-1), minlength=num_values).double() + 0.5
    level = value_levels(count, levels)
    num_levels = int(level.max()) + 1
    of_level = torch.zeros(num_levels, dtype=torch.double).index_add_(0, level, count)
    return level, torch.searchsorted(level, torch.arange(num_levels + 1)), count / of_level[level]


def _tree_of(x: Tensor, num_values: int, levels: int) -> Tree:
    """The Chow-Liu tree of variables whose values are divided into few levels."""
    rough = value_levels(torch.bincount(x.reshape(-1), minlength=num_values), levels)
    return chow_liu_tree(mutual_information(rough[x], int(rough.max()) + 1))


def _stored(tree: Tree, parameters: Parameters, first_value: Tensor, within: Tensor) -> Circuit:
    """The circuit of probabilities, with their logarithms in steps of 1/8."""

    def rounded(p: Tensor) -> Tensor:
        return (-STEP * p.double().clamp(min=1e-30).log2()).round().clamp(max=255).to(torch.uint8)

    first, transition, emission = map(rounded, (parameters.first, parameters.transition, parameters.emission))
    return Circuit(tree, first, transition, emission, first_value, rounded(within))


def _weights(stored: Tensor) -> Any:
    """Probabilities as integers of 16 bits, at least 1."""
    # 2 ** (16 + k / 8) rounded down: an eighth root in integers, not in floats, which differ between machines.
    powers = [_root(1 << (8 * 16 + k), STEP) for k in range(STEP)]
    code = stored.numpy().astype(np.int64)
    whole = -(-code // STEP)
    return np.maximum(np.array(powers)[whole * STEP - code] >> np.minimum(whole, 62), 1)


def _root(value: int, degree: int) -> int:
    """The largest integer whose power ``degree`` is at most ``value``."""
    low, high = 0, 1 << (value.bit_length() // degree + 1)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if middle**degree <= value else (low, middle)
    return low


@jit
def _scale(values: Ints, first: int, count: int) -> None:
    """Shift values so that the largest has 30 bits; none falls below 1."""
    top = 0
    for i in range(first, first + count):
        top = max(top, values[i])
    down = 0
    while top >> down >= 1 << BELIEF_BITS:
        down += 1
    up = 0
    while top << up < 1 << (BELIEF_BITS - 1):
        up += 1
    for i in range(first, first + count):
        values[i] = max(1, (values[i] >> down) << up)


@jit
def _code_symbol(reg: Ints, buffer: Bytes, weight: Ints, low: int, high: int, symbol: int) -> int:
    """Code a symbol from ``low`` to ``high - 1`` by halves; its probability is proportional to its weight."""
    total = 0
    for k in range(low, high):
        total += weight[k]
    while high - low > 1:
        middle = (low + high) // 2
        upper = 0
        for k in range(middle, high):
            upper += weight[k]
        shift = 0
        while total >> shift >= 1 << 40:
            shift += 1
        p = ((upper >> shift) << 16) // max(1, total >> shift)
        p = min(max(p, 1), 65535)
        if code_with(reg, buffer, 1 if symbol >= middle else 0, p):
            low = middle
            total = upper
        else:
            high = middle
            total -= upper
    return low


@jit
def _code_rows(
    reg: Ints,
    buffer: Bytes,
    rows: Ints,
    num_rows: int,
    variable: Ints,
    parent: Ints,
    first: Ints,
    transition: Ints,
    emission: Ints,
    first_value: Ints,
    within: Ints,
    belief: Ints,
    evidence: Ints,
    message: Ints,
    weight: Ints,
) -> None:
    """Code rows one after another; see :class:`Circuit` for the tables.

    ``belief`` holds, for each place on the way from the root, the states' weights given all that was coded, and
    ``evidence`` their weights given what was coded in the place's subtree alone.
    """
    width, states, num_levels = len(parent), len(first), len(weight)
    for row in range(num_rows):
        if reg[ERROR]:
            return
        for place in range(width):
            own = place * states
            if place == 0:
                for state in range(states):
                    belief[state] = first[state]
            else:
                above = parent[place]
                climbing = place - 1
                while climbing != above:
                    # The subtree at ``climbing`` is complete: its parent learns of it.
                    to = parent[climbing]
                    for source in range(states):
                        total = 0
                        for state in range(states):
                            total += (
                                transition[(climbing * states + source) * states + state]
                                * evidence[climbing * states + state]
                            )
                        message[source] = total
                    _scale(message, 0, states)
                    for state in range(states):
                        belief[to * states + state] *= message[state]
                        evidence[to * states + state] *= message[state]
                    _scale(belief, to * states, states)
                    _scale(evidence, to * states, states)
                    climbing = to
                for state in range(states):
                    total = 0
                    for source in range(states):
                        total += belief[above * states + source] * transition[(own + source) * states + state]
                    belief[own + state] = total
            _scale(belief, own, states)
            for level in range(num_levels):
                total = 0
                for state in range(states):
                    total += belief[own + state] * emission[(own + state) * num_levels + level]
                weight[level] = total
            at = row * width + variable[place]
            level, value = 0, rows[at]
            while first_value[level + 1] <= value:
                level += 1
            level = _code_symbol(reg, buffer, weight, 0, num_levels, level)
            rows[at] = _code_symbol(reg, buffer, within, first_value[level], first_value[level + 1], value)
            for state in range(states):
                seen = emission[(own + state) * num_levels + level]
                evidence[own + state] = seen
                belief[own + state] *= seen
            _scale(evidence, own, states)
            _scale(belief, own, states)
