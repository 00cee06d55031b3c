"""Repositories: which commit a branch or a tag is, and the files of a commit, through the program ``git``."""

__all__: list[str] = []
