import numpy as np
import pytest
import torch

from graphdistill.core.parallel import open_engine
from graphdistill.core.trees.build import build_forest
from graphdistill.core.trees.tree_counts import TreeCountRegression
from graphdistill.mirage.shards import fit as module
from graphdistill.mirage.shards.features import Counted
from graphdistill.mirage.shards.featurise import graphs_of
from graphdistill.mirage.shards.fit import fit
from graphdistill.mirage.shards.scoring import TreeCountModel
from graphdistill.mirage.shards.work import Work, content_of
from tests.mirage.shards import toys

SPLIT = [0 if k % 5 else 2 for k in range(len(toys.SMILES))]
CLASSES = [len(smiles) % 3 for smiles in toys.SMILES]


def counted(folder, labels, columns, shards):
    path = folder / "molecules.csv"
    rows = [
        ",".join([smiles, *map(str, y), ("train", "valid", "test")[split]])
        for smiles, y, split in zip(toys.SMILES, labels, SPLIT, strict=True)
    ]
    path.write_text("\n".join([f"smiles,{','.join(columns)},split", *rows]), encoding="utf-8")
    source = toys.Source(path, label_columns=columns, split_column="split")
    work = Work(source, folder / "work", len(rows), shards, content_of(path))
    work.split()
    return Counted(work, 1, 3)


def fitted(made, columns, tasks, totals, balanced):
    with open_engine("serial") as run:
        return fit(made, run, columns=columns, tasks=tasks, totals=np.array(totals, float), balanced=balanced)


@pytest.mark.parametrize("sample", [10**6, 40])
@pytest.mark.parametrize("head", [2048, 5])
def test_it_is_the_model_in_memory(tmp_path, monkeypatch, sample, head):
    """A sample of all molecules, or of every second one with passes over all; curvatures of all trees, or of few."""
    monkeypatch.setattr(module, "SAMPLE", sample)
    monkeypatch.setattr(module, "HEAD", head)
    made = counted(tmp_path, [(y,) for y in toys.LABELS], ("y",), 3)
    train = torch.tensor(SPLIT) == 0
    y = torch.tensor(toys.LABELS)
    graphs, _ = graphs_of(toys.SMILES)
    forest = build_forest(graphs, 2)
    known = TreeCountRegression(min_graphs=3).fit(forest.subset(train.nonzero().view(-1)), y[train], "rocauc")
    totals = [[int((y[train] == 0).sum()), int((y[train] == 1).sum())]]
    coef = fitted(made, (1,), False, totals, True)
    logits = TreeCountModel(made.ids, coef).score_graphs(graphs)[:, 0]
    assert np.allclose(logits, (known.logits(forest)[:, 1] * 2).numpy(), atol=5e-3)


def test_classes_and_tasks_are_those_in_memory(tmp_path):
    graphs, _ = graphs_of(toys.SMILES)
    forest, train = build_forest(graphs, 2), torch.tensor(SPLIT) == 0
    part = forest.subset(train.nonzero().view(-1))
    y = torch.tensor(CLASSES)
    made = counted(tmp_path, [(c,) for c in CLASSES], ("y",), 2)
    one = torch.bincount(y[train])
    totals = [[int(train.sum() - n), int(n)] for n in one]
    logits = TreeCountModel(made.ids, fitted(made, (0, 1, 2), False, totals, False)).score_graphs(graphs)
    assert np.allclose(
        logits, TreeCountRegression(min_graphs=3).fit(part, y[train], "accuracy").logits(forest), atol=1e-2
    )

    tasks = torch.tensor([[float(a), float(c > 0)] for a, c in zip(toys.LABELS, CLASSES, strict=True)])
    tasks[::4, 1] = torch.nan
    cells = [(int(a), "" if b != b else int(b)) for a, b in tasks.tolist()]
    made = counted(tmp_path, cells, ("a", "b"), 2)
    totals = [[int((tasks[train, t] == 0).sum()), int((tasks[train, t] == 1).sum())] for t in (0, 1)]
    logits = TreeCountModel(made.ids, fitted(made, (0, 1), True, totals, True)).score_graphs(graphs)
    assert np.allclose(
        logits, TreeCountRegression(min_graphs=3).fit(part, tasks[train], "rocauc").logits(forest), atol=1e-2
    )


def test_shards_change_no_bit(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "SAMPLE", 40)
    y = torch.tensor(toys.LABELS)[torch.tensor(SPLIT) == 0]
    totals = [[int((y == 0).sum()), int((y == 1).sum())]]
    found = [
        fitted(counted(tmp_path, [(y,) for y in toys.LABELS], ("y",), n), (1,), False, totals, True) for n in (1, 4, 7)
    ]
    assert all(np.array_equal(found[0], other) for other in found)
