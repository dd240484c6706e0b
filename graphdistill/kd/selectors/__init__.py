"""Choice of training entries, of questions to a teacher, and of domains: pure functions on tensors."""
