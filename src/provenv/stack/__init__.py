"""Rules of the machine as data (``*.toml``, each row with its source), and what follows from them. Pure."""
