"""What all commands share: arguments, progress, reports, output folders."""
