"""Installing, changing and removing, as Python, pip and importlib.metadata see it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from provenv.env import receipt
from provenv.env.drift import drifted
from provenv.errors import InputError, InstallError
from provenv.events import Events
from provenv.model.plan import Installed
from tests.env.worlds import World
from tests.worlds.wheels import build_wheel


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path)
    world.create()
    return world


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    return tmp_path / "wheels"


EVERYTHING: dict[str, str | bytes] = {
    "demo/__init__.py": "import sys\n\ndef main():\n    print('hello', sys.argv[1:])\n    return 3\n",
    "demo/data.txt": "data",
    "demo-1.0.data/purelib/demo_extra.py": "x = 1\n",
    "demo-1.0.data/platlib/demo_native.py": "y = 1\n",
    "demo-1.0.data/headers/demo.h": "#define X\n",
    "demo-1.0.data/data/share/demo/page.txt": "page",
    "demo-1.0.data/scripts/demo-script": "#!python\nimport demo\nprint('script', demo.__name__)\n",
    "demo-1.0.data/scripts/demo-shell": "#!/bin/sh\necho shell\n",
    "demo-1.0.data/scripts/demo-ready": "#!/bin/sh\necho ready\n",
}


def test_every_part_of_a_wheel_finds_its_place(world: World, wheels: Path) -> None:
    wheel = build_wheel(
        wheels,
        "demo",
        "1.0",
        EVERYTHING,
        entry_points={"console_scripts": {"demo": "demo:main"}, "demo.plugins": {"a": "demo:main"}},
        executables=["demo-1.0.data/scripts/demo-ready"],
    )
    direct = '{"url": "file:///x", "archive_info": {}}'
    world.apply(world.wanted(wheel, is_requested=True, direct_url=direct), is_compiled=True)
    result = subprocess.run([world.bin / "demo", "a b"], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (3, "hello ['a b']\n")
    for name, output in (("demo-script", "script demo\n"), ("demo-shell", "shell\n"), ("demo-ready", "ready\n")):
        assert subprocess.run([world.bin / name], capture_output=True, text=True, check=True).stdout == output
    assert world.python("-c", "import demo_extra, demo_native; print(demo_extra.x + demo_native.y)") == "2\n"
    assert (world.root / "share/demo/page.txt").read_text() == "page"
    assert (world.root / world.paths.headers / "demo" / "demo.h").exists()
    info = world.site / "demo-1.0.dist-info"
    assert (info / "INSTALLER").read_text() == "provenv\n"
    assert (info / "REQUESTED").read_text() == ""
    assert (info / "direct_url.json").read_text() == direct
    assert not any(path.name.endswith(".data") for path in world.site.iterdir())


def test_record_tells_every_file_truly(world: World, wheels: Path) -> None:
    entry_points = {"console_scripts": {"demo": "demo:main"}}
    wheel = build_wheel(wheels, "demo", "1.0", EVERYTHING, entry_points=entry_points)
    world.apply(world.wanted(wheel), is_compiled=True)
    program = (
        "import importlib.metadata as m, json, hashlib, base64\n"
        "rows = []\n"
        "for file in m.files('demo'):\n"
        "    data = file.locate().read_bytes()\n"
        "    assert file.size in (None, len(data)), file\n"
        "    if file.hash: assert file.hash.value == base64.urlsafe_b64encode(hashlib.sha256(data).digest())"
        ".rstrip(b'=').decode(), file\n"
        "    rows.append([str(file), file.hash is not None])\n"
        "print(json.dumps(rows))"
    )
    rows = dict(json.loads(world.python("-c", program)))
    assert {"../../../bin/demo", "../../../share/demo/page.txt", "demo/data.txt"} <= rows.keys()
    assert {path for path, is_hashed in rows.items() if not is_hashed} == {
        path for path in rows if path.endswith((".pyc", "/RECORD"))
    }
    installed = world.files() | {"../../../bin/demo"}
    assert installed <= rows.keys()


def test_tracebacks_name_the_environment_s_files(world: World, wheels: Path) -> None:
    wheel = build_wheel(wheels, "demo", "1.0", {"demo/__init__.py": "def fail():\n    raise ValueError\n"})
    world.apply(world.wanted(wheel), is_compiled=True)
    output = world.python("-v", "-c", "import demo; demo.fail()", is_checked=False)
    assert f'File "{world.site}/demo/__init__.py", line 2, in fail' in output
    assert f"matches {world.site}/demo/__init__.py" in output, "the byte code was not used"


def test_an_edit_in_site_packages_is_noticed_by_python(world: World, wheels: Path) -> None:
    wheel = build_wheel(wheels, "demo", "1.0", {"demo/__init__.py": "x = 1\n"})
    world.apply(world.wanted(wheel), is_compiled=True)
    source = world.site / "demo" / "__init__.py"
    source.unlink()
    source.write_text("x = 2\n")
    assert world.python("-c", "import demo; print(demo.x)") == "2\n"


def test_pip_agrees(world: World, wheels: Path) -> None:
    one = build_wheel(wheels, "one", "1.0", requires=["two>=1"], entry_points={"console_scripts": {"one": "one:x"}})
    two = build_wheel(wheels, "two", "1.5")
    world.apply(world.wanted(one), world.wanted(two), is_compiled=True)

    def pip(*arguments: str) -> str:
        command = [sys.executable, "-m", "pip", "--python", str(world.root), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    assert [row["name"] for row in json.loads(pip("list", "--format=json"))] == ["one", "two"]
    assert "No broken requirements" in pip("check")
    assert world.python("-m", "site", "--user-site", is_checked=False)
    pip("uninstall", "--yes", "one")
    assert not any("one" in path.split("/")[0] for path in world.files())
    assert not (world.bin / "one").exists()
    assert [one.name for one in world.scan()] == ["two"]


def test_a_namespace_is_shared_and_outlives_one_of_its_owners(world: World, wheels: Path) -> None:
    one = world.wanted(build_wheel(wheels, "space-one", "1.0", {"space/one.py": "", "space/deep/one.py": ""}))
    two = world.wanted(build_wheel(wheels, "space-two", "1.0", {"space/two.py": ""}))
    world.apply(one, two, is_compiled=True)
    world.python("-c", "import space.one, space.two, space.deep.one")
    world.apply(keep=(two,), remove=(Installed(name="space-one", version="1.0", sha256=one.sha256),))
    world.python("-c", "import space.two")
    assert not (world.site / "space" / "deep").exists()
    assert not (world.site / "space" / "one.py").exists()
    assert {path.name for path in (world.site / "space" / "__pycache__").iterdir()} == {
        f"two.{world.interpreter.cache_tag}.pyc"
    }


def test_equal_files_may_have_two_owners(world: World, wheels: Path) -> None:
    one = world.wanted(build_wheel(wheels, "one", "1.0", {"shared/__init__.py": "x = 1\n", "shared/one.py": ""}))
    two = world.wanted(build_wheel(wheels, "two", "1.0", {"shared/__init__.py": "x = 1\n", "shared/two.py": ""}))
    world.apply(one, two, is_compiled=True)
    world.apply(keep=(one,), remove=(Installed(name="two", version="1.0", sha256=two.sha256),))
    world.python("-c", "import shared.one; assert shared.x == 1")
    assert not (world.site / "shared" / "two.py").exists()
    read = receipt.read(str(world.root))
    assert read is not None
    assert drifted(str(world.root), read) == {}


def test_a_program_may_have_two_owners(world: World, wheels: Path) -> None:
    program = {"console_scripts": {"tell": "os:getcwd"}}
    one = world.wanted(build_wheel(wheels, "one", "1.0", entry_points=program))
    two = world.wanted(build_wheel(wheels, "two", "1.0", entry_points=program))
    world.apply(one, two)
    read = receipt.read(str(world.root))
    assert read is not None
    assert drifted(str(world.root), read) == {}
    world.apply(keep=(one,), remove=(Installed(name="two", version="1.0", sha256=two.sha256),))
    assert (world.root / "bin" / "tell").exists()


def test_unequal_files_may_not(world: World, wheels: Path) -> None:
    one = world.wanted(build_wheel(wheels, "one", "1.0", {"shared/__init__.py": "x = 1\n"}))
    two = world.wanted(build_wheel(wheels, "two", "1.0", {"shared/__init__.py": "x = 2\n"}))
    with pytest.raises(InstallError, match=r"one 1\.0 and two 1\.0 both own .*shared/__init__\.py"):
        world.apply(one, two)
    assert world.files() == set()
    world.apply(one)
    before = world.files()
    with pytest.raises(InstallError, match="both own"):
        world.apply(two, keep=(one,))
    assert world.files() == before
    assert receipt.read(str(world.root)) is not None


def test_a_file_where_another_package_has_a_directory(world: World, wheels: Path) -> None:
    one = world.wanted(build_wheel(wheels, "one", "1.0", {"thing": "x"}))
    two = world.wanted(build_wheel(wheels, "two", "1.0", {"thing/x.py": "x"}))
    with pytest.raises(InstallError, match="a directory in two"):
        world.apply(one, two)
    assert world.files() == set()


@pytest.mark.parametrize("path", ["pyvenv.cfg", "provenv-receipt", "bin/activate", "bin/python3", "lib64/x.py", "lib"])
def test_the_environment_s_own_files_belong_to_nobody(world: World, wheels: Path, path: str) -> None:
    wheel = build_wheel(wheels, "evil", "1.0", {f"evil-1.0.data/data/{path}": "x"})
    with pytest.raises((InstallError, InputError), match="environment"):
        world.apply(world.wanted(wheel))
    assert world.files() == set()
    world.python("-c", "pass")


def test_an_upgrade_leaves_nothing_of_the_old(world: World, wheels: Path) -> None:
    old = world.wanted(
        build_wheel(
            wheels,
            "demo",
            "1.0",
            {"demo/__init__.py": "", "demo/old/a.py": ""},
            entry_points={"console_scripts": {"old": "demo:x"}},
        )
    )
    world.apply(old, is_compiled=True)
    world.python("-X", "pycache_prefix=", "-c", "import demo.old.a")
    new = world.wanted(build_wheel(wheels, "demo", "2.0", {"demo/__init__.py": "v = 2\n"}))
    world.apply(new, remove=(Installed(name="demo", version="1.0", sha256=old.sha256),), is_compiled=True)
    assert not (world.site / "demo" / "old").exists()
    assert not (world.site / "demo-1.0.dist-info").exists()
    assert not (world.bin / "old").exists()
    assert world.python("-c", "import demo; print(demo.v)") == "2\n"
    assert world.scan() == (Installed(name="demo", version="2.0", sha256=new.sha256),)


def test_removing_everything_leaves_an_empty_environment(world: World, wheels: Path) -> None:
    wanted = world.wanted(build_wheel(wheels, "demo", "1.0", EVERYTHING))
    world.apply(wanted, is_compiled=True)
    (world.site / "mine.txt").write_text("not yours")
    world.apply(remove=(Installed(name="demo", version="1.0", sha256=wanted.sha256),))
    assert world.files() == {"mine.txt"}
    assert not (world.root / "share").exists()
    assert sorted(path.name for path in world.site.iterdir()) == ["mine.txt"]


def test_byte_code_that_python_wrote_goes_with_its_source(world: World, wheels: Path) -> None:
    wanted = world.wanted(build_wheel(wheels, "demo", "1.0"))
    world.apply(wanted)
    (world.site / "demo" / "__pycache__").mkdir()
    for name in ("__init__.cpython-310.pyc", "__init__.cpython-311.opt-1.pyc"):
        (world.site / "demo" / "__pycache__" / name).touch()
    world.apply(remove=(Installed(name="demo", version="1.0", sha256=wanted.sha256),))
    assert list(world.site.iterdir()) == []


def pip_install(world: World, wheel: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(world.root),
        "install",
        "-q",
        "--no-deps",
        "--no-index",
        str(wheel),
    ]
    subprocess.run(command, check=True, capture_output=True)


def test_what_another_tool_installed_is_seen_and_removed(world: World, wheels: Path) -> None:
    ours = world.wanted(build_wheel(wheels, "ours", "1.0"))
    world.apply(ours)
    pip_install(
        world, build_wheel(wheels, "Their.Thing", "1.0", entry_points={"console_scripts": {"their": "their_thing:x"}})
    )
    assert world.scan() == (
        Installed(name="ours", version="1.0", sha256=ours.sha256),
        Installed(name="their-thing", version="1.0"),
    )
    world.apply(keep=(ours,), remove=(Installed(name="their-thing", version="1.0"),))
    assert not (world.bin / "their").exists()
    assert not any("their" in path for path in world.files())
    assert [one.name for one in world.scan()] == ["ours"]


def test_what_another_tool_upgraded_is_replaced(world: World, wheels: Path) -> None:
    ours = world.wanted(build_wheel(wheels, "demo", "1.0"))
    world.apply(ours)
    pip_install(world, build_wheel(wheels, "demo", "2.0", {"demo/__init__.py": "v = 2\n", "demo/new.py": ""}))
    found = world.scan()
    assert found == (Installed(name="demo", version="2.0"),)
    world.apply(ours, remove=found)
    assert world.scan() == (Installed(name="demo", version="1.0", sha256=ours.sha256),)
    assert not (world.site / "demo" / "new.py").exists()
    read = receipt.read(str(world.root))
    assert read is not None
    assert drifted(str(world.root), read) == {}


def test_a_record_that_leads_out_is_not_followed(world: World, wheels: Path, tmp_path: Path) -> None:
    outside = tmp_path / "precious.txt"
    outside.write_text("keep")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "file.py").write_text("keep")
    (world.site / "linked").symlink_to(tmp_path / "elsewhere")
    info = world.site / "evil-1.0.dist-info"
    info.mkdir()
    rows = [
        "../../../../precious.txt",
        str(outside),
        "linked/file.py",
        "../../../bin/python",
        "../../../pyvenv.cfg",
        "evil-1.0.dist-info/RECORD",
    ]
    (info / "RECORD").write_text("".join(f"{row},,\n" for row in rows))
    heard: list[str] = []

    class Listener(Events):
        def warned(self, message: str) -> None:
            heard.append(message)

    world.apply(remove=(Installed(name="evil", version="1.0"),), events=Listener())
    assert outside.read_text() == "keep"
    assert (tmp_path / "elsewhere" / "file.py").read_text() == "keep"
    assert len(heard) == 4
    assert not info.exists()
    world.python("-c", "pass")


def test_a_crash_leaves_no_receipt_and_the_next_call_heals(world: World, wheels: Path) -> None:
    files: dict[str, str | bytes] = {f"demo/m{number}.py": "" for number in range(50)}
    old = world.wanted(build_wheel(wheels, "demo", "1.0", files))
    new = world.wanted(build_wheel(wheels, "demo", "2.0", {"demo/__init__.py": ""}))
    other = world.wanted(build_wheel(wheels, "other", "1.0"))
    world.apply(old)

    class Crash(Exception):
        pass

    class Listener(Events):
        def advanced(self, phase: str, amount: int, subject: str = "") -> None:
            raise Crash

    with pytest.raises(Crash):
        world.apply(new, other, remove=world.scan(), events=Listener())
    assert receipt.read(str(world.root)) is None
    assert all(one.sha256 is None for one in world.scan())
    with pytest.raises(InstallError, match="no receipt"):
        world.apply(keep=(other,))
    world.apply(new, other, remove=world.scan())
    assert [(one.name, one.version, one.sha256 is not None) for one in world.scan()] == [
        ("demo", "2.0", True),
        ("other", "1.0", True),
    ]
    assert not (world.site / "demo" / "m1.py").exists()


@pytest.mark.parametrize("step", [1, 2, 5, 9, 12, 14, 16, 18, 19, 20, 21, 22, 23, 25, 28, 32, 36, 40])
def test_killed_at_any_step(world: World, wheels: Path, step: int) -> None:
    """A process that dies at its n-th change of the file system leaves what the next call makes whole."""
    old = world.wanted(build_wheel(wheels, "demo", "1.0", {f"demo/old{number}.py": "" for number in range(9)}))
    new = world.wanted(build_wheel(wheels, "demo", "2.0", {f"demo/new{number}.py": "" for number in range(9)}))
    world.apply(old)
    program = f"""
import os, sys
from pathlib import Path
from tests.env.worlds import World
from provenv.env.apply import apply
count = 0
def watch(event, arguments):
    global count
    if event in ("os.link", "os.remove", "os.mkdir", "os.rmdir", "os.rename") or (
        event == "open" and isinstance(arguments[2], int) and arguments[2] & os.O_CREAT):
        count += 1
        if count == {step}:
            os._exit(9)
world = World(Path(sys.argv[1]))
wanted = world.wanted(Path(sys.argv[2]))
found = world.scan()
sys.addaudithook(watch)
world.apply(wanted, remove=found)
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    result = subprocess.run(
        [sys.executable, "-c", program, str(world.root.parent), str(wheels / new.filename)],
        env=environment,
        check=False,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert result.returncode in (0, 9), result.stderr
    if result.returncode == 9:
        assert receipt.read(str(world.root)) is None or step == 1 or world.scan()[0].version == "1.0"
    world.apply(new, remove=world.scan())
    expected = {f"demo/new{number}.py" for number in range(9)}
    assert {path for path in world.files() if ".dist-info" not in path} == expected
    assert [one.version for one in world.scan()] == ["2.0"]


def test_a_damaged_receipt_is_none(world: World, wheels: Path) -> None:
    world.apply(world.wanted(build_wheel(wheels, "demo", "1.0")))
    path = world.root / receipt.NAME
    whole = path.read_bytes()
    for data in (b"", b"\0" * 99, whole[:40], whole[:20] + b"x" + whole[21:]):
        path.write_bytes(data)
        assert receipt.read(str(world.root)) is None


def test_drift_is_seen(world: World, wheels: Path) -> None:
    files: dict[str, str | bytes] = {f"demo/{name}.py": f"{name} = 1\n" for name in "abcd"}
    world.apply(
        world.wanted(build_wheel(wheels, "demo", "1.0", files)), world.wanted(build_wheel(wheels, "other", "1.0"))
    )
    read = receipt.read(str(world.root))
    assert read is not None
    assert read.lock_digest == "digest"
    assert drifted(str(world.root), read) == {}
    (world.site / "demo" / "a.py").unlink()
    (world.site / "demo" / "b.py").unlink()
    (world.site / "demo" / "b.py").write_text("b = 2\n")
    (world.site / "demo" / "c.py").unlink()
    (world.site / "demo" / "c.py").symlink_to("d.py")
    site = world.paths.purelib
    assert drifted(str(world.root), read) == {"demo": (f"{site}/demo/a.py", f"{site}/demo/b.py", f"{site}/demo/c.py")}


@pytest.mark.parametrize("mode", ["copy", "hardlink", "clone", "auto"])
def test_every_link_mode_gives_the_same(world: World, wheels: Path, mode: str) -> None:
    wanted = world.wanted(build_wheel(wheels, "demo", "1.0", EVERYTHING))
    world.apply(wanted, is_compiled=True, link_mode=mode)
    read = receipt.read(str(world.root))
    assert read is not None
    assert drifted(str(world.root), read) == {}
    output = world.python("-v", "-c", "import demo", is_checked=False)
    assert f"matches {world.site}/demo/__init__.py" in output
    source = world.site / "demo" / "__init__.py"
    assert (source.stat().st_nlink > 1) == (source.stat().st_mode & 0o200 == 0)
    assert mode != "copy" or source.stat().st_nlink == 1


def test_another_file_system_gets_copies(tmp_path: Path, wheels: Path) -> None:
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK) or memory.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("no second file system here")
    world = World(tmp_path, root=memory / f"provenv-test-{os.getpid()}" / ".venv")
    try:
        world.create()
        world.apply(world.wanted(build_wheel(wheels, "demo", "1.0")))
        assert (world.site / "demo" / "__init__.py").stat().st_nlink == 1
        world.python("-c", "import demo")
    finally:
        shutil.rmtree(world.root.parent)


@pytest.mark.parametrize("has_thread", [False, True])
def test_many_files_are_placed_by_several_workers(world: World, wheels: Path, has_thread: bool) -> None:
    """By forked processes, or by threads when another thread runs; a failure of any worker is told."""
    files: dict[str, str | bytes] = {f"demo/p{number // 50}/m{number}.txt": "" for number in range(3500)}
    wanted = world.wanted(build_wheel(wheels, "demo", "1.0", files))
    is_over = threading.Event()
    if has_thread:
        threading.Thread(target=is_over.wait, daemon=True).start()
    try:
        (world.site / "demo").mkdir()
        (world.site / "demo" / "p69").write_text("in the way")
        with pytest.raises(InstallError, match="in the way"):
            world.apply(wanted)
        assert receipt.read(str(world.root)) is None
        (world.site / "demo" / "p69").unlink()
        world.apply(wanted, remove=world.scan())
    finally:
        is_over.set()
    assert files.keys() <= world.files()


def test_an_unknown_link_mode(world: World, wheels: Path) -> None:
    with pytest.raises(InstallError, match="unknown link mode"):
        world.apply(world.wanted(build_wheel(wheels, "demo", "1.0")), link_mode="magic")
