"""The code of warm commands in one file: used when it is good, and passed over when it is not."""

from __future__ import annotations

import os
import shutil
import subprocess
import sysconfig
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.worlds.house import House, Told
from tests.worlds.imports import imports_of

_START = "from provenv.cli.quick import leave, main; leave(main(['lock']))"


@pytest.fixture
def warm(house: House) -> House:
    """A place where a lock without its file asks nobody, and a bundle was kept."""
    house.wheel("alpha", "1.0", ("beta",))
    house.wheel("beta", "2.0")
    house.project("alpha")
    for _ in range(3):
        assert _lock_anew(house).code == 0
    return house


def _lock_anew(house: House) -> Told:
    house.lock_file.unlink(missing_ok=True)
    return house.launch("lock")


def _bundles(house: House) -> list[Path]:
    return sorted(house.cache.joinpath("memory/code").glob("*"))


def test_a_warm_command_reads_one_file_instead_of_its_modules(warm: House) -> None:
    first = warm.lock_file.read_bytes()
    [bundle] = _bundles(warm)
    assert bundle.stat().st_mode & 0o777 == 0o600
    warm.lock_file.unlink()
    imported, _ = imports_of(warm, "lock")
    assert [name for name in imported if name.startswith("provenv.flows")] == []
    assert warm.lock_file.read_bytes() == first
    assert _bundles(warm) == [bundle]


def _cut(bundle: Path) -> None:
    bundle.write_bytes(bundle.read_bytes()[:1000])


def _empty(bundle: Path) -> None:
    bundle.write_bytes(b"")


def _writable(bundle: Path) -> None:
    bundle.chmod(0o622)


def _of_another(bundle: Path) -> None:
    import marshal

    key, entries = marshal.loads(bundle.read_bytes())
    bundle.write_bytes(marshal.dumps(((*key[:-1], "sync"), entries)))


def _of_another_source(bundle: Path) -> None:
    """Its code must not be run: it would fail."""
    import marshal

    key, entries = marshal.loads(bundle.read_bytes())
    bad = compile("raise SystemExit(77)", "bad", "exec")
    spoilt = [(name, is_package, path, (1, 2, 3), bad) for name, is_package, path, _, _ in entries]
    bundle.write_bytes(marshal.dumps((key, spoilt)))


def _failing(bundle: Path) -> None:
    import marshal

    key, entries = marshal.loads(bundle.read_bytes())
    bad = compile("raise ImportError('gone')", "bad", "exec")
    entries[-1] = (*entries[-1][:-1], bad)
    bundle.write_bytes(marshal.dumps((key, entries)))


@pytest.mark.parametrize("spoil", [_cut, _empty, _writable, _of_another, _of_another_source, _failing])
def test_a_bundle_that_is_no_good_is_passed_over(warm: House, spoil: Callable[[Path], None]) -> None:
    first = warm.lock_file.read_bytes()
    [bundle] = _bundles(warm)
    spoil(bundle)
    assert _lock_anew(warm).code == 0
    assert warm.lock_file.read_bytes() == first
    warm.lock_file.unlink()
    imported, _ = imports_of(warm, "lock")
    assert [name for name in imported if name.startswith("provenv.flows")] == [], "it was made anew"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give files away")
def test_a_bundle_of_somebody_else_is_passed_over(warm: House) -> None:
    [bundle] = _bundles(warm)
    _failing_hard(bundle)
    os.chown(bundle, 12345, 12345)
    assert _lock_anew(warm).code == 0


def _failing_hard(bundle: Path) -> None:
    import marshal

    key, entries = marshal.loads(bundle.read_bytes())
    bad = compile("import os; os._exit(77)", "bad", "exec")
    bundle.write_bytes(marshal.dumps((key, [(*entry[:-1], bad) for entry in entries])))


def test_a_cache_that_cannot_be_written_is_no_failure(warm: House) -> None:
    place = warm.cache / "memory/code"
    shutil.rmtree(place)
    place.write_text("no directory")
    assert _lock_anew(warm).code == 0


def test_an_upgrade_in_place_is_seen(warm: House, tmp_path: Path) -> None:
    """The program is installed as a copy, then one of its modules becomes another."""
    import provenv

    site = tmp_path / "site"
    shutil.copytree(Path(provenv.__file__).parent, site / "provenv")

    packages = sysconfig.get_path("purelib")

    def lock() -> str:
        warm.lock_file.unlink(missing_ok=True)
        program = f"import sys; sys.path += [{str(site)!r}, {packages!r}]\n{_START}"
        words = [str(warm.launcher.parent / "python3"), "-I", "-S", "-c", program]
        variables = {"PATH": os.environ["PATH"], **warm.variables()}
        done = subprocess.run(words, cwd=warm.directory, env=variables, capture_output=True, text=True)
        return done.stdout + done.stderr

    for _ in range(3):
        assert "Locked 2 packages" in lock()
    assert len(_bundles(warm)) == 2
    file = site / "provenv/cli/telling.py"
    file.write_text(file.read_text().replace('"""', '"""\n', 1).replace("def ", "print('another')\ndef ", 1))
    assert "another" in lock()
    assert "another" in lock()


def test_many_at_once_keep_one_bundle(warm: House) -> None:
    [bundle] = _bundles(warm)
    bundle.unlink()
    warm.lock_file.unlink()
    with ThreadPoolExecutor(6) as pool:
        told = list(pool.map(lambda _: warm.launch("lock"), range(6)))
    assert [one.code for one in told] == [0] * 6
    assert _lock_anew(warm).code == 0
    assert _bundles(warm) == [bundle]
