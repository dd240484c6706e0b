from graphdistill.bench import generate
from graphdistill.bench.options import GenerateBench
from graphdistill.generate.mixture import ring
from graphdistill.generate.teacher import TeacherConfig
from tests.protect.samples import images


def test_every_source_is_measured_and_teachers_are_kept(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(generate, "load", lambda name, root: images())
    monkeypatch.setattr(generate, "TeacherConfig", lambda: TeacherConfig(steps=3))
    bench = GenerateBench(
        parts=("sources",), datasets=("digits",), methods=("sim",), steps=1, seeds=1, jobs=1, teachers=tmp_path
    )
    generate.main(bench)
    printed = " ".join(capsys.readouterr().out.split())
    for row in ("teacher, 49 evaluations", "teacher in one step", "real entries", "sim, 1 evaluation"):
        assert row in printed
    assert (tmp_path / "rows" / "0" / "generator.safetensors").is_file()


def test_components_of_a_mixture_are_counted(monkeypatch, capsys):
    monkeypatch.setattr(generate, "ring", lambda: small_ring())
    generate.main(GenerateBench(parts=("mixture",), methods=("sim",), steps=1, seeds=1, jobs=1))
    printed = " ".join(capsys.readouterr().out.split())
    assert "exact draws │ 1.000 │" in printed
    assert "sim, 1 updates" in printed


def small_ring():
    mixture = ring()
    mixture.steps = 2
    return mixture
