"""Which distributions are in an environment: those of our receipt that are untouched, and those of other tools."""

from __future__ import annotations

import os

from provenv.env import receipt as receipts
from provenv.model.plan import Installed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from provenv.env.paths import Paths

__all__ = ["normalised", "scan"]


def normalised(name: str) -> str:
    """A distribution's name in PEP 503's form."""
    return "-".join(part for part in name.lower().replace("_", "-").replace(".", "-").split("-") if part)


def scan(paths: Paths) -> tuple[Installed, ...]:
    """Every distribution in site-packages, sorted by name.

    ``sha256`` is given when our receipt knows the distribution and its RECORD is the one that we wrote; a distribution
    that another tool installed, upgraded or reinstalled has None. One whose ``.dist-info`` is gone is not listed.
    """
    receipt = receipts.read(paths.root)
    known = {} if receipt is None else {item.dist_info: item for item in receipt.items.values()}
    found: list[Installed] = []
    for site in sorted({paths.purelib, paths.platlib}):
        try:
            names = sorted(os.listdir(paths.absolute(site)))
        except FileNotFoundError:
            continue
        for directory in names:
            if not directory.endswith(".dist-info"):
                continue
            item = known.get(f"{site}/{directory}")
            if item is not None and receipt is not None and _is_untouched(paths.root, receipt, item):
                found.append(Installed(name=item.name, version=item.version, sha256=item.sha256))
                continue
            name, _, version = directory.removesuffix(".dist-info").partition("-")
            found.append(Installed(name=normalised(name), version=version))
    found.sort(key=lambda one: (one.name, one.version))
    return tuple(found)


def _is_untouched(root: str, receipt: receipts.Receipt, item: receipts.ReceiptItem) -> bool:
    """Any tool that changes a distribution rewrites its RECORD; ours has a size and a time."""
    record = item.dist_info + "/RECORD"
    path, size, mtime_ns, _ = receipt.record(item.name)
    try:
        status = os.stat(f"{root}/{record}")
    except OSError:
        return False
    return path == record and status.st_size == size and status.st_mtime_ns == mtime_ns
