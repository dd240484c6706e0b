from dataclasses import replace

from graphdistill.bench.kd import main, unlearn
from graphdistill.bench.options import KDBench
from graphdistill.unlearn.methods import laf


def test_every_task_compares_with_the_retrained_model(monkeypatch, capsys):
    task = replace(unlearn.TASKS[1], methods={"LAF": laf.Config(unlearn_steps=1, vae_steps=1)}, entries=60)
    monkeypatch.setattr(unlearn, "TASKS", (task,))
    main(KDBench(parts=("unlearn",), seeds=1, steps=1, jobs=1))
    out = capsys.readouterr().out
    assert all(word in out for word in ("membership AUC - retrained", "remaining", "forgotten", "LAF", "given model"))


def test_settings_differ_by_task_and_all_methods_are_there():
    assert {tuple(task.methods) for task in unlearn.TASKS} == {("fine-tune", "gradient ascent", "LAF", "LAF+R")}
