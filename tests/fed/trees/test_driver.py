import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from flwr.app import Array, ArrayRecord
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from fed import client_app
from fed.client.store import shared_key
from fed.methods import fedtrees
from fed.runtime.in_process import LocalGrid, run_in_process
from fed.server_app import app as server
from fed.trees.client import TreesClient, keyed
from fed.trees.driver import STRENGTHS
from graphdistill.core.data.graphs import Graphs
from graphdistill.core.trees.build import build_forest
from graphdistill.core.trees.wl import tree_keys
from tests.fed import samples
from tests.fed.data.test_partition import SMILES, molecules
from tests.fed.samples import hostile, molecular

QUICK = fedtrees.Config(strength=0.03)
"""A model that takes few rounds."""


@pytest.fixture(autouse=True)
def hard(monkeypatch):
    """Labels that no model can learn, so that optima are unlike zeros and unlike one another."""
    data = molecules(SMILES * 12).with_splits(torch.arange(60), torch.arange(60, 90), torch.arange(90, 120))
    y = torch.tensor(np.random.default_rng(0).permutation(data.y.numpy()))
    monkeypatch.setattr(samples, "toy", lambda: replace(data, y=y))


def federate(config, app=client_app.app):
    state = run_in_process(server, app, config.run_config(), config.clients)
    model = state.array_records["model"].to_torch_state_dict()
    return json.loads(state.config_records["outcome"]["json"]), model


def trees_of(forest):
    """Counts of the trees of depths 0 to 2 in each graph, by depth and content."""
    out = [{} for _ in range(len(forest))]
    for depth in range(3):
        level = forest.cut(depth)
        ids = [(depth, *row) for row in level.trees.ids()[-1].tolist()]
        for graph, tree, count in zip(level.graph.tolist(), level.tree.tolist(), level.count.tolist(), strict=True):
            out[graph][ids[tree]] = count
    return out


def central(held, strength, least):
    """Regression of scikit-learn on the graphs of all clients together, by tree."""
    owned = [set().union(*trees_of(part.train[0])) for part in held]
    names = sorted(name for name in set().union(*owned) if sum(name in own for own in owned) >= least)
    splits = [part.data.split("train") for part in held]
    graphs = [graphs[i] for graphs, _ in splits for i in range(len(graphs))]
    pooled = trees_of(build_forest(Graphs.from_data_list(graphs), 2))
    x = np.log1p([[counts.get(name, 0) for name in names] for counts in pooled])
    y = torch.cat([y for _, y in splits]).numpy()
    model = LogisticRegression(C=strength, class_weight="balanced", solver="newton-cg", tol=1e-10, max_iter=1000)
    model.fit(x, y)
    return dict(zip(names, model.coef_[0], strict=True)), model.intercept_[0]


def assert_central(model, held, strength, least=2):
    """The saved model has the coefficients of central training."""
    wanted, intercept = central(held, strength, least)
    weight = dict(zip(model["keys"].tolist(), (model["weight"][:, 1] - model["weight"][:, 0]).tolist(), strict=True))
    names = list(wanted)
    plain = torch.cat([tree_keys(torch.tensor([[a, b]]), depth) for depth, a, b in names])
    got = [weight.pop(key) for key in keyed(plain.numpy(), shared_key()).view(np.int64).tolist()]
    assert not weight
    np.testing.assert_allclose(got, list(wanted.values()), atol=1e-6)
    assert float(model["bias"][1] - model["bias"][0]) == pytest.approx(intercept, abs=1e-6)


@pytest.mark.parametrize("strength", [0.03, 1.0])
def test_the_optimum_is_that_of_central_training(strength, monkeypatch):
    config, held = molecular(monkeypatch, method=fedtrees.Config(strength=strength), rounds=20)
    found, model = federate(config)
    assert_central(model, held, strength)
    assert found["refused"] == found["missing"] == []
    assert found["trees"]["strength"] == strength
    assert found["trees"]["rounds"] == len(found["history"]) < 60
    assert set(found["test"]) == set(found["baselines"]["number of nodes"]) <= {"0", "1", "2"}
    # Losses of the weights 0: the balanced logarithm of 2.
    assert found["history"][0]["loss"] == pytest.approx(np.log(2))


def test_the_strength_is_the_best_on_validation(monkeypatch):
    config, held = molecular(monkeypatch, method="fedtrees", rounds=20)
    found, model = federate(config)
    assert_central(model, held, found["trees"]["strength"])
    means = {}
    for strength in STRENGTHS:
        weights, _ = central(held, strength, 2)
        scores = []
        for x, y, _ in (part.valid for part in held):
            z = [sum(weights.get(name, 0) * np.log1p(n) for name, n in counts.items()) for counts in trees_of(x)]
            scores += [roc_auc_score(y, np.round(z, 6))] if len(y.unique()) == 2 else []
        means[strength] = np.mean(scores)
    assert found["valid"] == pytest.approx(max(means.values()))
    assert means[found["trees"]["strength"]] == max(means.values())


def spoiled(change):
    """Change the arrays or metrics of a reply."""

    def spoil(reply):
        arrays = {name: array.numpy().copy() for name, array in reply.content.array_records.get("arrays", {}).items()}
        change(arrays, reply.content["metrics"])
        reply.content["arrays"] = ArrayRecord({name: Array(value) for name, value in arrays.items()})

    return spoil


def broken(arrays, metrics):
    raise OSError("out of memory")


FAULTS = (
    ("query.trees", broken, "node 2 failed: OSError: out of memory"),
    ("query.trees", lambda a, m: a.update(ids=a["ids"][::-1]), "node 3 was refused: ids are uint64 of shape"),
    ("query.sync", broken, "node 4 failed: OSError: out of memory"),
    ("query.gradient", broken, "node 5 failed: OSError: out of memory"),
    ("query.gradient", lambda a, m: a.update(gradient=a["gradient"][:-1]), "node 6 was refused: gradient is float32"),
    ("query.gradient", lambda a, m: a["gradient"].fill(1e30), "node 7 was refused: its gradient has a value of 1e+30"),
    ("query.gradient", lambda a, m: m.pop("loss"), "node 8 was refused: the metrics record lacks loss"),
    ("query.gradient", lambda a, m: a.update(gradient=-a["gradient"]), "node 9 was refused: its loss "),
)


def test_clients_that_fail_are_left_out_by_name_and_the_others_go_on(monkeypatch):
    config, held = molecular(monkeypatch, clients=10, method=QUICK, rounds=20)
    app = client_app.app
    for client, (kind, change, _) in enumerate(FAULTS, 1):
        app = hostile(kind, client, spoiled(change), app=app)
    found, model = federate(config, app)
    assert len(found["refused"]) == len(FAULTS)
    for (_, _, error), line in zip(FAULTS, sorted(found["refused"]), strict=True):
        assert error in line
    assert_central(model, [held[0], held[9]], QUICK.strength)
    assert found["missing"] == ["test: no reply of clients 1, 2, 3, 4, 5, 6, 7, 8"]


def test_a_late_lie_about_the_loss_is_found(monkeypatch):
    seen = []

    def lie(arrays, metrics):
        seen.append(1)
        if len(seen) > 3:
            metrics["loss"] = 0.5 * metrics["loss"]

    config, held = molecular(monkeypatch, method=QUICK, rounds=20)
    found, model = federate(config, hostile("query.gradient", 1, spoiled(lie)))
    assert "lies below the tangent" in found["refused"][0]
    assert_central(model, [held[0], held[2]], QUICK.strength)


def test_a_client_that_fails_at_the_test_costs_its_score_alone(monkeypatch):
    config, held = molecular(monkeypatch, method=QUICK, rounds=20)
    app = hostile("query.gradient", 1, spoiled(broken), lambda settings: settings["split"] == "test")
    found, model = federate(config, app)
    assert_central(model, held, QUICK.strength)
    assert found["missing"] == ["test: no reply of client 1"]
    assert "1" not in found["test"]


def test_if_all_fail_the_run_stops(monkeypatch):
    config, _ = molecular(monkeypatch, clients=1, method="fedtrees", rounds=20)
    with pytest.raises(RuntimeError, match="all clients failed: node 1 failed: OSError: out of memory"):
        federate(config, hostile("query.gradient", 0, spoiled(broken)))


def test_trees_of_one_client_are_sent_to_no_other(monkeypatch):
    sent = []

    class Channel(LocalGrid):
        def _deliver(self, message):
            sent.append(message)
            return super()._deliver(message)

    monkeypatch.setattr("fed.runtime.in_process.LocalGrid", Channel)
    config, held = molecular(monkeypatch, method=QUICK, rounds=20, partition="scaffold")
    federate(config)
    ids = [set(TreesClient(part, shared_key()).ids.tolist()) for part in held]
    shared = {tree for own in ids for tree in own if sum(tree in other for other in ids) >= 2}
    assert shared < set().union(*ids)
    received = [m.content["broadcast"]["vocabulary"].numpy() for m in sent if m.metadata.message_type == "query.sync"]
    assert [set(ids.tolist()) for ids in received] == [shared] * 3
    for message in sent:
        if message.metadata.message_type == "query.gradient":
            assert set(message.content["arrays"]) == {"weights"}


def test_a_limit_of_rounds_is_kept_and_reported(monkeypatch):
    config, _ = molecular(monkeypatch, method=fedtrees.Config(strength=0.3, max_rounds=4), rounds=20)
    found, _ = federate(config)
    assert len(found["history"]) == 4
    assert found["missing"][0].startswith("the optimum: the gradient has length ")


def test_too_few_common_trees_or_a_class_that_nobody_has_is_an_error(monkeypatch):
    config, held = molecular(monkeypatch, clients=2, method="fedtrees", rounds=20, min_clients=2)
    apart = [held[0], held[1]]
    for client in range(2):
        counts = {split: (keys + client, x) for split, (keys, x) in held[client].tree_counts.items()}
        apart[client].__dict__["tree_counts"] = counts
    with pytest.raises(ValueError, match="no tree is at 2 of 2 clients; give a smaller --min-clients"):
        federate(config)
    config, held = molecular(monkeypatch, clients=2, method="fedtrees", rounds=20)
    one = tuple(replace(part, train=(part.train[0], 0 * part.train[1], part.train[2])) for part in held)
    monkeypatch.setattr(client_app, "parts", lambda config: one)
    with pytest.raises(ValueError, match="no client has a training graph of class 1, and a classifier needs both"):
        federate(config)
