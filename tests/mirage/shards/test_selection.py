import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphdistill.core.parallel import open_engine
from graphdistill.mirage.shards.features import Counted
from graphdistill.mirage.shards.selection import keys_of, ranks_of, select
from tests.mirage.shards import toys


@given(st.lists(st.tuples(st.integers(0, 2**40), st.integers(0, 2)), unique_by=lambda p: p[0], max_size=30))
def test_classes_alternate_while_they_last(pairs):
    key = np.array([k for k, _ in pairs], np.uint64)
    label = np.array([c for _, c in pairs], np.int64)
    order = np.argsort(ranks_of(key, label))
    queues = {c: sorted(k for k, d in pairs if d == c) for c in {d for _, d in pairs}}
    expected = []
    while any(queues.values()):
        expected += [queues[c].pop(0) for c in sorted(queues) if queues[c]]
    assert key[order].tolist() == expected


@pytest.mark.parametrize("most", [1, 10, 10**6])
def test_any_number_of_shards_selects_the_first_of_the_order(tmp_path, most):
    found = []
    for shards in (1, 5):
        work = toys.work(tmp_path, shards=shards)
        work.split()
        counted = Counted(work, 1, 3)
        coef = np.zeros((1, len(counted.supports) + 1))
        parts = [counted.part(shard) for shard in range(shards)]
        train = [part["split"] == 0 for part in parts]
        y = np.concatenate([part["y"][keep, 0] for part, keep in zip(parts, train, strict=True)]).astype(int)
        with open_engine("serial") as run:
            selection = select(counted, coef, run, totals=np.bincount(y).tolist(), most=most, tasks=False)
        keys = [keys_of(part, 0, 2)[0][keep] for part, keep in zip(parts, train, strict=True)]
        every = np.concatenate(keys)
        chosen = [selection.part(shard) for shard in range(shards)]
        found.append(sorted(int(key) for part in chosen for key in part["key"]))
        assert found[-1] == sorted(every[ranks_of(every, y) < most].tolist())
        assert len(found[-1]) == selection.most == min(most, len(y))
    assert found[0] == found[1]


def test_another_seed_is_another_order(tmp_path):
    arrays = {"place": np.arange(50), "y": np.zeros((50, 1))}
    orders = [np.argsort(keys_of(arrays, seed, 2)[0]).tolist() for seed in (0, 0, 1)]
    assert orders[0] == orders[1] != orders[2]
    assert len({*keys_of(arrays, 0, 2)[0].tolist()}) == 50
