import numpy as np
import pytest

from graphdistill.mirage.shards.features import count_rows
from graphdistill.mirage.shards.featurise import graphs_of
from graphdistill.mirage.shards.scoring import TreeCountModel
from tests.mirage.shards import toys


@pytest.fixture(scope="module")
def model():
    graphs, _ = graphs_of(toys.SMILES)
    from graphdistill.mirage.shards.counting import count_trees

    ids = tuple(counts.ids[::2] for counts in count_trees(graphs, 2))
    return TreeCountModel(ids, np.random.default_rng(0).normal(size=(2, sum(map(len, ids)) + 1)))


def test_logits_are_products_with_log_counts(model):
    graphs, _ = graphs_of(toys.SMILES)
    rows = count_rows(graphs, model.ids)
    x = np.zeros((len(graphs), model.coef.shape[1]))
    x[np.repeat(np.arange(len(graphs)), np.diff(rows["ptr"])), rows["column"]] = np.log1p(rows["count"].astype(float))
    x[:, -1] = 1
    assert np.allclose(model.score_graphs(graphs), x @ model.coef.T)


def test_molecules_are_scored_one_by_one_or_together_and_invalid_ones_not(model):
    texts = [*toys.SMILES[:5], "X", "", *toys.SMILES[5:9]]
    scores = model.score_smiles(texts)
    assert np.isnan(scores).any(axis=1).tolist() == [text in ("X", "") for text in texts]
    assert np.array_equal(scores[6 + 1], model.score_smiles([texts[7]])[0])


def test_a_model_is_loaded_as_saved(model, tmp_path):
    model.save(tmp_path)
    again = TreeCountModel.load(tmp_path)
    assert np.array_equal(again.coef, model.coef)
    assert all(np.array_equal(a, b) for a, b in zip(again.ids, model.ids, strict=True))
    (tmp_path / "model.safetensors").write_bytes(b"x")
    with pytest.raises(ValueError, match="damaged"):
        TreeCountModel.load(tmp_path)
