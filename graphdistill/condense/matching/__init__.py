"""What methods that match share: objectives, networks, experts, the optimizer of a set."""
