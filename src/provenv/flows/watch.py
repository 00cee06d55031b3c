"""Which places of an environment change whenever somebody adds, removes or replaces a file in it."""

from __future__ import annotations

from provenv.env import receipt as receipts
from provenv.env.drift import directories_of, drifted, own_drift

__all__ = ["is_as_written", "watched"]


def watched(root: str, *, has_files: bool) -> tuple[list[str], list[str]]:
    """The receipt, the settings and the interpreter (absolute), and every directory above a file of ours (relative).

    A directory's time changes when an entry is made, removed or replaced by renaming: that is every installer's way,
    and most editors'. With ``has_files`` every file of ours follows: what is written into one in place is seen, too.
    """
    places = [f"{root}/{receipts.NAME}", f"{root}/pyvenv.cfg", f"{root}/bin/python", root]
    receipt = receipts.read(root)
    if receipt is None:
        return places, []
    files = [path for rows in receipt.all_files().values() for path, *_ in rows]
    directories = directories_of(files) | {path for path, _ in receipt.stamps}
    # Python itself writes into these.
    looked_at = sorted(path for path in directories if path and not path.endswith("/__pycache__"))
    if has_files:
        looked_at += [path for path, *_ in receipt.own]
        looked_at += files
    return places, looked_at


def is_as_written(root: str) -> bool:
    """Whether everything that the receipt tells of still is as it says."""
    receipt = receipts.read(root)
    return receipt is not None and not own_drift(root, receipt) and not drifted(root, receipt, limit=1)
