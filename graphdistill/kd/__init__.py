"""Knowledge distillation: a student network is trained on what a teacher network predicts."""
