import pytest

from graphdistill.core.methods import Family, Result, constants, names, summary


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


BASE = '''
@dataclass(frozen=True, kw_only=True)
class Config(MethodConfig):
    lr: float = 0.5
    """Step size."""

    def __post_init__(self):
        if self.lr <= 0:
            raise ValueError(f"--lr must be above 0, got {self.lr}")
'''
VARIANT = '''
import nothing_of_this_name
@dataclass(frozen=True, kw_only=True)
class Config(base_one.Config):
    steps: int = 3
    """Steps."""
'''


def test_a_config_extends_that_of_another_method_without_importing_either(tmp_path):
    (tmp_path / "base_one.py").write_text(BASE)
    (tmp_path / "variant.py").write_text(VARIANT)
    made = Family("package.methods", tmp_path).config_type("variant")
    assert (made().lr, made().steps, made().name) == (0.5, 3, "variant")
    assert made.docs == {"lr": "Step size.", "steps": "Steps."}
    with pytest.raises(ValueError, match=r"^--lr must be above 0, got 0$"):
        made(lr=0)


def test_what_was_measured_is_read_without_importing_the_method(tmp_path):
    given = {"paper": "90 %", "ours": "not measured", "command": "make it", "differs": "Nothing."}
    text = ", ".join(f"{name}={value!r}" for name, value in given.items())
    (tmp_path / "new_one.py").write_text(f"import nothing_of_this_name\nPAPER = ''\nRESULT = Result({text})\n")
    assert Family("package.methods", tmp_path).result("new-one") == Result(**given)
