"""Answers the solver's question, and decides everything untidy: which candidates there are and what they need."""
