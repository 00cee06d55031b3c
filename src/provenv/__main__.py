"""``python -m provenv``: the same program as ``provenv``, started the ordinary way."""

import sys

from provenv.cli.main import main

__all__: list[str] = []

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
