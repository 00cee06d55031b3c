"""Facts of compiled files: the same from a tree and from the wheel itself, kept by hash, in bounded memory."""

from __future__ import annotations

from pathlib import Path

from provenv.store.compiled import compiled_facts, facts_of_wheel, kept_facts
from provenv.store.store import Store
from tests.worlds.binaries import Code, build_elf, container
from tests.worlds.wheels import build_wheel

__all__: list[str] = []

_FAR = 45 << 20


def _wheel(directory: Path) -> Path:
    device = container([Code("80"), Code("90")]) * 3
    files: dict[str, str | bytes] = {
        "ops/__init__.py": "",
        "ops/_C.so": build_elf(soname="_C.so", needed=["libc10.so"], sections={".nv_fatbin": device}),
        "ops/far.so": build_elf(
            soname="far.so",
            undefined=["_ZN3c105ErrorE"],
            front=_FAR,
            sections={".nv_fatbin": device + b"\0" * (10 << 20)},
        ),
        "ops/data.bin": b"\x7fELF is not all that it takes" * 10,
        "ops/libops.so.1.2": build_elf(soname="libops.so.1", has_sections=False),
    }
    return build_wheel(directory, "ops", "1.0", files=files)


def test_the_same_from_a_tree_and_from_the_wheel(tmp_path: Path) -> None:
    wheel = _wheel(tmp_path)
    store = Store(tmp_path / "store", durability="never")
    sha256 = store.adopt(wheel)
    streamed = facts_of_wheel(str(wheel), wheel.name, workers=2)
    assert [one.path for one in streamed] == ["ops/_C.so", "ops/far.so", "ops/libops.so.1.2"]
    assert [one.module_count for one in streamed] == [3, 3, 0]
    assert streamed[1].undefined == ("_ZN3c105ErrorE",), "its tables lie where the first pass keeps nothing"
    from_blob = compiled_facts(store, sha256, wheel.name)
    assert from_blob == streamed
    store.unpack(sha256, wheel.name)
    other = Store(tmp_path / "other", durability="never")
    other.adopt(wheel)
    other.unpack(sha256, wheel.name)
    assert compiled_facts(other, sha256, wheel.name) == streamed


def test_facts_are_kept_and_a_damaged_record_is_made_anew(tmp_path: Path) -> None:
    wheel = build_wheel(
        tmp_path, "one", "1.0", files={"one.so": build_elf(soname="one.so", version_definitions=["A_1"])}
    )
    store = Store(tmp_path / "store", durability="never")
    sha256 = store.adopt(wheel)
    assert kept_facts(store, sha256) is None
    found = compiled_facts(store, sha256, wheel.name)
    assert kept_facts(store, sha256) == found
    record = Path(store.place("facts", sha256))
    record.chmod(0o644)
    record.write_bytes(record.read_bytes()[:-3])
    assert compiled_facts(store, sha256, wheel.name) == found
    assert kept_facts(store, sha256) == found


def test_a_wheel_that_the_store_lacks_has_no_facts(tmp_path: Path) -> None:
    assert compiled_facts(Store(tmp_path / "store", durability="never"), "0" * 64, "x-1-py3-none-any.whl") is None
