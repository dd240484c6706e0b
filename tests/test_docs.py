"""The site's own code: cards of methods, docstrings as Markdown, equations as MathML."""

import importlib.util
import re
from pathlib import Path

import pytest

from graphdistill.core.methods import constants, options_of, result

ROOT = Path(__file__).parent.parent


def loaded(name):
    spec = importlib.util.spec_from_file_location(f"docs_{name}", ROOT / "docs" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


hooks, roles = loaded("hooks"), loaded("roles")
METHODS = [(command, family, name) for _, command, family in hooks.FAMILIES.values() for name in family.names()]


def check_numbers(card, found):
    rows = dict(re.findall(r"^- \*\*(.+):\*\* (.+)$", card, flags=re.MULTILINE))
    assert rows["The paper's number"] == found.paper
    assert rows["Measured here"] == found.ours
    assert rows["Different here"] == found.differs
    assert rows.get("Where it does not pay", "") == found.instead
    assert f"\n{found.command}\n" in card


@pytest.mark.parametrize(("command", "family", "name"), METHODS, ids=[name for _, _, name in METHODS])
def test_a_card_has_paper_command_and_every_field_with_its_default(command, family, name):
    card = hooks.card(name, command, family)
    assert card in hooks.page()
    assert f"- **Paper:** {hooks._linked(family.about(name)[1])}. **For:**" in card
    assert f"{command} --method {name}\n" in card
    config = family.config(name)
    shown = dict(re.findall(r"^\| `--([\w-]+)` \| `(.*?)` \| \S", card, flags=re.MULTILINE))
    assert shown == {f.replace("_", "-"): repr(value) for f, value in options_of(config).items()}
    check_numbers(card, family.result(name))
    assert ":math:" not in card
    assert "``" not in card.replace("```", "")


@pytest.mark.parametrize("name", hooks.SINGLE)
def test_a_package_that_is_a_method_has_a_card(name):
    title, command, above = hooks.SINGLE[name]
    card, source = hooks.package_card(name, command, above), ROOT / "graphdistill" / name / "__init__.py"
    assert card in hooks.page()
    assert f"## {title}\n\n{card}" in hooks.page()
    check_numbers(card, result(source))
    assert f"- **Paper:** {hooks._linked(constants(source)['PAPER'])}." in card
    assert "$$" in card
    assert (ROOT / "docs" / above).is_file()


def test_docstrings_are_markdown():
    assert roles.markdown("One.\n\nExample:\n    >>> 1\n    1") == "One.\n\nExamples:\n    >>> 1\n    1"
    text = "A :class:`~a.B` is :math:`x\n^2`.\n\n.. math:: y = 1 \\\\\n    z = 2\n\nThen ``more``."
    assert roles.markdown(text) == "A `B` is $x ^2$.\n\n\n$$\ny = 1 \\\\\nz = 2\n$$\n\n\nThen `more`."


def test_equations_are_mathml():
    page = '<p><span class="arithmatex">\\(a &lt; b\\)</span></p><div class="arithmatex">\\[\\|c\\|\n\\]</div>'
    found = hooks.on_page_content(page)
    assert "arithmatex" not in found
    assert re.findall(r'display="(\w+)"', found) == ["inline", "block"]
    assert "&lt;" in found or "&#x0003C;" in found


def test_examples_on_pages_are_included_whole():
    # A formatter once spread such a line, and the page showed it instead of the example.
    lines = [
        line
        for page in (ROOT / "docs").rglob("*.md")
        for line in page.read_text().splitlines()
        if "8<" in line or "8 <" in line
    ]
    assert lines
    for line in lines:
        name = re.fullmatch(r'--8<-- "(.+)"', line)
        assert name is not None, line
        assert (ROOT / name[1]).is_file(), line
