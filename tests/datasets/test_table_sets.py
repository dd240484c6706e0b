import numpy as np
import pytest
import sklearn.datasets
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from graphdistill.core.evaluation.group_gaps import parity_gap
from graphdistill.datasets import load


@pytest.mark.parametrize(
    ("name", "shape", "metric"),
    [
        ("iris", (150, 4), "accuracy"),
        ("wine", (178, 13), "accuracy"),
        ("breast-cancer", (569, 30), "rocauc"),
        ("diabetes", (442, 10), "rmse"),
    ],
)
def test_tables_are_those_of_scikit_learn(name, shape, metric):
    data, found = load(name), getattr(sklearn.datasets, f"load_{name.replace('-', '_')}")()
    assert tuple(data.x.shape) == shape
    assert data.metric == metric
    assert data.columns == tuple(found.feature_names)
    train = data.train.numpy()
    np.testing.assert_allclose(data.x, StandardScaler().fit(found.data[train]).transform(found.data), atol=1e-4)
    if metric == "rmse":
        np.testing.assert_allclose(data.y[:, 0], found.target)
    else:
        assert [data.classes[label] for label in data.y] == found.target_names[found.target].tolist()
    assert not torch.equal(data.test, load(name, seed=1).test)


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 2**31))
def test_labels_of_the_biased_table_have_a_parity_gap_of_0_30(seed):
    data = load("biased-table", seed=seed)
    assert data.group.bincount().tolist() == [1000, 1000]
    assert parity_gap(data.y, data.group) == pytest.approx(0.30, abs=1e-9)
    for part in data.splits.values():
        assert parity_gap(data.y[part], data.group[part]) == pytest.approx(0.30, abs=0.01)


def test_predictions_on_the_biased_table_have_it_too_though_the_group_is_no_feature():
    gaps, blind = [], []
    for seed in range(3):
        data = load("biased-table", seed=seed)
        shows = torch.tensor([not column.startswith(("district", "commute")) for column in data.columns])
        for x, found in ((data.x, gaps), (data.x[:, shows], blind)):
            model = LogisticRegression().fit(x[data.train].numpy(), data.y[data.train].numpy())
            found.append(parity_gap(torch.from_numpy(model.predict(x.numpy())), data.group))
    assert np.mean(gaps) == pytest.approx(0.30, abs=0.02)
    assert np.mean(blind) < 0.05


def test_the_biased_table_depends_on_the_seed_alone():
    assert load("biased-table", seed=3).digest == load("biased-table", seed=3).digest != load("biased-table").digest
