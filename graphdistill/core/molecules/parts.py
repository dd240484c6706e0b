"""Many molecules in chunks: on all cores, and going on where an interrupted run stopped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save

from graphdistill.core.command.output import write_bytes
from graphdistill.core.data.tensors import downcast
from graphdistill.core.molecules.batch import Molecules
from graphdistill.core.molecules.featurise import CHUNK, featurise
from graphdistill.core.parallel import parallel_map


def featurise_all(
    smiles: Sequence[str], *, scaffolds: bool = False, jobs: int = 1, folder: Path | None = None
) -> Iterator[Molecules]:
    """:func:`~graphdistill.core.molecules.featurise.featurise` for any number of molecules, one chunk after another.

    Args:
        smiles: one molecule each.
        scaffolds: find Bemis-Murcko scaffolds, too. (default: no)
        jobs: number of processes. (default: 1, this process)
        folder: an existing folder that keeps a file of each finished chunk, which the next call on the same SMILES
            reads; damaged files are made again. (default: none)

    Example:
        >>> [len(part) for part in featurise_all(["CO", "X", "C"])]
        [2]
    """
    chunks = [smiles[first : first + CHUNK] for first in range(0, len(smiles), CHUNK)]
    return parallel_map(_part, (folder, scaffolds), [*enumerate(chunks)], jobs=jobs)


def _part(context: tuple[Path | None, bool], item: tuple[int, Sequence[str]]) -> Molecules:
    """Molecules of a chunk, read from the folder if it was finished before."""
    (folder, scaffolds), (number, smiles) = context, item
    if folder is None:
        return featurise(smiles, scaffolds=scaffolds)
    path = folder / f"{number:06d}.safetensors"
    try:
        found = Molecules.from_tensors(load_file(path))
        if len(found.status) == len(smiles):
            return found
    except (SafetensorError, OSError, ValueError):
        pass  # there is none, or it is damaged
    found = featurise(smiles, scaffolds=scaffolds)
    write_bytes(path, save({name: downcast(values).contiguous() for name, values in found.to_tensors().items()}))
    return found
