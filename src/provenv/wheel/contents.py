"""What the files of a wheel say of one another, and of the wheel's name: all of it must agree (PEP 427, 566).

An installer that believes one place and a reader that believes another are how one file passes for two packages.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from provenv.archives.judge import Judge
    from provenv.wheel.filename import WheelName
    from provenv.wheel.record import RecordRow

__all__ = ["check_metadata", "check_record", "check_tags"]

_UNHASHED = ("RECORD", "RECORD.jws", "RECORD.p7s")


def check_record(members: Collection[str], rows: Mapping[str, RecordRow], dist_info: str, judge: Judge) -> None:
    """RECORD lists every member with a hash, and nothing else. What it lists outside is never waived."""
    unhashed = {f"{dist_info}/{file}" for file in _UNHASHED}
    where = f"{dist_info}/RECORD"
    for path in members:
        row = rows.get(path)
        if path not in unhashed and (row is None or row.digest is None):
            judge.frown(f"a hash of {path!r}", "none", where)
    for path in rows:
        if path not in members and path not in unhashed and not path.endswith("/"):
            if path.startswith("/") or "\\" in path or ".." in path.split("/"):
                judge.refuse("members of the wheel", repr(path), where)
            judge.frown(f"the member {path!r}", "no such member", where)


def check_metadata(text: str, name: WheelName, dist_info: str, judge: Judge) -> None:
    """METADATA says once what the package is, and says what the file's name says."""
    from packaging.utils import canonicalize_name
    from packaging.version import InvalidVersion, Version

    where = f"{dist_info}/METADATA"
    said: dict[str, list[str]] = {"name": [], "version": []}
    for line in text.splitlines():
        if not line:
            break
        key, _, value = line.partition(":")
        if key.lower() in said:
            said[key.lower()].append(value.strip())
    for key, values in said.items():
        if len(values) != 1:
            judge.refuse(f"one {key}", f"{values or 'none'}", where)
    try:
        is_same = Version(said["version"][0]) == name.version
    except InvalidVersion:
        is_same = False
    if not is_same or canonicalize_name(said["name"][0]) != name.name:
        judge.refuse(f"{name.name} {name.version}", f"{said['name'][0]} {said['version'][0]}", where)


def check_tags(text: str, name: WheelName, dist_info: str, judge: Judge) -> None:
    """WHEEL is for a Python that the file's name is for. Platforms differ: a repair renames a wheel."""
    said = {
        (interpreter, abi)
        for line in text.lower().splitlines()
        if line.startswith("tag:") and line.count("-") == 2
        for interpreter in line[4:].split("-")[0].strip().split(".")
        for abi in line.split("-")[1].split(".")
    }
    if said.isdisjoint({(tag.interpreter, tag.abi) for tag in name.tags}):
        told = ", ".join(sorted("-".join(pair) for pair in said)[:9])
        judge.frown("a tag of the file's name", told or "none", f"{dist_info}/WHEEL")
