from dataclasses import replace

import torch

from graphdistill.bench.kd import main, ofa_kd
from graphdistill.bench.options import KDBench
from graphdistill.kd.methods import kd
from tests.kd.methods.checks import batch_of
from tests.kd.samples import nodes_context


def test_hints_and_heads_are_compared(monkeypatch, capsys):
    monkeypatch.setattr(ofa_kd, "PAIRS", (("digits-knn", "GCN", "MLP"),))
    main(KDBench(parts=("ofa-kd",), seeds=1, steps=2, jobs=1))
    out = capsys.readouterr().out
    assert "digits-knn, GCN to MLP" in out
    assert all(word in out for word in ("labels", "kd + hint", "ofa-kd, no heads"))


def test_the_hint_is_a_squared_error_of_the_projection():
    context = nodes_context()
    objective = ofa_kd.hint(context, replace(kd.Config(), weight=0.0, label_weight=0.0))
    (mine,), (theirs,) = objective.student_layers, objective.teacher_layers
    student, teacher = (
        context.data.run(net, context.data.train, [layer])
        for net, layer in ((context.student, mine), (context.teacher, theirs))
    )
    batch = batch_of(student.logits, teacher.logits, context.data.known(context.data.train))
    batch = replace(batch, student=student, teacher=teacher.detach())
    scale = teacher.features[theirs].std()
    gap = (objective.module(student.features[mine]) - teacher.features[theirs]) / scale
    torch.testing.assert_close(objective.loss(batch).mean(), gap.square().mean())
