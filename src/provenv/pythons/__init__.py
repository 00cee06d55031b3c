"""Finds Python interpreters and reads their facts."""
