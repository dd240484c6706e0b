from dataclasses import replace

import pytest

from graphdistill.kd.data.images import ImageView
from graphdistill.kd.data.nodes import NodeView
from graphdistill.kd.teachers import sources
from graphdistill.kd.teachers.sources import default_sources, source_view
from tests.kd.samples import images, nodes


def test_the_other_domains_are_the_sources():
    assert default_sources("twitch-es") == ("twitch-de", "twitch-engb", "twitch-ptbr")
    assert default_sources("mnist5k") == ("digits", "digits/usps")
    with pytest.raises(ValueError, match="--sources has no default for cora; name one or more data sets with the same"):
        default_sources("cora")


def test_a_source_that_does_not_fit_is_refused(monkeypatch):
    small = replace(nodes(), x=nodes().x[:, :4], name="narrow")
    few = replace(nodes(), y=nodes().y % 3, name="coarse")
    found = {"images": images(), "narrow": small, "coarse": few, "ring": nodes()}
    monkeypatch.setattr(sources, "load", lambda name, root, seed: found[name])
    target = NodeView(nodes())
    assert source_view("ring", target).num_classes == 10
    with pytest.raises(ValueError, match="--sources images has other entries than ring: images instead of nodes"):
        source_view("images", target)
    with pytest.raises(ValueError, match="--sources narrow has other features than ring: 4 instead of 10; name data"):
        source_view("narrow", target)
    with pytest.raises(ValueError, match="--sources coarse has other classes than ring: 3 instead of 10"):
        source_view("coarse", target)
    assert source_view("images", ImageView(images())).KIND == "images"
