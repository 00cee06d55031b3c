"""Containers of strangers, ZIP and TAR, read strictly: what two readers could read in two ways is refused."""
