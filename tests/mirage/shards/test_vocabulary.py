import collections

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from graphdistill.mirage.shards.counting import supports_part
from graphdistill.mirage.shards.vocabulary import merge_supports, ranges_for, vocabulary
from tests.mirage.shards import toys

PAIRS = st.lists(st.tuples(st.integers(-3, 3), st.integers(-1, 1)), max_size=8)


@given(st.lists(PAIRS, min_size=1, max_size=4))
def test_supports_are_summed_by_id(parts):
    expected = collections.Counter(pair for part in parts for pair in part)
    ids, support = merge_supports(
        [np.array(part, np.int64).reshape(-1, 2) for part in parts], [np.ones(len(part), np.uint8) for part in parts]
    )
    assert list(zip(map(tuple, ids.tolist()), support.tolist(), strict=True)) == sorted(expected.items())


def test_ranges_of_ids_and_shards_change_nothing(tmp_path):
    found = []
    for shards, ranges in ((1, 1), (3, 1), (3, 4), (7, 8)):
        work = toys.work(tmp_path, shards=shards)
        work.split()
        found.append([part.tolist() for level in vocabulary(work, ranges, 3) for part in level])
    assert all(other == found[0] for other in found)
    expected = collections.Counter()
    for shard in range(7):
        arrays = supports_part(work, shard)
        expected.update(dict(zip(map(tuple, arrays["ids1"].tolist()), arrays["support1"].tolist(), strict=True)))
    assert dict(zip(map(tuple, found[0][2]), found[0][3], strict=True)) == {k: n for k, n in expected.items() if n >= 3}


def test_ranges_are_as_many_as_memory_asks_for():
    assert [ranges_for(trees, 10**9) for trees in (0, 6_000_000, 7_000_000, 70_000_000)] == [1, 1, 2, 16]
