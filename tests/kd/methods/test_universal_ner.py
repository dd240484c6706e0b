from dataclasses import replace

import pytest
import torch

from graphdistill.core.networks.tagger import Tagger
from graphdistill.kd.config import KDConfig
from graphdistill.kd.data.kinds import view_of
from graphdistill.kd.data.tagged import TaggedView
from graphdistill.kd.data.text import TextView
from graphdistill.kd.distill import distill_kd, fit_labels
from graphdistill.kd.methods import universal_ner
from graphdistill.kd.objective import Context
from graphdistill.kd.training import fit_objective
from tests.kd.samples import tagged, texts

CONFIG = KDConfig(steps=40, batch_size=16, eval_every=20, lr=0.02)


def context(teacher=None, view=None, **words):
    view = TaggedView(tagged()) if view is None else view
    torch.manual_seed(0)
    student = Tagger(2, 5, width=8, depth=1)
    teacher = Oracle(view) if teacher is None else teacher
    settings = {"steps": 4, "batch_size": 20, "lr": 0.01, "weight_decay": 0.0, **words}
    return Context(student=student, teacher=teacher, data=view, **settings)


class Oracle(torch.nn.Module):
    """Answers with the labels, looked up by the words."""

    def __init__(self, view):
        super().__init__()
        self.view = view
        self.answers = {}
        for question in range(len(view.data.y)):
            inputs = view.inputs(torch.tensor([question]))
            key = (*inputs["tokens"][0].tolist(), int(inputs["types"]))
            self.answers[key] = view.data.y[question].clamp(min=0)

    def forward(self, tokens, types):
        keys = [(*row, kind) for row, kind in zip(tokens.tolist(), types.tolist(), strict=True)]
        return 9.0 * torch.nn.functional.one_hot(torch.stack([self.answers[key] for key in keys]), 3).float()


def test_positive_questions_and_their_negatives():
    made = context()
    draws = universal_ner.Draws(made, made.data, universal_ner.Config(negatives=1.0))
    y = made.data.data.y[made.data.train]
    has = (y > 0).any(dim=1)
    seen = torch.cat([draws.sample(10) for _ in range(200)])
    assert abs(float(has[seen].double().mean()) - 0.5) < 1e-9
    assert set(seen.tolist()) == set(range(120))
    # A sentence with a name is asked for a place alone; one without spans for either, as they are equally frequent.
    count = torch.bincount(seen[~has[seen]], minlength=120).view(20, 3, 2).sum(dim=0)
    assert count[0, 0] == count[1, 1] == 0
    assert abs(int(count[2].sum()) - 1000 / 3) < 70
    assert abs(int(count[2, 0]) - int(count[2, 1])) < 60
    alone = universal_ner.Draws(made, made.data, universal_ner.Config(negatives=0.0))
    assert bool(has[alone.sample(50)].all())


def test_labels_of_the_student_replace_the_answers():
    class Silent(torch.nn.Module):
        def forward(self, characters):
            return torch.tensor([1.0, 0.0, 0.0]).expand(*characters.shape[:2], 3)

    view = TaggedView(tagged(), labelled=torch.tensor([0]))
    made = context(Silent(), view)
    draws = universal_ner.Draws(made, view, universal_ner.Config())
    assert draws.positive.tolist() == [0]
    with pytest.raises(ValueError, match="neither the teacher nor the labels find a span in the training"):
        universal_ner.Draws(made, TaggedView(tagged(), labelled=torch.tensor([2])), universal_ner.Config())


@pytest.mark.parametrize("answers", ["probabilities", "spans"])
def test_the_loss_is_that_of_a_loop(answers):
    made = context(batch_size=6)
    config = universal_ner.Config(answers=answers, temperature=1.5, weight=0.7, label_weight=0.3)
    objective = universal_ner.objective(made, config)
    few = universal_ner.student_view(made.data, config, made.seed)
    seen = []
    watched = replace(objective, loss=lambda batch: seen.append(batch) or objective.loss(batch))
    fit_objective(made, watched, eval_every=4)
    batch = seen[0]
    known, distilled, labelled = few.known(batch.index), [], []
    for row, word in enumerate(batch.inputs["attention_mask"].flatten().tolist()):
        if not word:
            continue
        student, teacher = batch.student.logits[row], batch.teacher.logits[row]
        if answers == "spans":
            distilled.append(-student.log_softmax(0)[teacher.argmax()])
        else:
            p, q = (teacher / 1.5).softmax(0), (student / 1.5).softmax(0)
            distilled.append(1.5**2 * (p * (p / q).log()).sum())
        if known[row] >= 0:
            labelled.append(-student.log_softmax(0)[known[row]])
    want = 0.7 * torch.stack(distilled).mean() + (0.3 * torch.stack(labelled).mean() if labelled else 0)
    assert float(objective.loss(batch).mean().detach()) == pytest.approx(float(want.detach()), abs=1e-5)


def test_the_student_sees_a_share_of_the_labels():
    view = TaggedView(tagged(), labelled=torch.arange(40))
    few = [universal_ner.student_view(view, universal_ner.Config(labelled=0.25), seed) for seed in (0, 0, 1)]
    assert torch.equal(few[0].labelled_sentences, few[1].labelled_sentences)
    assert not torch.equal(few[0].labelled_sentences, few[2].labelled_sentences)
    assert len(few[0].labelled_sentences) == 10
    assert bool((few[0].labelled_sentences < 40).all())


def test_a_student_with_few_labels_learns_from_the_answers():
    view = view_of(tagged())
    torch.manual_seed(0)
    teacher = fit_labels(Tagger(2, 5, width=16, depth=1), view, CONFIG)
    student = Tagger(2, 5, width=16, depth=1)
    distill_kd(student, teacher, tagged(), universal_ner.Config(labelled=0.05), CONFIG)
    assert view.score(student, "valid") > 0.9
    assert view.score(student, "test") > 0.9


def test_data_and_networks_that_cannot_be_used():
    view, config = TextView(texts()), universal_ner.Config()
    with pytest.raises(ValueError, match="universal-ner asks which words are spans of a type, but colours has"):
        universal_ner.check(view, config)
    with pytest.raises(ValueError, match=r"--labelled 0\.005 of 60 sentences is none; raise it, or label more"):
        universal_ner.check(TaggedView(tagged()), universal_ner.Config(labelled=0.005))
    with pytest.raises(ValueError, match="the network was made for 1 types, but is asked for type 1, counted from 0"):
        distill_kd(Tagger(2, 5, width=8), Tagger(1, 5, width=8), tagged(), config, CONFIG)
    with pytest.raises(ValueError, match=r"--labelled must be above 0 to 1, a share of the sentences, got 0"):
        universal_ner.Config(labelled=0)
    with pytest.raises(ValueError, match=r"--negatives must be 0 or more, got -1"):
        universal_ner.Config(negatives=-1)
