"""What the store promises: verified, read-only, complete as soon as it can be seen."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import pytest

from provenv.errors import InputError, InstallError, IntegrityError, ProvenvError
from provenv.events import Events
from provenv.store.store import Store
from provenv.store.tree import MTIME, Tree
from tests.worlds.interpreters import this_interpreter
from tests.worlds.wheels import build_wheel, wheel_members, write_archive


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store", workers=2)


def leftovers(store: Store) -> list[str]:
    """Names of private work and locks that a finished operation left behind."""
    places = [Path(store.base, "tmp"), Path(store.base, "locks")]
    return [entry.name for place in places if place.exists() for entry in place.iterdir()]


def unpacked(store: Store, wheel: Path) -> Tree:
    return store.unpack(store.adopt(wheel), wheel.name)


def wheel_with(tmp_path: Path, changes: dict[str, bytes | None], files: dict[str, str | bytes] | None = None) -> Path:
    """A wheel of demo 1.0 in which some members are other than RECORD says."""
    members = wheel_members("demo", "1.0", files=files)
    for path, data in changes.items():
        if data is None:
            del members[path]
        else:
            members[path] = data
    wheel = tmp_path / "demo-1.0-py3-none-any.whl"
    write_archive(wheel, members)
    return wheel


def test_making_a_store_touches_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    assert store.blob("0" * 64) is None
    assert store.tree("0" * 64) is None
    assert not (tmp_path / "store").exists()


def test_a_received_blob_is_hashed_and_kept(store: Store) -> None:
    digest = hashlib.sha256(b"onetwo").hexdigest()
    with store.receive(sha256=digest, size=6) as receiver:
        assert not receiver.is_present
        receiver.write(b"one")
        assert store.blob(digest) is None
        receiver.write(b"two")
    blob = store.blob(digest)
    assert blob is not None
    assert Path(blob).read_bytes() == b"onetwo"
    assert Path(blob).stat().st_mode & 0o222 == 0
    assert leftovers(store) == []
    with store.receive(sha256=digest) as receiver:
        assert receiver.is_present


def test_a_hash_that_is_not_known_before(store: Store) -> None:
    with store.receive() as receiver:
        receiver.write(b"x")
    assert receiver.sha256 == hashlib.sha256(b"x").hexdigest()
    assert store.blob(receiver.sha256)


def test_a_download_that_starts_again(store: Store) -> None:
    with store.receive(sha256=hashlib.sha256(b"whole").hexdigest()) as receiver:
        receiver.write(b"half of something else")
        receiver.restart()
        receiver.write(b"whole")
        assert receiver.received == 5
    blob = store.blob(receiver.sha256)
    assert blob is not None
    assert Path(blob).read_bytes() == b"whole"


@pytest.mark.parametrize(("data", "size"), [(b"wrong", None), (b"righ", 5), (b"right and more", 5)])
def test_other_bytes_than_promised_are_not_kept(store: Store, data: bytes, size: int | None) -> None:
    digest = hashlib.sha256(b"right").hexdigest()
    with (
        pytest.raises(IntegrityError, match=r"demo\.whl"),
        store.receive(sha256=digest, size=size, subject="demo.whl") as receiver,
    ):
        receiver.write(data)
    assert store.blob(digest) is None
    assert leftovers(store) == []


def test_an_interrupted_download_is_not_kept(store: Store) -> None:
    def interrupted() -> None:
        with store.receive() as receiver:
            receiver.write(b"x")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert leftovers(store) == []


@pytest.mark.parametrize("sha256", ["", "abc", "../" * 21 + "x", "A" * 64, "0" * 63 + "/"])
def test_hashes_that_are_none(store: Store, sha256: str) -> None:
    with pytest.raises(IntegrityError):
        store.blob(sha256)


def test_two_that_want_one_blob_take_turns(store: Store) -> None:
    digest = hashlib.sha256(b"shared").hexdigest()
    waited: list[str] = []
    found: list[bool] = []

    class Listener(Events):
        def waiting(self, what: str) -> None:
            waited.append(what)
            has_waited.set()

    def second() -> None:
        with store.receive(sha256=digest, subject="demo.whl", events=Listener()) as receiver:
            found.append(receiver.is_present)

    has_waited = threading.Event()
    thread = threading.Thread(target=second)
    with store.receive(sha256=digest) as receiver:
        thread.start()
        assert has_waited.wait(10)
        receiver.write(b"shared")
    thread.join(10)
    assert found == [True]
    assert "demo.whl" in waited[0]


def test_processes_that_race_for_one_wheel(store: Store, tmp_path: Path) -> None:
    wheel = build_wheel(tmp_path, "demo", "1.0", {f"demo/m{number}.py": f"x = {number}\n" for number in range(99)})
    program = (
        "import sys; from provenv.store.store import Store; s = Store(sys.argv[1]); "
        "t = s.unpack(s.adopt(sys.argv[2]), sys.argv[3]); print(len(t.entries))"
    )
    command = [sys.executable, "-c", program, store.root, str(wheel), wheel.name]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    processes = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
        for _ in range(4)
    ]
    answers = [process.communicate(timeout=60) for process in processes]
    assert [answer for answer, _ in answers] == ["102\n"] * 4, answers
    assert leftovers(store) == []


def test_a_tree_is_read_only_dated_and_described(store: Store, tmp_path: Path) -> None:
    wheel = build_wheel(
        tmp_path,
        "demo",
        "1.0",
        {"demo/__init__.py": "x = 1\n", "demo/run.sh": "#!/bin/sh\n", "demo-1.0.data/data/share/x.txt": "x"},
        entry_points={"console_scripts": {"demo": "demo:main"}},
        executables=["demo/run.sh"],
    )
    sizes: list[int] = []

    class Listener(Events):
        def advanced(self, phase: str, amount: int, subject: str = "") -> None:
            assert (phase, subject) == ("unpack", wheel.name)
            sizes.append(amount)

    tree = store.unpack(store.adopt(wheel), wheel.name, Listener())
    again = store.tree(tree.sha256)
    assert again is not None
    assert (again.name, again.version, again.dist_info, again.data_dir) == (
        "demo",
        "1.0",
        "demo-1.0.dist-info",
        "demo-1.0.data",
    )
    assert again.is_purelib
    assert again.entry_points == (("console_scripts", "demo", "demo:main"),)
    assert again.entries == tree.entries == tuple(sorted(tree.entries))
    assert sum(sizes) == sum(size for _, size, _, _ in tree.entries)
    for path, size, is_executable, _ in again.entries:
        status = Path(again.files, path).stat()
        assert status.st_size == size
        assert status.st_mtime == MTIME
        assert status.st_mode & 0o777 == (0o555 if is_executable else 0o444)
    assert [path for path, _, is_executable, _ in again.entries if is_executable] == ["demo/run.sh"]
    assert leftovers(store) == []


def test_large_and_stored_members(store: Store, tmp_path: Path) -> None:
    big = bytes(range(256)) * (9 << 12)
    wheel = build_wheel(
        tmp_path, "demo", "1.0", {"demo/big.bin": big, "demo/empty.py": "", "demo/mid.bin": big[: 1 << 20]}
    )
    with zipfile.ZipFile(wheel) as archive:
        content = {info.filename: archive.read(info) for info in archive.infolist()}
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_STORED) as archive:
        for path, data in content.items():
            archive.writestr(zipfile.ZipInfo(path), data)
    tree = unpacked(store, wheel)
    assert Path(tree.files, "demo/big.bin").read_bytes() == big
    compressed = unpacked(Store(tmp_path / "other"), build_wheel(tmp_path / "b", "demo", "1.0", {"demo/big.bin": big}))
    assert Path(compressed.files, "demo/big.bin").read_bytes() == big


def test_record_may_use_sha512(store: Store, tmp_path: Path) -> None:
    from base64 import urlsafe_b64encode

    members = wheel_members("demo", "1.0")
    digest = urlsafe_b64encode(hashlib.sha512(members["demo/__init__.py"]).digest()).rstrip(b"=")
    record = members["demo-1.0.dist-info/RECORD"].decode().splitlines()
    record[0] = f"demo/__init__.py,sha512={digest.decode()},{len(members['demo/__init__.py'])}"
    tree = unpacked(store, wheel_with(tmp_path, {"demo-1.0.dist-info/RECORD": "\n".join(record).encode()}))
    assert tree.entries[-1][0] == "demo/__init__.py"


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"demo/__init__.py": b"__version__ = '1.1'\n"}, "RECORD"),
        ({"demo/extra.py": b""}, "demo/extra.py"),
        ({"demo/__init__.py": None}, "no such member"),
        ({"demo-1.0.dist-info/RECORD": None}, "RECORD"),
        ({"demo-1.0.dist-info/METADATA": None}, "METADATA"),
        ({"demo-1.0.dist-info/WHEEL": None}, "WHEEL"),
        ({"other-2.0.dist-info/METADATA": b""}, "one .dist-info"),
        ({"demo-1.0.dist-info/RECORD": b"\xff"}, "UTF-8"),
    ],
)
def test_wheels_that_contradict_themselves(
    store: Store, tmp_path: Path, changes: dict[str, bytes | None], part: str
) -> None:
    with pytest.raises(ProvenvError, match=part) as caught:
        unpacked(store, wheel_with(tmp_path, changes))
    assert "demo-1.0-py3-none-any.whl" in caught.value.message
    assert leftovers(store) == []


@pytest.mark.parametrize(
    "files",
    [
        {"demo-1.0.data/scripts/python": "#!python\n"},
        {"demo-1.0.data/elsewhere/x": "x"},
        {"demo-1.0.data/x": "x"},
    ],
)
def test_data_that_belongs_nowhere(store: Store, tmp_path: Path, files: dict[str, str | bytes]) -> None:
    with pytest.raises(InputError):
        unpacked(store, build_wheel(tmp_path, "demo", "1.0", files))


def test_a_wheel_under_another_name(store: Store, tmp_path: Path) -> None:
    wheel = build_wheel(tmp_path, "demo", "1.0")
    with pytest.raises(IntegrityError, match=r"other 1\.0"):
        store.unpack(store.adopt(wheel), "other-1.0-py3-none-any.whl")


def test_a_blob_that_is_not_there(store: Store) -> None:
    with pytest.raises(InstallError, match="not in the store"):
        store.unpack("0" * 64, "demo-1.0-py3-none-any.whl")


def test_a_torn_manifest_is_no_tree_and_heals(store: Store, tmp_path: Path) -> None:
    wheel = build_wheel(tmp_path, "demo", "1.0")
    tree = unpacked(store, wheel)
    manifest = Path(tree.directory, "manifest")
    manifest.write_bytes(manifest.read_bytes()[:-9])
    assert store.tree(tree.sha256) is None
    assert store.unpack(tree.sha256, wheel.name).entries == tree.entries
    assert store.tree(tree.sha256) is not None


def test_a_store_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InstallError, match="store"), Store(tmp_path / "file").receive() as receiver:
        receiver.write(b"x")


def test_durable_stores_work_too(tmp_path: Path) -> None:
    tree = unpacked(Store(tmp_path / "store", durability="now"), build_wheel(tmp_path, "demo", "1.0"))
    assert tree.name == "demo"


SOURCES: dict[str, str | bytes] = {
    "demo/__init__.py": "def fail():\n    raise ValueError('here')\n",
    "demo/broken.py": "def (:\n",
    "demo/coding.py": b"# coding: latin-1\nx = '\xe4'\n",
    "demo/null.py": b"x = '\0'\n",
    "demo-1.0.data/purelib/extra.py": "y = 2\n",
    "demo-1.0.data/scripts/tool.py": "#!python\n",
    "demo/data.txt": "x",
}


def test_byte_code_is_compiled_once_and_is_what_python_would_use(store: Store, tmp_path: Path) -> None:
    tree = unpacked(store, build_wheel(tmp_path, "demo", "1.0", SOURCES))
    interpreter = this_interpreter()
    tag = interpreter.cache_tag
    assert store.bytecode(tree, interpreter) is None
    bytecode = store.compile([tree], interpreter)[tree.sha256]
    assert [path for path, _ in bytecode.entries] == [
        f"demo-1.0.data/purelib/__pycache__/extra.{tag}.pyc",
        f"demo/__pycache__/__init__.{tag}.pyc",
        f"demo/__pycache__/coding.{tag}.pyc",
    ]
    for path, size in bytecode.entries:
        file = Path(bytecode.files, path)
        data = file.read_bytes()
        assert len(data) == size
        assert data[4:8] == b"\0\0\0\0"
        assert int.from_bytes(data[8:12], "little") == MTIME
        assert str(tmp_path).encode() not in data
        assert file.stat().st_mode & 0o222 == 0
    before = Path(bytecode.directory, "manifest").stat().st_mtime_ns
    store.compile([tree, tree], interpreter)
    assert Path(bytecode.directory, "manifest").stat().st_mtime_ns == before
    assert leftovers(store) == []


def test_byte_code_is_the_same_on_two_machines(tmp_path: Path) -> None:
    wheel = build_wheel(tmp_path, "demo", "1.0", SOURCES)
    contents = []
    for name in ("a", "b"):
        store = Store(tmp_path / name)
        tree = unpacked(store, wheel)
        bytecode = store.compile([tree], this_interpreter())[tree.sha256]
        contents.append([Path(bytecode.files, path).read_bytes() for path, _ in bytecode.entries])
    assert contents[0] == contents[1]


def test_source_that_kills_the_compiler_is_left_out(store: Store, tmp_path: Path) -> None:
    deep = "x = " + "-" * 2_000_000 + "1\n"
    tree = unpacked(
        store, build_wheel(tmp_path, "demo", "1.0", {"demo/a.py": "", "demo/deep.py": deep, "demo/z.py": ""})
    )
    bytecode = store.compile([tree], this_interpreter())[tree.sha256]
    assert [path.rpartition("/")[2].partition(".")[0] for path, _ in bytecode.entries] == ["a", "z"]


def test_an_interpreter_that_does_not_start(store: Store, tmp_path: Path) -> None:

    tree = unpacked(store, build_wheel(tmp_path, "demo", "1.0"))
    for program in ("/nowhere/python", "/bin/false"):
        broken = this_interpreter().changed(executable=program)
        with pytest.raises(InstallError, match=program):
            store.compile([tree], broken)
    assert leftovers(store) == []
