"""The wheel format (PEP 427), read from bytes: no files are opened here."""
