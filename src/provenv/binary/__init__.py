"""Reads compiled files: what an ELF file needs and offers, and which GPUs its device code is for. Pure."""
