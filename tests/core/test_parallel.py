import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import psutil
import pytest
import torch

from graphdistill.core import parallel
from graphdistill.core.command.progress import Progress
from graphdistill.core.parallel import (
    check_engine,
    check_jobs,
    default_jobs,
    one_thread,
    open_engine,
    parallel_map,
    start,
)
from graphdistill.core.randomness import generator

ROOT = Path(__file__).parents[2]


def noise(context, item):
    x = torch.randn(64, 64, generator=generator(item, "noise")) + context["shift"]
    return item, os.getpid(), torch.get_num_threads(), default_jobs(), (x @ x).sum().item()


def fails(context, item):
    if item == 3:
        raise context(f"item {item} is bad")
    return item


def nested(context, item):
    return [pid for _, pid, *_ in parallel_map(noise, {"shift": 0.0}, range(3), jobs=2)] + [os.getpid()]


class Picky(Exception):
    def __init__(self, number, reason):
        super().__init__(f"{number}: {reason}")


def is_picky(context, item):
    raise Picky(item, "no")


@pytest.fixture(scope="module")
def apart():
    context = {"shift": torch.tensor(0.5)}
    threads = torch.get_num_threads()
    yield {jobs: list(parallel_map(noise, context, range(7), jobs=jobs)) for jobs in (1, 2, 3)}
    assert torch.get_num_threads() == threads


def test_results_come_in_order_and_are_the_same_bits_in_any_number_of_processes(apart):
    values = {jobs: [(item, value) for item, *_, value in results] for jobs, results in apart.items()}
    assert [item for item, _ in values[1]] == list(range(7))
    assert values[1] == values[2] == values[3]


def test_work_is_done_where_it_is_wanted(apart):
    pids = {jobs: {pid for _, pid, *_ in results} for jobs, results in apart.items()}
    assert pids[1] == {os.getpid()}
    assert os.getpid() not in pids[2] | pids[3]
    assert len(pids[2]) <= 2


def test_every_item_has_one_thread_and_no_more_processes_of_its_own(apart):
    assert {threads for results in apart.values() for _, _, threads, *_ in results} == {1}
    assert {jobs for results in (apart[2], apart[3]) for *_, jobs, _ in results} == {1}
    assert all(len(set(pids)) == 1 for pids in parallel_map(nested, None, range(2), jobs=2))


def test_an_empty_map_and_a_single_item_stay_here():
    assert list(parallel_map(noise, {"shift": 0.0}, [], jobs=2)) == []
    assert next(parallel_map(noise, {"shift": 0.0}, [5], jobs=2))[1] == os.getpid()


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_error_comes_in_its_turn_with_its_type_and_text(jobs):
    results = parallel_map(fails, ArithmeticError, range(6), jobs=jobs)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ArithmeticError, match="item 3 is bad"):
        next(results)


def test_an_error_that_cannot_travel_becomes_a_runtime_error():
    with pytest.raises(RuntimeError, match="Picky: 0: no"):
        list(parallel_map(is_picky, None, range(2), jobs=2))


def test_a_local_function_and_a_progress_bar_travel():
    with Progress(quiet=False) as bars:
        assert list(parallel_map(lambda bar, n: list(bar.track([n], "counting")), bars, [1, 2], jobs=2)) == [[1], [2]]


@pytest.mark.parametrize("jobs", [0, -1])
def test_jobs_start_at_one(jobs):
    with pytest.raises(ValueError, match=f"jobs must be 1 or more, got {jobs}; leave it out to use all cores"):
        parallel_map(noise, None, [1], jobs=jobs)
    with pytest.raises(ValueError, match="--jobs must be 1 or more"):
        check_jobs(jobs, "--jobs")
    check_jobs(None)


def test_default_jobs_are_the_cores_of_this_process(monkeypatch):
    monkeypatch.delenv("LOKY_MAX_CPU_COUNT", raising=False)
    assert 1 <= default_jobs() <= len(os.sched_getaffinity(0))
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "1")
    assert default_jobs() == 1


def test_processes_that_were_started_ahead_do_the_work():
    start(2, "graphdistill.core.splitmix64")
    assert len(list(parallel_map(noise, {"shift": 0.0}, range(4), jobs=2))) == 4


def test_one_thread_puts_threads_back():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with pytest.raises(KeyError), one_thread():
            raise KeyError
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("how", ["SIGINT", "SIGKILL"])
def test_processes_end_with_their_parent(how, tmp_path):
    script = textwrap.dedent(f"""
        import os, pathlib, signal, time
        signal.signal(signal.SIGINT, signal.default_int_handler)
        from graphdistill.core.parallel import parallel_map

        def wait(context, item):
            pathlib.Path({str(tmp_path)!r}, str(os.getpid())).touch()
            time.sleep(60)

        list(parallel_map(wait, None, range(4), jobs=2))
    """)
    environment = {**os.environ, "TMPDIR": str(tmp_path / "tmp"), "PYTHONPATH": str(ROOT)}
    (tmp_path / "tmp").mkdir()
    parent = subprocess.Popen(
        [sys.executable, "-c", script], env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    patience = time.monotonic() + 60
    while len(names := [p.name for p in tmp_path.iterdir() if p.name.isdigit()]) < 2:
        assert time.monotonic() < patience
        time.sleep(0.1)
    family = [psutil.Process(int(name)) for name in names]
    if how == "SIGINT":
        os.killpg(parent.pid, signal.SIGINT)  # as a terminal does
    else:
        parent.kill()
    _, alive = psutil.wait_procs(family, timeout=10)
    _, errors = parent.communicate(timeout=20)
    assert not alive
    assert not list((tmp_path / "tmp").glob("graphdistill-*"))
    if how == "SIGINT":
        assert errors.count("KeyboardInterrupt") == 1


def test_the_module_can_be_imported_without_torch():
    assert "torch" not in vars(parallel)
    code = "import sys, graphdistill.core.parallel; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(ROOT)}).returncode == 0


def killed_once(context, item):
    mark = Path(context, str(item))
    if item == 1 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return item, os.getpid()


def always_killed(context, item):
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.skipif(sys.platform == "win32", reason="kills by a signal")
def test_an_engine_of_processes_repeats_the_work_of_a_killed_one(tmp_path, monkeypatch):
    monkeypatch.setattr(parallel, "RETRIES", 1)
    with open_engine("processes", 2) as run:
        found = list(run(killed_once, tmp_path, range(4)))
        assert [item for item, _ in found] == [0, 1, 2, 3]
        assert os.getpid() not in {pid for _, pid in found}
        with pytest.raises(RuntimeError, match="a process was killed 2 times in a row, perhaps for its memory"):
            list(run(always_killed, None, [0]))


def test_the_serial_engine_works_here():
    with open_engine("serial") as run:
        assert list(run(pow, 2, [1, 2, 3])) == [2, 4, 8]


@pytest.mark.parametrize("name", ["spark", "ray://", "ray://host", "ray://host:0", "ray://host:99999", "ray://:1"])
def test_other_engines_are_refused(name):
    with pytest.raises(ValueError, match="--engine must be serial, processes, ray or ray://HOST:PORT, got"):
        check_engine(name, "--engine")


def test_an_engine_without_its_package_is_refused(monkeypatch):
    monkeypatch.setattr(parallel.importlib.util, "find_spec", lambda name: None)
    check_engine("processes")
    with pytest.raises(ValueError, match="engine ray needs the package ray: pip install ray, or give processes"):
        check_engine("ray")
