import pytest
import torch
from torch import nn

from graphdistill.kd.config import KDConfig
from graphdistill.kd.data.kinds import view_of
from graphdistill.kd.data.text import LanguageModelView, TextView, text_view
from graphdistill.kd.distill import distill_kd, fit_labels
from tests.kd.samples import texts, windows


def test_texts_have_the_names_of_transformers():
    inputs = view_of(texts()).inputs(torch.tensor([3, 4]))
    assert inputs["tokens"] is inputs["input_ids"] is inputs.main
    assert torch.equal(inputs.main, texts().tokens[3:5])
    assert torch.equal(inputs["attention_mask"], (texts().tokens[3:5] > 0).long())


@pytest.mark.parametrize("made", [texts, windows])
def test_the_built_in_networks_fit_the_texts(made):
    view, data = view_of(made()), made()
    assert type(view) is (LanguageModelView if data.language_model else TextView)
    rows = 3 * (data.tokens.shape[1] if data.language_model else 1)
    for build in (*view.TEACHERS.values(), *view.STUDENTS.values()):
        assert view.predict(build(view), torch.arange(3)).logits.shape == (rows, view.num_classes)


def test_rows_of_a_language_model_are_positions():
    view = view_of(windows())
    assert (view.rows_per_entry, view.num_classes) == (6, 5)
    index = torch.tensor([2, 0])
    assert view.labels(index).tolist() == windows().y[index].flatten().tolist()
    assert text_view(windows(), labelled=torch.tensor([2])).known(index)[6:].tolist() == [-1] * 6
    found = view.predict(next(iter(view.TEACHERS.values()))(view), torch.arange(4), ["blocks.0", "penultimate"])
    assert found.features["blocks.0"].shape == (4, 6, 64)
    assert found.features["penultimate"].shape == (4, 6, 64)


@pytest.mark.parametrize(("made", "student"), [(texts, "NGrams"), (windows, "Transformer-32")])
def test_a_student_learns_what_its_teacher_knows(made, student):
    view, config = view_of(made()), KDConfig(steps=20, batch_size=16, eval_every=10)
    longer = KDConfig(steps=60, batch_size=16, eval_every=20)
    torch.manual_seed(0)
    teacher = fit_labels(view.TEACHERS["Transformer"](view), view, config)
    learnt = view.STUDENTS[student](view)
    before = view.score(learnt, "valid")
    distill_kd(learnt, teacher, made(), "kd", longer, labelled=made().train[:1])
    assert view.score(teacher, "valid") > 0.9
    assert view.score(learnt, "valid") > max(0.9, before)


class Named(nn.Module):
    """A network with the arguments of transformers."""

    def __init__(self, view):
        super().__init__()
        self.embedding, self.linear = nn.Embedding(5, 8), nn.Linear(8, view.num_classes)

    def forward(self, input_ids, attention_mask):
        mask = attention_mask[..., None]
        return self.linear((self.embedding(input_ids) * mask).sum(dim=1) / mask.sum(dim=1))


def test_padding_of_a_network_with_other_names():
    view = view_of(texts())
    module = Named(view)
    want = torch.stack([module(row[None, row > 0], torch.ones(1, int((row > 0).sum())))[0] for row in texts().tokens])
    torch.testing.assert_close(view.predict(module, torch.arange(len(want))).logits, want.detach())
