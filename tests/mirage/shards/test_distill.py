import numpy as np
import pytest
import torch

from graphdistill.core.sets import graph_payload
from graphdistill.core.sets.storage import load_set, write_set
from graphdistill.mirage.shards import fit
from graphdistill.mirage.shards.config import ShardsConfig
from graphdistill.mirage.shards.distill import check_labels, plan
from graphdistill.mirage.shards.parts import Parts
from tests.mirage.shards import toys


@pytest.fixture(scope="module", autouse=True)
def quick():
    with pytest.MonkeyPatch.context() as patch:
        toys.without_priors(patch)
        patch.setattr(fit, "SAMPLE", 40)
        yield


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    return toys.run(tmp_path_factory.mktemp("one"), shards=1)


def test_the_set_is_within_the_budget_and_loads(result, tmp_path):
    assert 1 < result.entries
    assert 140 <= result.nbytes <= 150
    write_set(tmp_path, result.payload, result.task, "ogb", result.entries, {})
    loaded = load_set(tmp_path)
    assert (len(loaded), loaded.nbytes) == (result.entries, result.nbytes)
    assert loaded.y.shape == (result.entries, 2)
    assert torch.allclose(loaded.y.sum(dim=1), torch.ones(result.entries))
    assert result.scores["test"] > 0.8
    assert sum(result.molecules.values()) == len(toys.SMILES)


@pytest.mark.bits
def test_shards_change_no_byte(result, tmp_path):
    assert toys.bytes_of(toys.run(tmp_path, 7)) == toys.bytes_of(result)


@pytest.mark.bits
@pytest.mark.long  # among the tests of bits it runs all the same
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # of Ray's own files
@pytest.mark.parametrize(("engine", "jobs"), [("processes", 1), ("ray", 2)])
def test_engines_change_no_byte(tmp_path, engine, jobs):
    """Without the patches of this module, which other processes do not have."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(graph_payload, "MOST_WITH_PRIOR", 10_000)
        patch.setattr(fit, "SAMPLE", 65_536)
        (tmp_path / "here").mkdir()
        here = toys.run(tmp_path / "here", 2)
        assert toys.bytes_of(toys.run(tmp_path, 3, engine, jobs)) == toys.bytes_of(here)


def test_runs_that_are_killed_at_every_stage_end_with_the_same_bytes(result, tmp_path, monkeypatch):
    """Each run dies before its third part is written, so that one ends in the middle of every stage."""
    write, seen = Parts.write, []

    def dies(self, number, arrays):
        left[0] -= 1
        if left[0] < 0:
            seen.append(self.folder.name.split("-")[0])
            raise KeyboardInterrupt
        write(self, number, arrays)

    monkeypatch.setattr(Parts, "write", dies)
    for _ in range(40):
        left = [2]
        try:
            last = toys.run(tmp_path)
            break
        except KeyboardInterrupt:
            continue
    assert {"text", "graphs", "trees", "features", "selected"} <= {*seen}
    assert toys.bytes_of(last) == toys.bytes_of(result)


def test_damaged_and_lost_parts_are_made_again(result, tmp_path):
    toys.run(tmp_path)
    parts = sorted((tmp_path / "work").rglob("*.part"))
    assert len({path.parent for path in parts}) == 8
    for number, path in enumerate(parts):
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 4
        path.write_bytes(bytes(data))
        if number % 3 == 0:
            path.unlink()
    assert toys.bytes_of(toys.run(tmp_path)) == toys.bytes_of(result)
    again = sorted((tmp_path / "work").rglob("*.part"))
    assert again == parts


def test_a_finished_run_is_only_read(result, tmp_path, monkeypatch):
    toys.run(tmp_path)
    monkeypatch.setattr(Parts, "write", lambda *_: pytest.fail("a part was written"))
    assert toys.bytes_of(toys.run(tmp_path)) == toys.bytes_of(result)


def test_a_budget_below_a_molecule_of_each_class_is_refused(tmp_path):
    with pytest.raises(ValueError, match="the budget of 20 bytes is below one molecule of each class"):
        toys.run(tmp_path, budget=20)


def test_memory_too_small_for_a_shard_is_refused(tmp_path):
    source = toys.Source(toys.write(tmp_path, ["C 1"] * 40_000))
    options = {"depth": 2, "seed": 0, "skip_invalid": False}
    with pytest.raises(
        ValueError, match=r"--memory 600MB is too small for shards of 40,000 molecules; give --shards 4 or"
    ):
        plan(source, ShardsConfig(shards=1, memory="600MB"), tmp_path, budget=1000, **options)
    with pytest.raises(ValueError, match=r"--memory 600MB is too small to code a set of 200,000 bytes: give it 0.6GB"):
        plan(source, ShardsConfig(shards=4, memory="600MB"), tmp_path, budget=200_000, **options)
    made = plan(source, ShardsConfig(shards=4, memory="600MB"), tmp_path, budget=1000, **options)
    assert made.bounds(3) == (30_000, 40_000)


def test_machines_that_do_not_share_the_folder_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("graphdistill.mirage.shards.distill.sees", lambda paths, number: False)
    with pytest.raises(ValueError, match=r"the machines of --engine serial do not see .*give --dataset and --work"):
        toys.run(tmp_path)


def counts(classes=(), zero=(1,), one=(1,)):
    return {
        "split": np.array([9, 0, 0]),
        "classes": np.array(classes, int),
        "zero": np.array(zero),
        "one": np.array(one),
    }


def test_labels_of_all_shards_are_added(tmp_path):
    labels = check_labels(tmp_path, [counts([2]), counts([0, 3])])
    assert (labels.classes, labels.totals.tolist(), labels.balanced) == ([2, 3], [[2, 3]], True)
    labels = check_labels(tmp_path, [counts([2, 1, 1])])
    assert (labels.totals.tolist(), labels.balanced) == ([[2, 2], [3, 1], [3, 1]], False)
    labels = check_labels(tmp_path, [counts([], (1, 2), (0, 3)), counts([], (0, 1), (4, 0))])
    assert (labels.tasks, labels.totals.tolist(), labels.classes) == (True, [[1, 4], [3, 3]], [18])


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ([counts([4])], "have none of class 1; number classes from 0 without gaps, two or more"),
        ([counts([4, 0, 1])], "have none of class 1"),
        ([counts([], (1, 0), (1, 2))], "label column 2 does not hold both 0 and 1"),
    ],
)
def test_missing_classes_are_refused(tmp_path, parts, message):
    with pytest.raises(ValueError, match=message):
        check_labels(tmp_path, parts)
