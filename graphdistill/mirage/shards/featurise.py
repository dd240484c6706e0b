"""The graphs of a shard from its SMILES."""

from __future__ import annotations

from collections.abc import Sequence

from graphdistill.core.data.graphs import Graphs
from graphdistill.core.molecules.batch import Molecules
from graphdistill.core.molecules.featurise import CHUNK, featurise
from graphdistill.mirage.shards.packing import pack_graphs
from graphdistill.mirage.shards.parts import Arrays
from graphdistill.mirage.shards.work import NAMED, Work, refusal


def graphs_part(work: Work, shard: int) -> Arrays:
    """Packed graphs of a shard, and of each its labels, its split and its row in the file."""
    return work.parts("graphs").get(shard, lambda: _make(work, shard))


def graphs_of(smiles: Sequence[str]) -> tuple[Graphs, Molecules]:
    """Graphs of any number of molecules with OGB's features in bytes, and the status of each row.

    Example:
        >>> graphs, molecules = graphs_of(["CO", "C1"])
        >>> graphs.num_nodes, molecules.valid.tolist()
        (2, [True, False])
    """
    chunks = [featurise(smiles[first : first + CHUNK]) for first in range(0, max(len(smiles), 1), CHUNK)]
    molecules = Molecules.concatenate(chunks)
    return molecules.narrow_graphs, molecules


def _make(work: Work, shard: int) -> Arrays:
    text = work.text(shard)
    smiles = text["text"].tobytes().decode().split("\n") if len(text["place"]) else []
    graphs, molecules = graphs_of(smiles)
    wrong = molecules.problems(smiles)
    if wrong and not work.skip_invalid:
        named = [f"line {text['line'][number]}: {wrong[number]}" for number in sorted(wrong)[:NAMED]]
        raise ValueError(refusal(work.source.path, len(wrong), named))
    kept = molecules.valid.numpy()
    return {**pack_graphs(graphs), **{name: text[name][kept] for name in ("y", "split", "place")}}
