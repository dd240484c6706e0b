from graphdistill.bench import generate
from graphdistill.bench.options import GenerateBench
from graphdistill.core.training.fit import FitConfig
from graphdistill.generate import evaluate, measures
from graphdistill.generate.command import protocol_of
from graphdistill.generate.mixture import ring
from graphdistill.generate.teacher import TeacherConfig
from tests.protect.samples import images

FEW = {"methods": ("sim",), "steps": 1, "seeds": 1, "jobs": 1}


def test_every_source_is_measured_and_teachers_are_kept(monkeypatch, capsys, tmp_path):
    short = FitConfig(steps=5)
    monkeypatch.setattr(generate, "load", lambda name, root: images())
    monkeypatch.setattr(generate, "TeacherConfig", lambda: TeacherConfig(steps=3))
    monkeypatch.setattr(generate, "protocol_of", lambda entries: protocol_of(entries, fit=short))
    monkeypatch.setattr(measures, "FitConfig", lambda **_: short)
    monkeypatch.setattr(evaluate, "TIMED", 2)
    generate.main(GenerateBench(parts=("sources",), datasets=("digits",), teachers=tmp_path, **FEW))
    printed = " ".join(capsys.readouterr().out.split())
    for row in ("teacher, 49 evaluations", "teacher in one step", "real entries", "sim, 1 evaluation"):
        assert row in printed
    assert (tmp_path / "rows" / "0" / "generator.safetensors").is_file()


def test_components_of_a_mixture_are_counted(monkeypatch, capsys):
    mixture = ring()
    mixture.steps = 2
    monkeypatch.setattr(generate, "ring", lambda: mixture)
    generate.main(GenerateBench(parts=("mixture",), **FEW))
    printed = " ".join(capsys.readouterr().out.split())
    assert "exact draws │ 1.000 │" in printed
    assert "sim, 1 updates" in printed


def test_a_class_that_is_forgotten_is_searched_for(monkeypatch, capsys):
    short = FitConfig(steps=5)
    monkeypatch.setattr(generate, "load", lambda name, root: images())
    monkeypatch.setattr(generate, "TeacherConfig", lambda: TeacherConfig(steps=3))
    monkeypatch.setattr(generate, "SEEN", 5)
    monkeypatch.setattr(measures, "FitConfig", lambda **_: short)
    generate.main(GenerateBench(parts=("forgetting",), datasets=("digits",), **FEW))
    printed = " ".join(capsys.readouterr().out.split())
    assert "class 0 forgotten" in printed
    assert "sim, 1 updates" in printed
    assert "sfd, 1 updates" in printed
