"""Says of a set of wheels and a machine what will fail there, from the bytes; pure. Absence of proof is ``unknown``."""
