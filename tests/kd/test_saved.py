import pytest
import torch

from graphdistill.kd.data.images import ImageView
from graphdistill.kd.evaluate import build
from graphdistill.kd.saved import FILES, named_or_saved, saved_network
from graphdistill.kd.storage import save_network
from tests.kd.samples import images


@pytest.mark.parametrize("file", FILES)
def test_a_network_is_built_by_the_name_in_its_card(file, tmp_path):
    view = ImageView(images())
    network = build(view, "MLP", "student", 3)
    save_network(network, tmp_path, card={"dataset": "rows", "student": "MLP"}, file=file)
    name, again = saved_network(tmp_path, view)
    assert name == "MLP"
    assert torch.equal(view.logits(again, "test"), view.logits(network, "test"))


def test_a_card_without_a_name_or_of_other_data_is_refused(tmp_path):
    view = ImageView(images())
    save_network(build(view, "MLP", "student", 3), tmp_path)
    with pytest.raises(ValueError, match="its card names no network; give --network"):
        saved_network(tmp_path, view)
    assert saved_network(tmp_path, view, "MLP")[0] == "MLP"
    save_network(build(view, "MLP", "student", 3), tmp_path, card={"dataset": "cora", "student": "MLP"})
    with pytest.raises(ValueError, match="was trained on cora, but --dataset is rows"):
        saved_network(tmp_path, view)


def test_without_a_folder_there_is_a_name_alone():
    view = ImageView(images())
    assert named_or_saved(None, view) == ("ConvNet", None)
    with pytest.raises(ValueError, match="network 'GIN' is unknown for images"):
        named_or_saved(None, view, "GIN")
