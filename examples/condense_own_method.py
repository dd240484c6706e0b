"""A distillation method of your own: write an objective, name the networks and steps, and let the loop do the rest."""

from dataclasses import dataclass

from graphdistill import datasets
from graphdistill.condense.augment import Augment
from graphdistill.condense.distill import distill
from graphdistill.condense.objective import Recipe, Step
from graphdistill.condense.real import RealImages
from graphdistill.condense.schedule import Schedule
from graphdistill.core.evaluate_images import ImageProtocol, valid_score
from graphdistill.core.randomness import generator
from graphdistill.core.scatter import class_moments


@dataclass(frozen=True)
class LayerMatch:
    """Class means of the maps of every block, where DM takes the last one only."""

    batch: int = 64

    def accumulate(self, step: Step) -> float:
        """Add the gradient to that of the set, and return the loss."""
        view, (x, y) = step.view(), step.real.draw(self.batch, step.generator)
        theirs, ours = step.net.features(view(x)), step.net.features(view(step.small.x))
        means = [
            (class_moments(a.flatten(1), y, 10).mean.detach(), class_moments(b.flatten(1), step.small.y, 10).mean)
            for a, b in zip(theirs, ours, strict=True)
        ]
        loss = sum((wanted - found).square().mean() for wanted, found in means)
        loss.backward(inputs=[step.small.x])
        return loss.item()


data = datasets.load("digits")
protocol = ImageProtocol(data, augment=Augment().each)
recipe = Recipe(objective=LayerMatch(), schedule=Schedule(), augment=Augment(), steps=40, lr=10.0)
small = distill(
    RealImages.of(data), 1, recipe, validate=lambda s: valid_score(protocol, s), generator=generator(0, "layers")
)
for step, accuracy in small.meta["looks"]:
    print(f"after {step} steps: validation accuracy {accuracy:.3f}")
