import importlib
import subprocess
import sys

import pytest

from graphdistill.core.exports import on_first_use

PACKAGES = [
    f"graphdistill.{name}"
    for name in ("compress", "condense", "datasets", "generate", "kd", "mirage", "protect", "unlearn", "vqgraph")
]


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name_can_be_had(package):
    module = importlib.import_module(package)
    assert module.__all__
    for name in module.__all__:
        assert getattr(module, name).__name__ in (name, "Config")
        assert name in vars(module)  # kept after the first use
    with pytest.raises(AttributeError, match=f"module '{package}' has no attribute 'nothing'"):
        module.nothing  # noqa: B018


def test_importing_the_packages_imports_no_torch():
    source = f"import sys, {', '.join(PACKAGES)}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", source], check=False).returncode == 0


def test_a_name_may_be_another_one_in_its_module():
    assert on_first_use("demo", {"root": "math:sqrt"})("root")(9) == 3


@pytest.mark.parametrize(("family", "without"), [("generate", set()), ("kd", {"kd"})])
def test_every_method_of_distillation_has_its_config_among_the_public_names(family, without):
    package = importlib.import_module(f"graphdistill.{family}")
    found = {getattr(package, name)().name for name in package.__all__ if getattr(package, name).__name__ == "Config"}
    assert found == {*importlib.import_module(f"graphdistill.{family}.methods").FAMILY.names()} - without


def test_a_name_that_its_module_lacks_is_an_error():
    with pytest.raises(AttributeError, match="nothing"):
        on_first_use("demo", {"nothing": "math"})("nothing")
