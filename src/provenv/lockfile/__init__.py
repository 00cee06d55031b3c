"""The lock: ``pylock.toml`` (PEP 751), merged from one solution per target, written the same way every time."""
