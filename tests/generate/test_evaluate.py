import pytest
import torch

from graphdistill.core.randomness import generator
from graphdistill.generate import GenerateConfig
from graphdistill.generate.evaluate import CONTROL, REAL, score_method, score_teacher, teacher_of, traces_of
from graphdistill.generate.measures import held_out
from graphdistill.generate.sampling import sample_ode
from graphdistill.generate.storage import stored_bytes
from graphdistill.generate.teacher import TeacherConfig
from tests.generate.samples import denoiser, entries, made_generator

SHORT = GenerateConfig(steps=1, batch_size=4)


@pytest.fixture(autouse=True)
def few_are_timed(monkeypatch):
    monkeypatch.setattr("graphdistill.generate.evaluate.TIMED", 5)


def test_every_source_of_a_teacher_is_measured_on_one_classifier():
    data, held, teacher = entries(), held_out(entries()), denoiser((1, 4, 4)).frozen()
    rows = score_teacher(data, held, teacher, seconds=7.0, seed=3)
    assert list(rows) == ["teacher, 49 evaluations", "teacher, 9 evaluations", CONTROL, REAL]
    assert [row.evaluations for row in rows.values()] == [49, 9, 1, 0]
    assert [row.seconds for row in rows.values()] == [7.0, 7.0, 7.0, 0.0]
    assert {row.nbytes for name, row in rows.items() if name != REAL} == {stored_bytes(made_generator((1, 4, 4)))}
    assert rows[REAL].nbytes is None
    assert all((row.milliseconds > 0) == (name != REAL) for name, row in rows.items())
    labels = data.split("train")[1]
    for row in rows.values():
        assert torch.equal(row.drawn.y, labels)
    drawn = sample_ode(teacher, labels, 5, generator=generator(3, "drawn to train on"))
    assert torch.equal(rows["teacher, 9 evaluations"].drawn.data, data.space.decode(drawn, labels).data)
    again = score_teacher(data, held, teacher, seed=3)
    assert all(dict(again[name].measures) == dict(row.measures) for name, row in rows.items())


def test_a_generator_is_scored_with_its_bytes_and_a_seed_gives_the_same():
    data, held, teacher = entries(), held_out(entries()), denoiser((1, 4, 4)).frozen()
    (made, one), (_, two), (_, other) = (score_method(data, held, teacher, "sim", SHORT, seed=s) for s in (1, 1, 2))
    assert (one.evaluations, one.nbytes) == (1, stored_bytes(made))
    assert dict(one.measures) == dict(two.measures) != dict(other.measures)
    assert torch.equal(one.drawn.data, two.drawn.data)
    assert one.seconds > 0


def test_a_teacher_is_trained_and_timed():
    made, seconds = teacher_of(entries(), TeacherConfig(steps=1), seed=0, device=torch.device("cpu"))
    assert made.shape == (1, 4, 4)
    assert seconds > 0


def test_traces_begin_with_the_same_noise_and_end_with_what_is_drawn():
    data, teacher = entries(), denoiser((1, 4, 4)).frozen()
    made = made_generator((1, 4, 4), levels=(2.5, 0.8), space=data.space)
    traces = traces_of(teacher, made, data)
    assert [len(steps) for steps in traces.values()] == [25, 2]
    assert all(image.shape == (3, 1, 4, 4) for steps in traces.values() for image in steps)
    y = torch.arange(3)
    drawn = made.draw(y, generator=generator(0, "traces"))
    assert torch.equal(traces["generator"][-1], data.space.values(drawn))
    slow = sample_ode(teacher, y, 25, generator=generator(0, "traces"))
    torch.testing.assert_close(traces["teacher"][-1], data.space.values(slow), rtol=1e-4, atol=1e-4)
