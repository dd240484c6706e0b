from __future__ import annotations

import lzma
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from graphdistill.core.data.datasets import GraphDataset
from graphdistill.core.data.tensors import stratify_labels
from graphdistill.core.evaluation.smiles_rows import largest_count, smiles_sets, smiles_streams, xz
from graphdistill.core.evaluation.trees import TreeProtocol
from graphdistill.core.randomness import class_balanced_order, generator
from graphdistill.core.sets.synthetic import class_weights
from graphdistill.datasets._cache import unpack
from graphdistill.datasets._molecules import read_smiles

RINGS = ("C1CCCCC1", "c1ccccc1", "c1ccncc1", "C1CCNCC1", "c1ccsc1", "C1COCCN1")
SMILES = tuple(
    chain + ring + "C" * more for chain, ring, more in product(("", "O=C(O)", "CN(C)", "ClC=C"), RINGS, range(3))
)


def labels(kind: str) -> Tensor:
    number = torch.arange(len(SMILES))
    if kind == "tasks":
        missing = torch.where(number % 4 == 1, torch.nan, (number % 2).float())
        return torch.stack([missing, (number % 3 == 0).float()], dim=1)
    return number % 5 % 3 if kind == "three classes" else (number % 5 == 0).long()


@pytest.fixture(scope="module", params=["two classes", "three classes", "tasks"])
def protocol(request: pytest.FixtureRequest) -> TreeProtocol:
    tensors, wrong = read_smiles(SMILES)
    assert not wrong
    draw = torch.randperm(len(SMILES), generator=torch.Generator().manual_seed(0))
    y = labels(request.param)
    data = GraphDataset("toy", unpack(tensors), y, *draw.split([52, 10, 10]), "rocauc", "ogb", "", SMILES)
    return TreeProtocol(data, depth=1)


def decode(form: str, stream: bytes, width: int) -> list[tuple[str, str]]:
    """Molecules and labels of a stream, read as its form is described."""
    if form == "text":
        found, label = [], ""
        for line in unpack_xz(stream)[0].split("\n"):
            molecule, *new = line.split("\t")
            label = new[0] if new else label
            found.append((molecule, label))
        return found
    text, rest = unpack_xz(stream)
    molecules = text.split("\n")
    if form == "columns":
        return list(zip(molecules, unpack_xz(rest)[0].split("\n"), strict=True))
    bits = np.unpackbits(np.frombuffer(rest, np.uint8))[: width * len(molecules)].reshape(-1, width)
    return [(molecule, str(row @ (1 << np.arange(width)))) for molecule, row in zip(molecules, bits, strict=True)]


def unpack_xz(stream: bytes) -> tuple[str, bytes]:
    """Text of a stream, and what follows it."""
    filters = [{"id": lzma.FILTER_LZMA1, "dict_size": 1 << 20, "lc": 0, "lp": 0, "pb": 0}]
    decoder = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=filters)
    data = decoder.decompress(stream)
    assert decoder.eof
    return data.decode(), decoder.unused_data


@pytest.mark.parametrize("kind", ["two classes", "three classes", "tasks"])
@pytest.mark.parametrize("count", [1, 2, 9, len(SMILES)])
def test_molecules_and_labels_come_back_from_every_form(kind: str, count: int) -> None:
    y = labels(kind)[:count]
    if kind == "tasks":
        want = ["".join("-" if np.isnan(v) else f"{v:.0f}" for v in row) for row in y.numpy()]
    else:
        want = [str(int(v)) for v in y]
    streams = smiles_streams(SMILES[:count], y)
    assert ("bits" in streams) == (kind != "tasks")
    for form, stream in streams.items():
        found = decode(form, stream, width=2 if int(y.nan_to_num().max()) == 2 else 1)
        assert sorted(found) == sorted(zip(SMILES[:count], want, strict=True)), form


@pytest.mark.parametrize("container", [lzma.FORMAT_XZ, lzma.FORMAT_ALONE])
def test_no_container_is_smaller(container: int) -> None:
    text = "\n".join(sorted(SMILES))
    for preset in (6, 9, 9 | lzma.PRESET_EXTREME):
        assert len(xz(text)) < len(lzma.compress(text.encode(), container, preset=preset))


def test_a_set_holds_the_most_molecules_that_fit(protocol: TreeProtocol) -> None:
    y, train = protocol.labels("train"), protocol.data.train.tolist()
    least = len(stratify_labels(y).unique())
    for budget in (80, 110, 140):
        for seed, synthetic in enumerate(smiles_sets(protocol, budget, 2)):
            order = class_balanced_order(stratify_labels(y), generator(seed, "random graphs"))

            def length(count: int, order: Tensor = order) -> int:
                chosen = order[:count]
                return min(map(len, smiles_streams([SMILES[train[k]] for k in chosen.tolist()], y[chosen]).values()))

            count = len(synthetic)
            assert least < count < len(train)
            assert synthetic.nbytes == length(count) <= budget < length(count + 1)
            assert torch.equal(synthetic.y.nan_to_num(-1), y[order[:count]].nan_to_num(-1))
            assert torch.equal(synthetic.weight, class_weights(y[order[:count]], protocol.data.task))
            sizes = protocol.data.graphs.node_ptr.diff()[protocol.data.train][order[:count]]
            assert torch.equal(synthetic.forest.num_nodes, sizes)


def test_every_class_is_in_a_set_whatever_the_budget(protocol: TreeProtocol) -> None:
    (synthetic,) = smiles_sets(protocol, 1, 1)
    assert len(synthetic) == len(stratify_labels(protocol.labels("train")).unique())
    assert synthetic.nbytes > 1
    (synthetic,) = smiles_sets(protocol, 10**6, 1)
    assert len(synthetic) == len(protocol.data.train)


def test_graphs_without_smiles_are_refused(protocol: TreeProtocol) -> None:
    data = GraphDataset("plain", protocol.data.graphs, protocol.data.y, *protocol.data.splits.values(), "rocauc", "ogb")
    with pytest.raises(ValueError, match=r"^protocol\.data, plain, has no SMILES; only molecules loaded with them"):
        smiles_sets(TreeProtocol(data, depth=1), 100, 1)


@given(
    steps=st.lists(st.integers(0, 30), min_size=1, max_size=60),
    budget=st.integers(1, 900),
    least=st.integers(1, 3),
)
def test_the_next_number_does_not_fit(steps: list[int], budget: int, least: int) -> None:
    sizes = [0, *np.cumsum(steps).tolist()]
    most = max(least, len(steps))
    sizes += [sizes[-1]] * (most - len(steps))
    asked: list[int] = []
    found = largest_count(lambda n: (asked.append(n), sizes[n])[1], budget, least, most)
    fits = [n for n in range(least, most + 1) if sizes[n] <= budget]
    assert found == max(fits, default=least)
    assert len(asked) <= 18
    assert all(least <= n <= most for n in asked)


def test_levels_of_targets_take_their_bits_and_their_range() -> None:
    levels = torch.tensor([[3, 0], [1, -1], [2, 7]])
    streams = smiles_streams(["CO", "C", "N"], levels)
    assert unpack_xz(streams["columns"])[0].split("\n") == ["C", "CO", "N"]
    assert unpack_xz(unpack_xz(streams["columns"])[1])[0].split("\n") == ["1,", "3,0", "2,7"]
    rest = np.unpackbits(np.frombuffer(unpack_xz(streams["bits"])[1], np.uint8))[:24].reshape(3, 2, 4)
    assert (rest @ (1 << np.arange(4)) - 1).tolist() == [[1, -1], [3, 0], [2, 7]]


def test_targets_are_as_precise_as_in_the_codec() -> None:
    tensors, _ = read_smiles(SMILES)
    y = torch.randn(len(SMILES), 1, generator=torch.Generator().manual_seed(1))
    draw = torch.randperm(len(SMILES), generator=torch.Generator().manual_seed(0))
    data = GraphDataset("toy", unpack(tensors), y, *draw.split([52, 10, 10]), "rmse", "ogb", "", SMILES)
    (small,) = smiles_sets(TreeProtocol(data, depth=1), 150, 1, bits=2)
    assert small.task == "regression"
    assert len(small.y.unique()) <= 4
    assert 8 <= len(small) < 52
    assert small.nbytes <= 150
