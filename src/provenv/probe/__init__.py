"""Reads the machine we stand on, or the root folder of another system: driver, GPUs, C libraries, processor."""
