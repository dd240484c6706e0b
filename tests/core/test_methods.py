import pytest

from graphdistill.core.methods import constants, names, summary


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "__init__.py").touch()
    (tmp_path / "_shared.py").touch()
    (tmp_path / "b.py").write_text('"""Does b.\n\nMore."""\nimport nothing_of_this_name\n')
    text = 'PAPER = "grün"\nFOR: tuple[str, ...] = ("x",)\nCOUNT: int\nA = B = 2\nC = sum([1])\nC.d = 1\n'
    (tmp_path / "a_c.py").write_text(f'{text}class Method:\n    """A method."""\n\n    rate = 0.5\n', encoding="utf-8")
    return tmp_path


def test_modules_are_listed_but_for_private_ones(folder):
    assert names(folder) == ["a_c", "b"]


def test_the_first_line_of_the_docstring_without_importing(folder):
    assert summary(folder / "b.py") == "Does b."
    assert summary(folder / "a_c.py") == ""


def test_literals_are_read_and_what_is_computed_is_left_out(folder):
    assert constants(folder / "a_c.py") == {"PAPER": "grün", "FOR": ("x",), "A": 2, "B": 2, "C.d": 1}
    assert constants(folder / "a_c.py", "Method") == {"rate": 0.5}
