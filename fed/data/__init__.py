"""What each client holds."""
