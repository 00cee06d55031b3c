"""Locks of other tools, read into one plain form. Pure: bytes in, values out."""
