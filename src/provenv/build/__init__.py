"""Builds packages from their source (PEP 517, 660), and reads what needs no building."""
