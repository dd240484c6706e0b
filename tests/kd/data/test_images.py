import torch

from graphdistill.kd.data.images import ImageView
from tests.kd.samples import images


def test_images_have_the_names_of_torchvision_and_transformers():
    inputs = ImageView(images()).inputs(torch.tensor([3, 4]))
    assert inputs["pixel_values"] is inputs["images"] is inputs.main
    assert torch.equal(inputs.main, images().images[3:5])


def test_the_built_in_networks_fit_the_images():
    view = ImageView(images())
    for build in (*view.TEACHERS.values(), *view.STUDENTS.values()):
        assert view.predict(build(view), torch.arange(2)).logits.shape == (2, 3)
