"""The face: words in, exit code out."""

__all__: list[str] = []
