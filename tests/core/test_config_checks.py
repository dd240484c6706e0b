from __future__ import annotations

from types import SimpleNamespace

import pytest

from graphdistill.core.config_checks import check_positive


def test_fields_of_one_or_more_pass_whatever_others_are():
    check_positive(SimpleNamespace(steps=1, share=1.5, other=0), "steps", "share")


@pytest.mark.parametrize(("value", "shown"), [(0, "0"), (-2, "-2"), (0.5, "0.5"), (float("nan"), "nan")])
def test_the_error_has_name_and_value(value, shown):
    config = SimpleNamespace(steps=3, batch_size=value)
    with pytest.raises(ValueError, match=f"^batch_size must be 1 or more, got {shown}$"):
        check_positive(config, "steps", "batch_size")
    with pytest.raises(ValueError, match=f"^option batch_size must be 1 or more, got {shown}$"):
        check_positive(config, "batch_size", label="option {}".format)
