"""Which packages of an environment lost bytes when the machine went down: every file is compared, by its hash."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from provenv.env.layout import Layout
from provenv.env.paths import Paths
from provenv.env.receipt import Receipt
from provenv.errors import InputError
from provenv.model.machine import Interpreter
from provenv.store.store import Store
from provenv.wheel.record import parse_record

__all__ = ["lost"]


def lost(store: Store, root: str, receipt: Receipt, interpreter: Interpreter) -> Mapping[str, str]:
    """Package to what is wrong with it. Files are compared with RECORD, byte code with that of the store.

    What cannot be compared counts as lost: RECORD is torn, or the store has not that byte code any more.
    """
    with ThreadPoolExecutor(store.workers) as crew:
        looks = {name: crew.submit(_lost, store, root, receipt, name, interpreter) for name in receipt.items}
        found = {name: look.result() for name, look in looks.items()}
    return {name: f"{path} was lost when the machine went down" for name, path in found.items() if path is not None}


def _lost(store: Store, root: str, receipt: Receipt, name: str, interpreter: Interpreter) -> str | None:
    """The first file of a package that is not what it was; None when all are."""
    rows = receipt.files(name)
    record = rows[0][0]
    site = record.rpartition("/")[0].rpartition("/")[0]
    try:
        with open(f"{root}/{record}", encoding="utf-8") as file:
            told = parse_record(file.read(), record)
    except (OSError, UnicodeDecodeError, InputError):
        return record
    digests = {os.path.normpath(f"{site}/{path}").replace(os.sep, "/"): row.digest for path, row in told.items()}
    byte_code: Mapping[str, str] | None = None
    for path, *_ in rows[1:]:
        if path not in digests:
            return path
        digest = digests[path]
        if digest is None and path.endswith(".pyc"):
            byte_code = _byte_code(store, root, receipt, name, interpreter) if byte_code is None else byte_code
            if path not in byte_code or _digest(byte_code[path]) != _digest(f"{root}/{path}"):
                return path
        elif digest is None or _digest(f"{root}/{path}") != digest:
            return path
    return None


def _byte_code(store: Store, root: str, receipt: Receipt, name: str, interpreter: Interpreter) -> Mapping[str, str]:
    """Byte code of a package by its path in the environment, where the store has it."""
    tree = store.tree_to_compare(receipt.items[name].sha256)
    code = store.bytecode(tree, interpreter) if tree is not None else None
    if tree is None or code is None:
        return {}
    layout = Layout.from_tree(tree, code, Paths.from_interpreter(root, interpreter))
    return {
        f"{place}/{file}": f"{source}/{file}"
        for source, place, names in layout.links
        if source.startswith(code.files + "/")
        for file in names
    }


def _digest(path: str) -> bytes | None:
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    except OSError:
        return None
