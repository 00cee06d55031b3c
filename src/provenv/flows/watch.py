"""Which places of an environment change whenever somebody adds, removes or replaces a file in it."""

from __future__ import annotations

from provenv.env import receipt as receipts

__all__ = ["watched"]


def watched(root: str) -> tuple[list[str], list[str]]:
    """The receipt, the settings and the interpreter (absolute), and every directory with a file of ours (relative).

    A directory's time changes when an entry is made, removed or replaced by renaming: that is every installer's way,
    and most editors'. What is written into a file in place is found by a sync that looks at all files.
    """
    places = [f"{root}/{receipts.NAME}", f"{root}/pyvenv.cfg", f"{root}/bin/python", root]
    receipt = receipts.read(root)
    if receipt is None:
        return places, []
    directories = {path for path, _ in receipt.stamps}
    for files in receipt.all_files().values():
        directories.update({path.rpartition("/")[0] for path, _, _, _ in files})
    return places, sorted(path for path in directories if path and not path.endswith("/__pycache__"))
