"""Random molecules as compressed SMILES: real molecules in the plain form that chemists keep them in."""

from __future__ import annotations

import lzma
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from graphdistill.core.codec import Labels
from graphdistill.core.evaluation.trees import TreeProtocol
from graphdistill.core.parallel import parallel_map
from graphdistill.core.randomness import generator
from graphdistill.core.sets.synthetic import SyntheticSet, class_weights

RANGE_BYTES = 8
"""Bytes of the range of a target: its least value and the distance between levels, as 32-bit floats."""


class SmilesSet(SyntheticSet):
    """Real molecules whose compressed SMILES and labels are counted."""

    @property
    def nbytes(self) -> int:
        """Bytes of the compressed SMILES and labels."""
        count = self.meta["smiles_bytes"]
        assert isinstance(count, int)
        return count


def smiles_sets(protocol: TreeProtocol, budget: int, draws: int, bits: int = 8) -> list[SyntheticSet]:
    """Random class-balanced training molecules whose compressed SMILES and labels take at most ``budget`` bytes.

    The molecules of a draw are the first ones of the order that
    :meth:`~graphdistill.core.evaluation.trees.TreeProtocol.random_sets` draws from, too.

    Args:
        protocol: data with SMILES, and processes.
        budget: bytes.
        draws: number of sets.
        bits: precision of targets, as of the sets in the codec. (default: 8)

    Returns:
        One set per draw, with at least one molecule per class or quantile, even above the budget. Its ``nbytes`` is the
        length of the smallest of :func:`smiles_streams`, of targets with ``RANGE_BYTES`` for each.

    Raises:
        ValueError: the data has no SMILES.
    """
    if protocol.data.smiles is None:
        raise ValueError(f"protocol.data, {protocol.data.name}, has no SMILES; only molecules loaded with them have")
    found = parallel_map(_draw, (protocol, budget, bits), range(draws), jobs=protocol.jobs)
    return list(protocol.progress.track(found, "drawing random molecules", draws))


def smiles_streams(smiles: Sequence[str], y: Tensor) -> dict[str, bytes]:
    r"""Molecules and labels in every plain form that is tried; their order is not kept.

    All are compressed by :func:`xz`. Which form it is takes no byte.

    Args:
        smiles: one SMILES each.
        y: labels, long ``[n]``, or ``[n, T]`` of 0, 1 and NaN or of levels of targets, -1 for unknown.

    Returns:
        Streams by form:

        - ``text``: a line for each molecule, sorted by label, with a tab and the label where it changes;
        - ``columns``: a line for each molecule, sorted by SMILES, and a second stream of a label on each line;
        - ``bits``: the same with the labels packed into bits, for class numbers and levels of targets.

    Example:
        >>> streams = smiles_streams(["CO", "C", "N"], torch.tensor([1, 0, 1]))
        >>> lzma.decompress(streams["text"], lzma.FORMAT_RAW, filters=_filters(0))
        b'C\t0\nCO\t1\nN'
    """
    texts = _label_texts(y)
    lines, last = [], None
    for label, molecule in sorted(zip(texts, smiles, strict=True)):
        lines.append(molecule if label == last else f"{molecule}\t{label}")
        last = label
    order = sorted(range(len(smiles)), key=lambda k: (smiles[k], texts[k]))
    molecules = xz("\n".join(smiles[k] for k in order))
    streams = {"text": xz("\n".join(lines)), "columns": molecules + xz("\n".join(texts[k] for k in order))}
    if not y.is_floating_point():
        streams["bits"] = molecules + _bits(y[order])
    return streams


def xz(text: str) -> bytes:
    """The smallest stream of xz: LZMA at its strongest preset, without a container and without literal contexts.

    From 20 to 3,000 molecules it is smaller than LZMA2, and than LZMA with contexts of 1 to 4 bits.

    Example:
        >>> len(xz("CCO")), len(lzma.compress(b"CCO"))
        (13, 60)
    """
    data = text.encode()
    return lzma.compress(data, lzma.FORMAT_RAW, filters=_filters(len(data)))


def largest_count(length: Callable[[int], int], budget: int, least: int, most: int) -> int:
    """A number from ``least`` to ``most`` whose length fits while that of the next one does not, by secants.

    Args:
        length: length at a number, nearly proportional to it.
        budget: largest length that fits.
        least: smallest number, the result if it does not fit.
        most: largest number.

    Example:
        >>> largest_count(lambda n: 10 * n + 7, 100, 1, 1000)
        9
    """
    low, high, points = least, most + 1, [(0, 0), (least, length(least))]
    while high - low > 1 and points[1][1] <= budget:
        (n0, size0), (n, size) = points[-2:]
        slope = (size - size0) / (n - n0)
        guess = n + int((budget - size) / slope) if slope > 0 and len(points) < 10 else (low + high) // 2
        guess = min(max(guess, low + 1), high - 1)
        points.append((guess, length(guess)))
        low, high = (guess, high) if points[-1][1] <= budget else (low, guess)
    return low


def _draw(context: tuple[TreeProtocol, int, int], seed: int) -> SyntheticSet:
    """One draw."""
    protocol, budget, bits = context
    y, task, smiles = protocol.labels("train"), protocol.data.task, protocol.data.smiles
    assert smiles is not None
    train = protocol.data.train.tolist()
    order = protocol.training.random_order(generator(seed, "random graphs"))

    def length(count: int) -> int:
        label, ranges = y[order[:count]], 0
        if task == "regression":
            label = torch.from_numpy(Labels(label, task, bits=bits).levels()[1])
            ranges = RANGE_BYTES * label.shape[1]
        streams = smiles_streams([smiles[train[k]] for k in order[:count].tolist()], label)
        return min(map(len, streams.values())) + ranges

    count = largest_count(length, budget, len(protocol.training.strata.unique()), len(order))
    index = order[:count]
    forest = protocol.forests["train"].subset(index)
    meta = {"smiles_bytes": length(count)}
    label = Labels(y[index], task, bits=bits).stored().y if task == "regression" else y[index]
    return SmilesSet(forest, label, class_weights(label, task), task, protocol.data.features, meta)


def _label_texts(y: Tensor) -> list[str]:
    """Each label as text: a class number, levels of targets with commas, or a character for each task."""
    if y.dim() == 1:
        return [str(label) for label in y.tolist()]
    if not y.is_floating_point():
        return [",".join("" if level < 0 else str(level) for level in row) for row in y.tolist()]
    return ["".join("-" if value != value else str(int(value)) for value in row) for row in y.tolist()]


def _bits(y: Tensor) -> bytes:
    """Class numbers in as many bits each as the largest one needs, at least one; levels with one more for -1."""
    y = y + int(bool((y < 0).any()))
    width = max(1, int(y.max()).bit_length())
    bits = (y[..., None] >> torch.arange(width)) & 1
    return np.packbits(bits.numpy().astype(np.uint8)).tobytes()


def _filters(size: int) -> list[dict[str, int]]:
    """LZMA's filter for data of ``size`` bytes; a larger dictionary than the data takes memory and saves nothing."""
    preset = 9 | lzma.PRESET_EXTREME
    return [{"id": lzma.FILTER_LZMA1, "preset": preset, "dict_size": max(size, 4096), "lc": 0, "lp": 0, "pb": 0}]
