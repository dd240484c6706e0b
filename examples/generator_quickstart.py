"""A diffusion model of digits becomes a generator of one evaluation, and a linear model trains on what it draws."""

import torch
from sklearn.linear_model import LogisticRegression

from graphdistill import load
from graphdistill.generate import GenerateConfig, TeacherConfig, distill_generator, train_teacher

data = load("digits")
teacher = train_teacher(data, TeacherConfig(steps=400))  # 4,000 by default; all of this takes a minute or two then
generator = distill_generator(teacher, data, "sim", GenerateConfig(steps=40, ema=0.9))  # 600 by default

drawn = generator.sample(torch.arange(10).repeat(50), generator=torch.Generator().manual_seed(0))
model = LogisticRegression(max_iter=1000).fit(drawn.data.flatten(1).numpy(), drawn.y.numpy())
pixels, digits = data.images[data.test].flatten(1).numpy(), data.y[data.test].numpy()
print(f"{len(drawn)} images in {generator.evaluations} evaluation each, {drawn.nbytes:,} bytes as a stored set")
print(f"a linear model trained on them: {100 * model.score(pixels, digits):.1f}% of real test images correct")
