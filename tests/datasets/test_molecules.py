import csv
import gzip
from pathlib import Path

import pytest
import torch
from rdkit import Chem, RDConfig
from rdkit.Chem.FilterCatalog import FilterCatalog, FilterCatalogParams
from rdkit.Chem.Scaffolds.MurckoScaffold import MurckoScaffoldSmiles

from graphdistill.datasets import load
from graphdistill.datasets._molecules import PainsFilters, read_smiles
from graphdistill.datasets._splits import by_scaffold


def test_pains_has_840_positives_split_by_scaffold(capfd):
    data = load("pains")
    assert capfd.readouterr() == ("", "")
    assert len(data.graphs) == 10000
    assert int(data.y.sum()) == 840
    assert (len(data.train), len(data.valid), len(data.test)) == (8000, 1000, 1000)
    assert torch.cat([data.train, data.valid, data.test]).unique().numel() == 10000
    assert (data.metric, data.features, data.graphs.x.shape[1]) == ("rocauc", "ogb", 9)
    assert data.smiles is not None
    atoms = [Chem.MolFromSmiles(text).GetNumAtoms() for text in data.smiles[::40]]
    assert atoms == data.graphs.node_ptr.diff()[::40].tolist()
    again = load("pains")
    assert torch.equal(again.graphs.x, data.graphs.x)
    assert torch.equal(again.y, data.y)


@pytest.fixture(scope="module")
def molbace(data_root):
    with gzip.open(data_root / "ogb" / "ogbg_molbace" / "mapping" / "mol.csv.gz", "rt") as file:
        return [row["smiles"] for row in csv.DictReader(file)], load("ogbg-molbace", data_root)


@pytest.fixture(scope="module")
def compounds():
    """Every fortieth of the screening compounds."""
    with Path(RDConfig.RDDataDir, "Pains", "test_data", "wehi_mols.csv").open(newline="") as file:
        return [row[0] for row in csv.reader(file) if row][::40]


def test_filters_match_what_rdkit_s_catalog_matches(compounds):
    parameters = FilterCatalogParams()
    parameters.AddCatalog(FilterCatalogParams.FilterCatalogs.PAINS)
    catalog, filters = FilterCatalog(parameters), PainsFilters()
    molecules = [Chem.MolFromSmiles(text) for text in compounds]
    found = [filters.match(molecule) for molecule in molecules]
    assert found == [catalog.HasMatch(molecule) for molecule in molecules]
    assert 0 < sum(found) < len(found)
    assert len(filters.entries) == catalog.GetNumEntries() == int(filters.bits.any(axis=1).sum()) == 480


def test_the_scaffold_split_is_that_of_ogb(molbace):
    smiles, official = molbace
    # OGB's splits distinguish mirror images; ours do not, because they are too similar.
    ours = by_scaffold([MurckoScaffoldSmiles(s, includeChirality=True) for s in smiles])
    for part, theirs in zip(ours, (official.train, official.valid, official.test), strict=True):
        assert torch.equal(part, theirs)


def test_graphs_from_smiles_are_those_of_ogb(molbace):
    smiles, official = molbace
    assert official.smiles == tuple(smiles)
    ours, _ = read_smiles(smiles)
    for name in ("x", "edge_index", "edge_attr", "node_ptr", "edge_ptr"):
        assert torch.equal(ours[name], getattr(official.graphs, name)), name


def test_mirror_images_share_a_part():
    smiles = ["C[C@H]1CC1", "C[C@@H]1CC1", "C1CC[C@H]2CCCC[C@@H]2C1", "C1CC[C@@H]2CCCC[C@@H]2C1"] + ["c1ccccc1"] * 16
    parts, _ = read_smiles(smiles)
    homes = [{p for p in ("train", "valid", "test") if i in parts[p]} for i in range(4)]
    assert homes[0] == homes[1]
    assert homes[2] == homes[3]
