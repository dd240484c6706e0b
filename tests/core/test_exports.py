import importlib
import subprocess
import sys

import pytest

from graphdistill.core.exports import on_first_use

PACKAGES = ["graphdistill.condense", "graphdistill.datasets", "graphdistill.mirage", "graphdistill.vqgraph"]


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name_can_be_had(package):
    module = importlib.import_module(package)
    assert module.__all__
    for name in module.__all__:
        assert getattr(module, name).__name__ == name
        assert name in vars(module)  # kept after the first use
    with pytest.raises(AttributeError, match=f"module '{package}' has no attribute 'nothing'"):
        module.nothing  # noqa: B018


def test_importing_the_packages_imports_no_torch():
    source = f"import sys, {', '.join(PACKAGES)}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", source], check=False).returncode == 0


def test_a_name_that_its_module_lacks_is_an_error():
    with pytest.raises(AttributeError, match="nothing"):
        on_first_use("demo", {"nothing": "math"})("nothing")
