"""A failed search in a few sentences. Pure: knows proofs and words, no index and no terminal."""
