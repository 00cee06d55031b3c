"""Environments: ordinary virtual environments, filled from the store, with a receipt of what was put there."""
