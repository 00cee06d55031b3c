"""Python environments that are proven before they run."""

__all__ = ["__version__"]

__version__ = "0.1.0"
