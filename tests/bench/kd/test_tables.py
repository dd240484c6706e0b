from graphdistill.bench.kd._tables import run_seeds, show
from graphdistill.bench.options import KDBench


def scores(context, seed):
    return {"kd": {"accuracy": 50.0 + seed}, "other": {"accuracy": 50.0 + 2 * seed}}


def test_numbers_of_all_seeds_are_shown_with_paired_differences(capsys):
    found = run_seeds(KDBench(seeds=3, first_seed=1, jobs=1), scores, None, "demo")
    assert found == {"kd": {"accuracy": [51.0, 52.0, 53.0]}, "other": {"accuracy": [52.0, 54.0, 56.0]}}
    show("demo", found, "kd")
    out = capsys.readouterr().out
    assert "demo, 3 seeds" in out
    assert "+2.00 ± 0.58, 3/3" in out
