"""``verify`` finds and names every damage, ``--repair`` heals what may be healed, and what is clean is clean."""

from __future__ import annotations

import json
import marshal
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.rig.judge import judge
from tests.rig.scale import IS_NIGHTLY, note, share
from tests.worlds.house import BASE_PYTHON, House

TAG = f"cpython-{sys.version_info[0]}{sys.version_info[1]}"


def people(house: House) -> list[Path]:
    """Five wheels with everything that a wheel can hold."""
    wheels = [
        house.wheel(
            "alpha",
            "1.0",
            files={
                "alpha/__init__.py": "import beta\n\ndef main():\n    return 0\n",
                "alpha/core.py": "LIMIT = 10\n\ndef limit():\n    return LIMIT\n",
                "alpha/data/table.csv": "a,b\n1,2\n",
                "alpha/tests/__init__.py": "",
                "alpha/tests/helper.py": "NUMBER = float('nan')\nINFINITE = 1e400 - 1e400\n",
            },
            requires=("beta",),
            entry_points={"console_scripts": {"alpha": "alpha:main", "alpha-two": "alpha.core:limit"}},
        ),
        house.wheel("beta", "2.0", files={"beta.py": "VALUE = 1\n", "beta_more.py": "VALUE = 2\n"}),
        house.wheel(
            "gamma",
            "1.5",
            files={
                "gamma/__init__.py": "",
                "gamma/deep/er/__init__.py": "X = 'x'\n",
                "gamma-1.5.data/scripts/gamma-tool": "#!python\nprint('tool')\n",
                "gamma-1.5.data/scripts/gamma-shell": "#!/bin/sh\necho shell\n",
                "gamma-1.5.data/data/share/gamma/page.txt": "page\n",
                "gamma-1.5.data/headers/gamma.h": "#define GAMMA 1\n",
            },
        ),
        house.wheel("delta", "0.1", files={"delta-start.pth": "# nothing\n", "delta_start.py": "READY = True\n"}),
        house.wheel("space", "3.0", files={"space/one/__init__.py": "ONE = 1\n", "space/two/__init__.py": "TWO = 2\n"}),
    ]
    house.project("alpha", "gamma", "delta", "space")
    return wheels


@dataclass(frozen=True, kw_only=True)
class Damage:
    """``do`` breaks something at ``path``; ``kinds`` are right names for it."""

    name: str
    path: str
    kinds: tuple[str, ...]
    do: Callable[[Path], object]
    is_healed: bool = True
    """By ``--repair``; otherwise it is only named, and ``undo`` takes it away."""
    undo: Callable[[Path], object] = lambda place: place.unlink()


def flip(place: Path) -> None:
    """Another byte in the middle; size, time and mode stay: only bytes tell."""
    status = place.stat()
    data = bytearray(place.read_bytes())
    data[len(data) // 2] ^= 1
    place.chmod(0o644)
    with place.open("r+b") as file:
        file.write(data)
    place.chmod(status.st_mode & 0o7777)
    os.utime(place, ns=(status.st_atime_ns, status.st_mtime_ns))


def append(place: Path) -> None:
    place.chmod(place.stat().st_mode | 0o200)
    with place.open("ab") as file:
        file.write(b"# more\n")


def empty(place: Path) -> None:
    place.chmod(place.stat().st_mode | 0o200)
    os.truncate(place, 0)


def replaced_by(data: bytes) -> Callable[[Path], object]:
    """Another file in its place, so that the store is not touched."""

    def do(place: Path) -> None:
        mode = place.stat().st_mode & 0o7777
        place.unlink()
        place.write_bytes(data)
        place.chmod(mode | 0o200)

    return do


def outside_of(place: Path) -> Path:
    """A place of the same name out of the environment, where nothing is."""
    environment = next(parent for parent in place.parents if parent.name == ".venv")
    twin = environment.parents[1] / "outside" / place.name
    twin.parent.mkdir(exist_ok=True)
    if twin.is_dir():
        shutil.rmtree(twin)
    twin.unlink(missing_ok=True)
    return twin


def linked_out(place: Path) -> None:
    """A link to a twin with the right bytes, outside."""
    outside = outside_of(place)
    outside.write_bytes(place.read_bytes())
    place.unlink()
    place.symlink_to(outside)


def directory_linked(place: Path) -> None:
    outside = outside_of(place)
    shutil.move(place, outside)
    place.symlink_to(outside)


def as_directory(place: Path) -> None:
    place.unlink()
    place.mkdir()


def as_pipe(place: Path) -> None:
    place.unlink()
    os.mkfifo(place)


def written(data: bytes) -> Callable[[Path], object]:
    def do(place: Path) -> None:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)

    return do


def forged_byte_code(place: Path) -> None:
    """Byte code whose header fits its source, with other code in it: Python runs it without a question."""
    source = place.parents[1] / f"{place.name.partition('.')[0]}.py"
    status = source.stat()
    head = __import__("importlib.util").util.MAGIC_NUMBER + bytes(4)
    head += (int(status.st_mtime) & 0xFFFFFFFF).to_bytes(4, "little") + status.st_size.to_bytes(4, "little")
    place.parent.mkdir(exist_ok=True)
    if place.exists():
        place.unlink()
    place.write_bytes(head + marshal.dumps(compile("EVIL = 1", "x", "exec")))


def edited_with_record(place: Path) -> None:
    """The file and its line in RECORD: who can edit one can edit the other."""
    import base64
    import hashlib

    replaced_by(b"EVIL = 1\n")(place)
    site = next(parent for parent in place.parents if parent.name == "site-packages")
    record = next(site.glob("beta-*.dist-info")) / "RECORD"
    digest = base64.urlsafe_b64encode(hashlib.sha256(b"EVIL = 1\n").digest()).rstrip(b"=").decode()
    lines = record.read_text().splitlines()
    lines = [f"{place.name},sha256={digest},9" if line.startswith(place.name + ",") else line for line in lines]
    replaced_by(("\n".join(lines) + "\n").encode())(record)


def system_packages(place: Path) -> None:
    place.write_text(place.read_text().replace("system-site-packages = false", "system-site-packages = true"))


def another_python(place: Path) -> None:
    place.unlink()
    place.symlink_to("/bin/true")


def a_distribution(place: Path) -> None:
    place.mkdir()
    name, version = place.name.removesuffix(".dist-info").split("-")
    (place / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (place / "RECORD").write_text(f"{place.name}/METADATA,,\n{place.name}/RECORD,,\n")


def rmtree(place: Path) -> None:
    shutil.rmtree(place)


def damages(site: str) -> Iterator[Damage]:
    """More than 200, file by file."""
    modules = ["alpha/__init__.py", "alpha/core.py", "alpha/tests/helper.py", "beta.py", "beta_more.py"]
    modules += ["gamma/deep/er/__init__.py", "space/one/__init__.py", "space/two/__init__.py", "delta_start.py"]
    others = ["alpha/data/table.csv", "delta-start.pth", "alpha-1.0.dist-info/METADATA", "gamma-1.5.dist-info/WHEEL"]
    others += ["beta-2.0.dist-info/RECORD", "alpha-1.0.dist-info/entry_points.txt", "space-3.0.dist-info/INSTALLER"]
    byte_code = [f"alpha/__pycache__/core.{TAG}.pyc", f"__pycache__/beta.{TAG}.pyc"]
    inside = [f"{site}/{path}" for path in (*modules, *others, *byte_code)]
    outside = ["bin/alpha", "bin/alpha-two", "bin/gamma-tool", "bin/gamma-shell", "share/gamma/page.txt"]
    outside.append(f"include/site/{site.split('/')[1]}/gamma/gamma.h")
    for path in (*inside, *outside):
        yield Damage(name="flipped", path=path, kinds=("changed",), do=flip)
        yield Damage(name="longer", path=path, kinds=("changed",), do=append)
        yield Damage(name="emptied", path=path, kinds=("changed",), do=empty)
        yield Damage(name="deleted", path=path, kinds=("missing",), do=Path.unlink)
        yield Damage(name="replaced", path=path, kinds=("changed",), do=replaced_by(b"other\n"))
        yield Damage(name="linked", path=path, kinds=("link",), do=linked_out)
        yield Damage(name="unreadable", path=path, kinds=("mode",), do=lambda place: place.chmod(0))
    for path in (*inside[:3], *outside[:2]):
        yield Damage(name="a directory", path=path, kinds=("changed",), do=as_directory)
        yield Damage(name="a pipe", path=path, kinds=("changed",), do=as_pipe)
    for path in outside[:4]:
        yield Damage(name="not executable", path=path, kinds=("mode",), do=lambda place: place.chmod(0o644))
    for path in ("alpha/data", "alpha", "space/one", "gamma/deep", "beta-2.0.dist-info"):
        yield Damage(name="a linked directory", path=f"{site}/{path}", kinds=("link",), do=directory_linked)
    yield Damage(name="RECORD, too", path=f"{site}/beta.py", kinds=("changed",), do=edited_with_record)
    for path in ("space-3.0.dist-info", "alpha"):
        yield Damage(name="no directory", path=f"{site}/{path}", kinds=("missing", "absent", "changed"), do=rmtree)
    yield from _extra_damages(site)
    yield Damage(name="system packages", path="pyvenv.cfg", kinds=("environment",), do=system_packages)
    yield Damage(name="activate", path="bin/activate", kinds=("environment",), do=flip)
    yield Damage(name="python", path="bin/python3", kinds=("environment",), do=another_python)
    yield Damage(name="no receipt", path="provenv-receipt", kinds=("receipt",), do=Path.unlink)


def _extra_damages(site: str) -> Iterator[Damage]:
    python = b"print('extra')\n"
    for path in ("alpha/extra.py", "gamma/deep/extra.py", "space/one/data.bin", "alpha/extra.pyc"):
        yield Damage(name="extra", path=f"{site}/{path}", kinds=("extra",), do=written(python))
    yield Damage(name="shadow", path=f"{site}/alpha/core.so", kinds=("shadow",), do=written(b"\x7fELF"))
    yield Damage(name="extra", path=f"{site}/alpha/link.py", kinds=("extra",), do=lambda place: place.symlink_to("/x"))
    for path in (f"alpha/__pycache__/core.{TAG}.opt-1.pyc", f"alpha/tests/__pycache__/helper.{TAG}.pyc"):
        yield Damage(name="forged", path=f"{site}/{path}", kinds=("bytecode",), do=forged_byte_code)
    forged = f"{site}/alpha/__pycache__/core.{TAG}.pyc"
    yield Damage(name="forged", path=forged, kinds=("changed",), do=forged_byte_code)
    for path, kind in (
        ("evil.pth", "startup"),
        ("evil.start", "startup"),
        ("sitecustomize.py", "startup"),
        ("usercustomize.py", "startup"),
        ("json.py", "extra"),
        ("beta.so", "shadow"),
    ):
        yield Damage(name="top", path=f"{site}/{path}", kinds=(kind,), do=written(python), is_healed=False)
    yield Damage(name="program", path="bin/git", kinds=("extra",), do=written(b"#!/bin/sh\n"), is_healed=False)
    whole = Damage(
        name="package",
        path=f"{site}/stranger",
        kinds=("extra",),
        do=lambda place: written(python)(place / "__init__.py"),
        is_healed=False,
        undo=rmtree,
    )
    yield whole
    for name, kind in (("stranger-1.0.dist-info", "unlocked"), ("beta-1.9.dist-info", "duplicate")):
        yield Damage(
            name="distribution",
            path=f"{site}/{name}",
            kinds=(kind,),
            do=a_distribution,
            is_healed=kind == "duplicate",
            undo=rmtree,
        )


def told(house: House, *words: str) -> tuple[int, dict[str, Any]]:
    answer = house.give("verify", "--json", *words)
    assert answer.out, answer.err
    return answer.code, json.loads(answer.out)


def test_every_damage_is_found_by_its_name_and_repaired(house: House) -> None:
    wheels = people(house)
    house.do("sync")
    site = house.site.relative_to(house.environment).as_posix()
    house.do("verify")
    cases = list(damages(site))
    assert len(cases) >= 200
    failures: list[str] = []
    chosen = share(cases, 24)
    for damage in chosen:
        where = f"{damage.name} {damage.path}"
        place = house.environment / damage.path
        damage.do(place)
        code, found = told(house)
        named = {(one["kind"], one["path"]) for one in found["findings"]}
        is_named = any((kind, damage.path) in named for kind in damage.kinds)
        # What lacks a whole directory is told file by file.
        below = any(kind in damage.kinds and (path or "").startswith(damage.path + "/") for kind, path in named)
        if code != 1 or not (is_named or (damage.do is rmtree and below)):
            failures.append(f"{where}: told as {named}")
        code, found = told(house, "--repair")
        if damage.is_healed != (code == 0):
            failures.append(f"{where}: after the repair {found.get('findings', found)}")
        if not damage.is_healed:
            damage.undo(place)
        if wrong := judge(house.environment, wheels, has_imports=False):
            failures.append(f"{where}: {wrong[:3]}")
        if failures and failures[-1].startswith(where):
            shutil.rmtree(house.environment)
            house.do("sync", "--reinstall")
    assert judge(house.environment, wheels) == []
    note(5, "damages found and named by `verify`, healed by `--repair`", cases=len(chosen), failures=len(failures))
    assert failures == []


def uv() -> str | None:
    return shutil.which("uv", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")


def made_by(tool: str, house: House, directory: Path) -> Path:
    """An environment that another tool made of the house's wheels."""
    environment = directory / tool
    wheels = ["alpha", "gamma", "delta", "space"]
    places = ["--no-index", "--find-links", str(house.server.directory)]
    variables = {"PATH": os.environ["PATH"], "HOME": str(house.home), "UV_CACHE_DIR": str(directory / "uv-cache")}
    if tool == "pip" and IS_NIGHTLY:
        commands = [
            [BASE_PYTHON, "-m", "venv", str(environment)],
            [str(environment / "bin/pip"), "install", "-q", *places, *wheels],
        ]
    elif tool == "pip":
        commands = [
            [BASE_PYTHON, "-m", "venv", "--without-pip", str(environment)],
            [BASE_PYTHON, "-m", "pip", "--python", str(environment / "bin/python"), "install", "-q", *places, *wheels],
        ]
    else:
        program = uv()
        if program is None:
            pytest.skip("there is no uv here")
        more = ["--compile-bytecode"] if tool == "uv-compiled" else []
        commands = [
            [program, "venv", "-q", "-p", BASE_PYTHON, str(environment)],
            [program, "pip", "install", "-q", "-p", str(environment / "bin/python"), *more, *places, *wheels],
        ]
    for command in commands:
        subprocess.run(command, check=True, env=variables, capture_output=True)
    return environment


def requirements(house: House, path: Path) -> Path:
    """A requirements file with the hashes of the house's wheels."""
    path.write_text(house.do("export", "--no-emit-project").out)
    assert "--hash" in path.read_text()
    return path


@pytest.mark.parametrize("tool", ["pip", "uv", "uv-compiled"])
def test_environments_of_other_tools_are_clean_and_their_damages_found(house: House, tmp_path: Path, tool: str) -> None:
    people(house)
    house.do("lock")
    environment = made_by(tool, house, tmp_path)
    hashed = requirements(house, tmp_path / "requirements.txt")
    for against in ((), ("--against", str(house.lock_file)), ("--against", str(hashed))):
        code, found = told(house, "--environment", str(environment), *against)
        assert (code, found["findings"]) == (0, [])
    site = next(environment.glob("lib/python3.*/site-packages"))
    edited_with_record(site / "beta.py")
    (environment / "bin/alpha").write_text((environment / "bin/alpha").read_text().replace("alpha", "alphb"))
    words = ("--environment", str(environment), "--against", str(hashed))
    code, found = told(house, *words)
    assert {(one["kind"], one["path"].rpartition("/")[2]) for one in found["findings"]} == {
        ("changed", "beta.py"),
        ("changed", "alpha"),
    }
    code, found = told(house, *words, "--repair")
    assert (code, found["findings"]) == (0, [])
    assert (site / "beta.py").read_text() == "VALUE = 1\n"


def test_a_wheel_that_cannot_be_had_is_no_proof(house: House, tmp_path: Path) -> None:
    people(house)
    house.do("lock")
    environment = made_by("pip", house, tmp_path)
    words = ("--environment", str(environment), "--against", str(house.lock_file), "--offline")
    code, found = told(house, *words)
    assert code == 1
    assert {one["kind"] for one in found["findings"]} == {"unproven"}
    assert {one["level"] for one in found["findings"]} == {"unknown"}


def test_conda_records_are_proof_of_conda_packages(house: House, tmp_path: Path) -> None:
    import hashlib

    prefix = tmp_path / "conda"
    site = prefix / f"lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"
    (site / "six-1.0.dist-info").mkdir(parents=True)
    (prefix / "bin").mkdir()
    (prefix / "bin/python").symlink_to(BASE_PYTHON)
    files = {"six.py": b"SIX = 6\n", "six-1.0.dist-info/METADATA": b"Name: six\n"}
    rows = []
    for name, data in files.items():
        (site / name).write_bytes(data)
        path = f"{site.relative_to(prefix)}/{name}"
        sha256 = hashlib.sha256(data).hexdigest()
        rows.append({"_path": path, "path_type": "hardlink", "sha256": sha256, "size_in_bytes": len(data)})
    rows.append({"_path": "bin/python", "path_type": "softlink"})
    (prefix / "conda-meta").mkdir()
    record = {"name": "six", "version": "1.0", "paths_data": {"paths_version": 1, "paths": rows}}
    (prefix / "conda-meta/six-1.0-0.json").write_text(json.dumps(record))
    code, found = told(house, "--environment", str(prefix))
    assert (code, found["findings"]) == (0, [])
    flip(site / "six.py")
    code, found = told(house, "--environment", str(prefix))
    assert [(one["kind"], one["package"]) for one in found["findings"]] == [("changed", "six")]


def test_byte_code_of_python_itself_is_no_finding(house: House) -> None:
    people(house)
    house.do("sync")
    python = str(house.environment / "bin/python")
    for flags in ((), ("-O",), ("-OO",)):
        subprocess.run([python, *flags, "-m", "compileall", "-q", str(house.site)], check=True)
        subprocess.run([python, *flags, "-c", "import alpha.tests.helper, space.one"], check=True)
    code, found = told(house)
    assert (code, found["findings"]) == (0, [])


def test_without_a_lock_the_receipt_or_record_is_compared(house: House) -> None:
    people(house)
    house.do("sync")
    house.lock_file.unlink()
    code, found = told(house)
    assert (code, found["basis"], found["findings"]) == (0, "receipt", [])
    flip(house.site / "beta.py")
    assert told(house)[0] == 1
    code, found = told(house, "--repair")
    assert (code, found["findings"]) == (0, [])


def test_what_is_no_environment_is_told_in_one_line(house: House, tmp_path: Path) -> None:
    house.project()
    assert "there is no environment" in house.refused("verify")
    house.do("sync")
    assert "is no lock that is known" in house.refused("verify", "--against", str(house.environment / "pyvenv.cfg"))
    (tmp_path / "uv.lock").write_text("version = 1\n<<<<<<< ours\n")
    assert "merge conflict" in house.refused("verify", "--against", str(tmp_path / "uv.lock"))


def test_a_file_of_two_owners_is_that_of_whom_the_project_names(house: House) -> None:
    for name in ("one", "two"):
        house.wheel(name, files={"both/text.txt": name, "both/same.txt": "same", f"{name}.py": ""})
    house.project("one", "two", more='[tool.provenv]\nfile-owners = {"both/*.txt" = "two"}\n')
    house.do("sync")
    assert told(house)[1]["findings"] == []
    place = house.site / "both/text.txt"
    replaced_by(b"one")(place)
    assert [(one["kind"], one["package"]) for one in told(house)[1]["findings"]] == [("changed", "two")]
    assert told(house, "--repair")[0] == 0
    assert place.read_text() == "two"
