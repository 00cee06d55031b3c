"""Renderers: values in, text out. Nothing here prints."""

__all__: list[str] = []
