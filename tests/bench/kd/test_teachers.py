import warnings

import torch
from torch import nn

from graphdistill.bench.kd import main, teachers
from graphdistill.bench.options import KDBench
from graphdistill.kd.inputs import Inputs, call


def test_the_vote_is_the_class_of_most():
    found = []
    for logits in ([0.0, 1.0, 0.9], [0.0, 1.0, 0.9], [0.0, 0.0, 9.0], [0.5, 0.0, 0.4]):
        found.append(nn.Linear(1, 3))
        nn.init.zeros_(found[-1].weight)
        found[-1].bias.data = torch.tensor(logits)
    batch = Inputs("x", {"x": torch.zeros(2, 1)})
    assert call(teachers.Vote(found), batch).softmax(1).tolist() == [[0.0, 1.0, 0.0]] * 2
    # One vote each: the mean of the probabilities decides.
    assert call(teachers.Vote(found[1:]), batch).argmax(1).tolist() == [2, 2]


def test_the_mean_stands_next_to_the_best_teacher_and_the_vote(capsys, monkeypatch):
    monkeypatch.setattr(teachers, "GRAPHS", ("digits-knn",))
    for part in (teachers._sources, teachers._unlabelled):
        monkeypatch.setattr(part, "measure", lambda bench: None)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="the teacher's validation accuracy")
        main(KDBench(parts=("teachers",), seeds=1, steps=2, jobs=1))
    out = capsys.readouterr().out
    assert all(word in out for word in ("digits-knn, to MLP", "teacher GAT", "best single", "vote", "MEAL V2"))
