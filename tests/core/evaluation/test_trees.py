import copy
import os
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score
from torch_geometric.data import Data

from graphdistill.core.codec import Labels, encode_set
from graphdistill.core.data.graphs import Graphs
from graphdistill.core.evaluation import protocol as evaluate
from graphdistill.core.evaluation.rows import Plan, baseline_rows, train_plans, train_rows
from graphdistill.core.evaluation.trees import TreeProtocol
from graphdistill.core.networks.tree_gnn import GNN
from graphdistill.core.parallel import one_thread
from graphdistill.core.randomness import scoped
from graphdistill.core.sets.synthetic import class_weights
from graphdistill.core.training.fit import FitConfig, fit, predict
from graphdistill.core.training.metrics import score
from graphdistill.core.trees.build import build_forest
from graphdistill.core.trees.tree_counts import TreeCountRegression
from graphdistill.datasets import load, load_graphs
from tests.chains import chains
from tests.second_device import second_device

ROOT = Path(os.environ.get("GRAPHDISTILL_DATA", "../shared/data"))
QUICK = FitConfig(steps=6, eval_every=2, batch_size=64)


def real(name, folder):
    if not (ROOT / folder).is_dir():
        pytest.skip(f"{name} is not in {ROOT}; set GRAPHDISTILL_DATA to the folder that has {folder}")
    return load_graphs(name, ROOT)


@pytest.fixture(scope="module")
def molbace():
    return TreeProtocol(
        real("ogbg-molbace", "ogb/ogbg_molbace"), depth=2, networks=("GCN", "GIN"), trainings=2, fit=QUICK
    )


@pytest.fixture(scope="module")
def mutag():
    return TreeProtocol(real("MUTAG", "tu/MUTAG"), depth=2, networks=("GCN", "GIN"), trainings=2, fit=QUICK)


@pytest.fixture(scope="module", params=["binary", "three classes", "tasks"])
def toy(request):
    """Rings whose labels say their class, 100 graphs split 60/20/20."""
    draw = torch.Generator().manual_seed(0)
    graphs = []
    for number in range(100):
        n, label = 3 + number % 4, number % 5 % 3 if request.param == "three classes" else int(number % 5 == 0)
        ring = torch.stack([torch.arange(n), torch.arange(n).roll(1)])
        x = (torch.rand(n, 1, generator=draw) < 0.5).long() * (label + 1)
        y = (
            torch.tensor([label])
            if request.param != "tasks"
            else torch.tensor([label, number % 2, 0 if number % 3 else torch.nan])
        )
        graphs.append(Data(x=x, edge_index=torch.cat([ring, ring.flip(0)], dim=1), y=y))
    data = load(graphs, splits=tuple(torch.arange(100).split([60, 20, 20])))
    return TreeProtocol(data, depth=2, networks=("GIN",), trainings=2, fit=QUICK)


def test_a_protocol_compresses_every_split(mutag):
    for split, index in (("train", mutag.data.train), ("valid", mutag.data.valid), ("test", mutag.data.test)):
        graphs = [mutag.data.graphs[int(i)] for i in index]
        assert mutag.forests[split].num_nodes.tolist() == [len(g.x) for g in graphs]
        want = build_forest(Graphs.from_data_list(graphs), 2).trees.ids()[-1]
        assert torch.equal(mutag.forests[split].trees.ids()[-1], want)
        assert torch.equal(mutag.labels(split), mutag.data.y[index])


def test_a_network_depends_on_name_and_seed_alone(mutag):
    def weights(*key):
        return torch.cat([p.detach().view(-1) for p in mutag.network(*key).parameters()])

    first = weights("GIN", 0)
    torch.rand(3)
    assert torch.equal(first, weights("GIN", 0))
    assert not torch.equal(first, weights("GIN", 1))
    assert len(mutag.network("GCN", 0).convs) == mutag.depth


def test_a_row_is_what_fitting_by_hand_gives(toy):
    data, small = toy.data, toy.full()
    (row,) = train_rows(toy, "all", [small], 1.5)
    for seed in range(2):
        with scoped(seed, "weights", "GIN"):
            model = GNN("GIN", data.graphs, data.features, data.num_outputs, num_layers=2)
        forests = {name: build_forest(data.split(name)[0], 2) for name in ("train", "valid", "test")}
        y = {name: data.split(name)[1] for name in forests}
        with one_thread():  # as in rows: products round differently on several
            fitted = fit(
                model,
                small.forest.counts(),
                small.y,
                valid=(forests["valid"], y["valid"]),
                metric=data.metric,
                task=data.task,
                weight=class_weights(small.y, data.task),
                config=QUICK,
                seed=seed,
            )
            test = score(predict(model, forests["test"]), y["test"], data.metric)
        assert (row.valid[seed], row.test[seed]) == (fitted.valid, test)
    assert (row.name, row.group, row.entries, row.nbytes) == ("all", "GIN", 60, toy.full().nbytes)
    assert row.distill_seconds == 1.5
    assert row.train_seconds > 0


def test_there_is_a_row_per_network_with_one_training_per_seed(molbace):
    small = molbace.random_sets(600, 2)[:1]
    rows = train_rows(molbace, "random", small)
    assert [row.group for row in rows] == ["GCN", "GIN"]
    assert all(len(set(row.test)) == len(set(row.valid)) == 2 for row in rows)
    once = train_rows(molbace, "random", small, trainings=1)
    assert [(row.test, row.valid) for row in once] == [(row.test[:1], row.valid[:1]) for row in rows]


def test_each_seed_trains_on_its_own_draw(toy, monkeypatch):
    sets, seen, honest = toy.random_sets(toy.full().nbytes // 2, 2), [], evaluate.fit_together

    def spy(models, forest, y, **options):
        seen.append((forest, options["seed"]))
        return honest(models, forest, y, **options)

    monkeypatch.setattr(evaluate, "fit_together", spy)
    (row,) = train_rows(toy, "random", sets, paired=True)
    assert sorted((torch.equal(forest.tree, sets[seed].forest.tree), seed) for forest, seed in seen) == [
        (True, 0),
        (True, 1),
    ]
    assert row.nbytes == round(sum(s.nbytes for s in sets) / 2)
    assert row.entries == round(sum(len(s) for s in sets) / 2)
    assert row.distill_seconds is None


@pytest.mark.bits
def test_the_same_seeds_give_the_same_rows(toy):
    budget, found = toy.full().nbytes // 2, []
    for _ in range(2):
        protocol = TreeProtocol(toy.data, depth=2, networks=("GIN",), trainings=2, fit=QUICK)
        torch.rand(5)
        rows = train_rows(protocol, "random", protocol.random_sets(budget, 2), paired=True) + baseline_rows(protocol)
        found.append([replace(row, train_seconds=None) for row in rows])
    assert found[0] == found[1]


def label_of(y):
    return y if y.dim() == 1 else (y.nan_to_num().sum(dim=1) > 0).long()


@pytest.mark.parametrize("soft_bits", [None, 4])
def test_random_graphs_keep_to_coded_bytes_and_balance_classes(toy, soft_bits):
    budget = 2 * toy.full().nbytes // 3
    sets = toy.random_sets(budget, 2, soft=soft_bits is not None, bits=soft_bits or 8)
    left = torch.bincount(label_of(toy.labels("train")))
    names = {name: k for k, name in enumerate(signatures(toy.forests["train"]))}
    for small in sets:
        assert small.nbytes == sum(t.numel() * t.element_size() for t in small.payload().values()) <= budget
        assert small.nbytes > 0.8 * budget
        found = Counter(signatures(small.forest))
        assert not found - Counter(signatures(toy.forests["train"]))
        assert torch.equal(small.weight, class_weights(small.y, small.task))
        assert (small.task, small.features) == (toy.data.task, toy.data.features)
        if soft_bits is None:
            # Classes alternate while they last.
            mine = torch.bincount(label_of(small.y), minlength=len(left))
            assert int(mine.sum()) == len(small)
            short = mine < left
            assert int(mine[short].max() - mine[short].min()) <= 1
            assert bool((mine[~short] <= mine[short].min() + 1).all())
        else:
            index = torch.tensor([names[name] for name in signatures(small.forest)])
            assert (small.y - toy.training.soft[index]).abs().max() < 0.2
    assert sorted(signatures(sets[0].forest)) != sorted(signatures(sets[1].forest))


def signatures(forest):
    """One hashable name per graph: the ids of its trees and their counts, in sorted order."""
    ids = [tuple(row) for row in forest.trees.ids()[-1].tolist()]
    pairs = [(ids[tree], count) for tree, count in zip(forest.tree.tolist(), forest.count.tolist(), strict=True)]
    ptr = forest.ptr.tolist()
    return [tuple(sorted(pairs[a:b])) for a, b in pairwise(ptr)]


def test_the_order_of_draws_does_not_depend_on_labels(molbace):
    """Sets with soft labels hold the first graphs of the same order, fewer where labels take more bytes."""
    hard, soft = (molbace.random_sets(600, 1, soft=bits is not None, bits=bits or 8)[0] for bits in (None, 8))
    assert len(soft) < len(hard)
    assert not Counter(signatures(soft.forest)) - Counter(signatures(hard.forest))


def test_a_budget_below_a_graph_still_gives_one_of_each_class(toy):
    for small in toy.random_sets(1, 2):
        assert sorted(label_of(small.y).tolist()) == sorted(set(label_of(toy.labels("train")).tolist()))


def test_all_the_data_are_coded_without_loss(molbace, toy):
    for protocol in (molbace, toy):
        graphs, y = protocol.data.split("train")
        small = protocol.full()
        # A prior may save bytes.
        bare = len(encode_set(graphs, Labels(y, protocol.task, bits=1)).data) + 1
        assert 0.95 * bare < small.nbytes <= bare
        assert len(small) == len(graphs)
        names = {}
        for name, label in zip(signatures(protocol.forests["train"]), y, strict=True):
            names.setdefault(name, []).append(label)
        for name, label in zip(signatures(small.forest), small.y, strict=True):
            assert any(torch.equal(label.nan_to_num(-1), other.nan_to_num(-1)) for other in names[name])
        assert torch.equal(small.weight, class_weights(small.y, protocol.data.task))


def test_scores_without_a_network_are_those_of_the_raw_molecules(molbace):
    data = molbace.data
    rows = {(row.name, row.group): row for row in baseline_rows(molbace)}
    scorers = {
        "number of nodes": lambda graph: len(graph.x),
        # OGB's first feature is the atomic number less one; carbon is 5.
        "number of heteroatoms": lambda graph: sum(atom != 5 for atom in graph.x[:, 0].tolist()),
    }
    for name, scorer in scorers.items():
        row = rows[name, None]
        for split, got in (("valid", row.valid), ("test", row.test)):
            index = getattr(data, split).tolist()
            want = roc_auc_score(data.y[index].numpy(), [scorer(data.graphs[i]) for i in index])
            assert got == (pytest.approx(want, abs=1e-12),)
    model = TreeCountRegression().fit(molbace.forests["train"], molbace.labels("train"), "rocauc")
    (learnt,) = rows["logistic regression on tree counts", None].test
    assert learnt == score(model.logits(molbace.forests["test"]), molbace.labels("test"), "rocauc")
    assert rows.keys() == {
        ("untrained network", "GCN"),
        ("untrained network", "GIN"),
        ("logistic regression on tree counts", None),
        *((name, None) for name in scorers),
    }


def test_the_majority_class_is_that_of_training(mutag):
    (row,) = [row for row in baseline_rows(mutag) if row.name == "majority class"]
    train, valid, test = (
        mutag.data.y[index].numpy() for index in (mutag.data.train, mutag.data.valid, mutag.data.test)
    )
    major = np.bincount(train).argmax()
    assert row.valid == (pytest.approx(np.mean(valid == major)),)
    assert row.test == (pytest.approx(np.mean(test == major)),)


def test_baselines_fit_the_task(toy):
    names = [row.name for row in baseline_rows(toy)]
    more = {"rocauc": "number of nodes", "accuracy": "majority class"}[toy.data.metric]
    want = ["untrained network", "logistic regression on tree counts"]
    assert names == (want if toy.data.task == "multilabel" else [*want, more])


def test_untrained_networks_are_not_chosen(molbace):
    for row in baseline_rows(molbace):
        if row.name != "untrained network":
            continue
        assert (row.valid, row.nbytes, row.entries, row.train_seconds) == ((), None, None, None)
        truth = molbace.labels("test").numpy()
        for seed in range(2):
            logits = predict(molbace.network(row.group, seed), molbace.forests["test"])
            assert row.test[seed] == pytest.approx(roc_auc_score(truth, (logits[:, 1] - logits[:, 0]).numpy()))


def test_labels_of_the_test_split_choose_nothing(molbace, monkeypatch):
    """Turned around they turn the test scores around, and change neither a checkpoint nor a validation score."""
    data, honest = molbace.data, evaluate.fit_together
    flipped = data.y.clone()
    flipped[data.test] = 1 - flipped[data.test]
    rows, states = [], []
    for y in (data.y, flipped):
        protocol = TreeProtocol(replace(data, y=y), depth=2, networks=("GIN",), trainings=2, fit=QUICK)
        chosen = []

        def spy(models, *args, chosen=chosen, **options):
            (fitted,) = honest(models, *args, **options)
            chosen.append((fitted.step, {name: value.clone() for name, value in models[0].state_dict().items()}))
            return [fitted]

        monkeypatch.setattr(evaluate, "fit_together", spy)
        sets = protocol.random_sets(protocol.full().nbytes // 4, 2)
        rows.append(train_rows(protocol, "random", sets, paired=True) + baseline_rows(protocol))
        states.append(chosen)
    for one, other in zip(*rows, strict=True):
        assert one.valid == other.valid
        assert [1 - t for t in one.test] == pytest.approx(other.test)
    assert len(states[0]) == 2
    for (step, state), (other_step, other_state) in zip(*states, strict=True):
        assert step == other_step
        assert all(torch.equal(value, other_state[name]) for name, value in state.items())


def scores(rows):
    return [(row.name, row.group, row.test, row.valid, row.nbytes, row.entries) for row in rows]


@pytest.mark.parametrize("toy", ["binary"], indirect=True)
def test_rows_are_the_same_in_any_number_of_processes(toy):
    found = []
    for jobs in (1, 2):
        protocol = replace(toy, jobs=jobs)
        budget = protocol.full().nbytes // 2
        plans = [
            Plan("raw", protocol.random_sets(budget, 2), paired=True),
            Plan("packed", protocol.random_sets(budget, 2), paired=True),
            Plan("all", [protocol.full()], trainings=1),
        ]
        found.append(scores(train_plans(protocol, plans)))
    assert found[0] == found[1]
    assert [len(test) for _, _, test, *_ in found[0]] == [2, 2, 1]
    assert found[0] == scores(
        [row for p in plans for row in train_rows(toy, p.name, p.sets, trainings=p.trainings, paired=p.paired)]
    )


def test_a_training_that_two_rows_share_runs_once(toy, monkeypatch):
    seen, honest = [], evaluate.fit_together
    monkeypatch.setattr(evaluate, "fit_together", lambda *args, **options: seen.append(1) or honest(*args, **options))
    small = toy.full()
    # The same content, as it comes from another process.
    first, again = train_plans(toy, [Plan("all", [small]), Plan("again", [copy.deepcopy(small)], trainings=1)])
    assert len(seen) == 2
    assert again.test == first.test[:1]


def test_scores_are_the_same_on_a_second_device(toy):
    with second_device() as device:
        there = baseline_rows(replace(toy, device=device))
    assert scores(there) == scores(baseline_rows(toy))


@pytest.fixture(scope="module")
def targets():
    """Chains of which the target is a number that adds up over nodes, some of two targets unknown."""
    graphs = chains(100, lambda ones: 1000 + 30.5 * ones)
    data = load(graphs, task="regression")
    return TreeProtocol(data, depth=2, networks=("GIN", "GCN"), trainings=2, fit=FitConfig(steps=60, eval_every=20))


def test_rows_of_regression_have_errors_in_the_unit_of_the_targets(targets):
    (soft,), (own,) = (targets.random_sets(150, 1, soft=soft, bits=4) for soft in (True, False))
    assert torch.isnan(own.y).any()
    assert not torch.isnan(soft.y).any()
    rows = train_plans(targets, [Plan("soft", [soft]), Plan("all", [targets.full()])]) + baseline_rows(targets)
    of = {(row.name, row.group): row for row in rows}
    y, train = targets.labels("test").double(), targets.labels("train").double()
    mean = of["mean", None]
    error = (train.nanmean(dim=0) - y).abs()
    assert mean.test[0] == pytest.approx(float(error.square().nanmean(dim=0).sqrt().mean()), rel=1e-6)
    assert mean.others == {"mae": (pytest.approx(float(error.nanmean(dim=0).mean()), rel=1e-6),)}
    ridge = of["ridge regression on tree counts", None]
    assert ridge.test[0] < 0.1 * mean.test[0]
    for network in targets.networks:
        assert of["all", network].mean < 0.8 * mean.mean
        assert of["untrained network", network].mean < 5 * mean.mean
        row = of["all", network]
        assert all(mae < rmse for mae, rmse in zip(row.others["mae"], row.test, strict=True))


def test_the_checkpoint_has_the_least_validation_error_and_the_units_of_the_set(targets, monkeypatch):
    found, own = [], evaluate.score
    monkeypatch.setattr("graphdistill.core.training.fit.score", lambda *words: found.append(own(*words)) or found[-1])
    (small,) = targets.random_sets(150, 1, bits=4)
    net, best = targets.train(small, 0)
    assert best.valid == min(found)
    assert targets.score(net, "valid") == pytest.approx(best.valid)
    torch.testing.assert_close(net.mean, small.y.nanmean(dim=0))
