import pytest
import torch

from graphdistill.core.data.tagged import spans_of
from graphdistill.kd.config import KDConfig
from graphdistill.kd.data.kinds import few_labels, view_of
from graphdistill.kd.data.tagged import TaggedView
from graphdistill.kd.distill import distill_kd, fit_labels
from tests.kd.samples import tagged


def test_a_question_is_one_type_in_one_sentence():
    view, data = view_of(tagged()), tagged()
    assert type(view) is TaggedView
    assert (view.KIND, view.metric, view.num_classes, view.rows_per_entry) == ("text", "f1", 3, 5)
    assert [len(index) for index in (view.train, view.data.valid, view.data.test)] == [120, 30, 30]
    for question in range(12):
        sentence, asked = divmod(question, 2)
        want = [
            -1 if tag < 0 else 1 + (tag - 1) % 2 if tag and (tag - 1) // 2 == asked else 0
            for tag in data.y[sentence].tolist()
        ]
        assert view.labels(torch.tensor([question])).tolist() == [*want, -1]
    inputs = view.inputs(torch.tensor([3, 8]))
    assert inputs["types"].tolist() == [1, 0]
    assert torch.equal(inputs.main[:, :4], data.characters[[1, 4]])
    assert torch.equal(inputs["tokens"][:, :4], data.tokens[[1, 4]])
    assert torch.equal(inputs["attention_mask"], (inputs["tokens"] > 0).long())


def test_logits_of_padding_are_0():
    view = view_of(tagged())
    network = view.TEACHERS["Tagger"](view)
    rows = view.predict(network, torch.tensor([4, 5])).logits.view(2, 5, 3)
    assert rows[:, 3:].abs().max() == 0
    assert rows[:, :3].abs().min() > 0


def test_all_questions_about_a_labelled_sentence_are_labelled():
    view = TaggedView(tagged(), labelled=torch.tensor([4, 7]))
    assert view.labelled.tolist() == [8, 9, 14, 15]
    assert view.labelled_sentences.tolist() == [4, 7]
    assert view.known(torch.tensor([6, 9])).tolist() == [-1] * 5 + [0, 0, 1, 2, -1]
    with pytest.raises(ValueError, match="labelled has entry 80, which is not in the training split"):
        TaggedView(tagged(), labelled=torch.tensor([80]))
    with pytest.raises(ValueError, match="--labels: names has no class for each entry"):
        few_labels(tagged(), 3, 0)


@pytest.mark.parametrize("student", [*TaggedView.STUDENTS])
def test_a_student_learns_what_its_teacher_knows(student):
    view, config = view_of(tagged()), KDConfig(steps=40, batch_size=16, eval_every=40, lr=0.02)
    torch.manual_seed(0)
    teacher = fit_labels(view.TEACHERS["Tagger"](view), view, config)
    learnt = view.STUDENTS[student](view)
    distill_kd(learnt, teacher, tagged(), "kd", config, labelled=tagged().train[:3])
    assert view.score(teacher, "valid") > 0.9
    assert view.score(learnt, "valid") > 0.9


def test_the_score_is_the_f1_of_exact_spans():
    view = view_of(tagged())
    torch.manual_seed(1)
    network = view.STUDENTS["Tagger-16"](view)
    logits = view.logits(network, "valid").view(30, 5, 3)
    y = view.data.y[view.data.valid]
    found = set(spans_of(logits.argmax(dim=2).where(y >= 0, 0)))
    truth = set(spans_of(y))
    precision, recall = len(found & truth) / max(1, len(found)), len(found & truth) / len(truth)
    want = 2 * precision * recall / (precision + recall) if precision else 0.0
    assert view.score(network, "valid") == pytest.approx(want)
