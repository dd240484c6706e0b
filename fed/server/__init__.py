"""The server's side: the strategy, its state, and the checks of what clients send."""
