"""One verb, one file, one function: what provenv does, without words and without a terminal."""
