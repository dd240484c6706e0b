import os
import signal
import tempfile
import time
from pathlib import Path

import pytest

from graphdistill.core.parallel import default_jobs, open_engine
from graphdistill.core.ray_engine import check_answer


def work(context, item):
    return item * context, default_jobs(), os.getpid()


def fails(context, item):
    if item == 2:
        raise ValueError(f"item {item} is bad")
    return item


def killed_once(context, item):
    mark = Path(context, str(item))
    if item == 1 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return item


def test_an_address_where_nothing_answers_is_refused_in_seconds():
    start = time.monotonic()
    with pytest.raises(
        ValueError, match=r"--engine ray://127.0.0.1:1: no Ray cluster answers there .*ray start --head"
    ):
        check_answer("ray://127.0.0.1:1")
    assert time.monotonic() - start < 6


@pytest.mark.long
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # of Ray's own files
def test_a_local_ray_maps_in_order_repeats_what_is_killed_and_leaves_nothing(tmp_path):
    before = set(Path(tempfile.gettempdir()).glob("gd-ray-*"))
    with open_engine("ray", 2) as run:
        found = list(run(work, 10, range(6)))
        assert [value for value, *_ in found] == [0, 10, 20, 30, 40, 50]
        assert {jobs for _, jobs, _ in found} == {1}
        assert os.getpid() not in {pid for *_, pid in found}
        results = run(fails, None, range(4))
        assert [next(results), next(results)] == [0, 1]
        with pytest.raises(ValueError, match="item 2 is bad"):
            next(results)
        assert list(run(killed_once, tmp_path, range(3))) == [0, 1, 2]
    assert set(Path(tempfile.gettempdir()).glob("gd-ray-*")) == before
