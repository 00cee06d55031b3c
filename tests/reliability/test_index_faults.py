"""A broken or hostile index: the right result, or one clear message; never wrong bytes, never a changed lock."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

import pytest

from tests.rig.index_faults import FAULTS, MODES, IndexFault
from tests.rig.judge import judge
from tests.rig.place import Place
from tests.rig.scale import note, share
from tests.rig.store_judge import judge_store
from tests.worlds.house import House, Told
from tests.worlds.index_server import IndexServer
from tests.worlds.wheels import build_wheel

COMMANDS = ("lock", "sync", "add")
"""``lock`` has a lock of an older project file, ``sync`` the right one, ``add`` an environment; none has a cache."""
STATIONS = 4
LARGEST = 400 << 10
"""KiB of memory that a command may use, whatever it is sent: a page may have 64 MiB, and is there twice."""
IMPATIENT = {"PROVENV_HTTP_TIMEOUT": "2", "PROVENV_HTTP_CONNECT_TIMEOUT": "2", "PROVENV_HTTP_RETRIES": "1"}


def _memory_of(process: int) -> int:
    """The most memory (KiB) that a running program ever had; 0 where the system does not tell.

    What a parent is told when the program has ended counts the parent's own memory, too, as it was when it forked.
    """
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:")), 0)


class Station:
    """A place with an index of its own, put back to the state before each command."""

    def __init__(self, root: Path, wheels: Path, launcher: Path) -> None:
        self.server = IndexServer(wheels)
        self.server.__enter__()
        self.place = Place(root, self.server, launcher)
        self.place.variables |= IMPATIENT
        self.plain = {name: getattr(self.server, name) for fault in FAULTS for name in fault.settings}
        place = self.place
        place.project("beta")
        place.do("lock")
        place.project("alpha")
        self._empty("lock")
        place.do("lock")
        self.right = self.normal(place.lock_file.read_bytes())
        self._empty("sync")
        place.project("beta")
        place.do("sync")
        self._empty("add", has_environment=True)

    def _empty(self, name: str, *, has_environment: bool = False) -> None:
        """Keep the state for a command, without a cache."""
        if not has_environment:
            subprocess.run(["rm", "-rf", str(self.place.environment)], check=True)
        subprocess.run(["rm", "-rf", str(self.place.cache)], check=True)
        self.place.save(name)

    def normal(self, lock: bytes) -> str:
        """What a lock says, wherever the index listens."""
        text = re.sub(r"\n# sha256[^\n]*", "", lock.decode())
        return re.sub(r"http://(127\.0\.0\.\d|\[::1\]):\d+", "INDEX", text)

    def run(self, *words: str) -> tuple[Told, float, int]:
        """What a command said, its seconds, and the most memory (KiB) it used."""
        with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
            begin = time.monotonic()
            process = subprocess.Popen(
                [str(self.place.launcher), *words],
                cwd=self.place.directory, env=self.place.variables, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
            )  # fmt: skip
            memory, until = 0, begin + 60
            while process.poll() is None:
                memory = _memory_of(process.pid) or memory
                if time.monotonic() > until:
                    process.kill()
                time.sleep(0.01)
            seconds = time.monotonic() - begin
            for stream in (out, err):
                stream.seek(0)
            return Told(code=process.returncode, out=out.read(), err=err.read()), seconds, memory

    def judged(self, fault: IndexFault, mode: str, command: str) -> list[str]:
        """What is wrong after one command with one fault."""
        place, server = self.place, self.server
        place.restore(command)
        for name, value in {**self.plain, **fault.settings}.items():
            setattr(server, name, value)
        before = place.lock_file.read_bytes(), place.project_file.read_bytes()
        fault.install(server, mode)
        words = {"add": ("add", "alpha")}.get(command, (command,))
        try:
            told, seconds, memory = self.run(*words)
        finally:
            server.heal()
        wheels = sorted(server.directory.glob("*.whl"))
        wrong = judge_store(place.cache, wheels)
        if seconds > fault.seconds:
            wrong.append(f"took {seconds:.1f} s")
        if memory > LARGEST:
            wrong.append(f"used {memory >> 10} MiB")
        if told.code == 0:
            wrong += ["it worked"] if fault.never_works and mode == "every" else []
            return wrong + self._right(command, fault)
        wrong += _message(told)
        if (place.lock_file.read_bytes(), place.project_file.read_bytes()) != before:
            wrong.append("the project or its lock changed")
        if place.environment.exists():
            old = [wheel for wheel in wheels if wheel.name.startswith("beta")]
            if command == "add" and judge(place.environment, old) and judge(place.environment, wheels):
                wrong.append(f"the environment is neither old nor new: {judge(place.environment, old)[:2]}")
        return wrong

    def _right(self, command: str, fault: IndexFault) -> list[str]:
        place, wheels = self.place, sorted(self.server.directory.glob("*.whl"))
        lock = self.normal(place.lock_file.read_bytes())
        wrong = []
        right = self.right
        if fault.settings.get("formats") == "html":  # such pages tell no sizes, and so the digest is another
            lock, right = (re.sub(r"\n# Digest[^\n]*|, size = \d+", "", text) for text in (lock, right))
        if command in ("lock", "sync") and lock != right and not fault.is_lie:
            wrong.append("the lock is another one")
        if fault.is_lie and command == "sync":
            wrong += [f"what the index told falsely was installed: {line}" for line in judge(place.environment, wheels)]
        if command != "lock":
            wrong += place.judge()
        if not fault.is_lie and ('"alpha"' not in lock or '"beta"' not in lock):
            wrong.append("the lock lacks a package")
        return wrong


def _message(told: Told) -> list[str]:
    """What is wrong with the message of a failure."""
    wrong = []
    if told.code != 1:
        wrong.append(f"exit code {told.code}")
    if told.err.count("error: ") != 1 or "Traceback" in told.err:
        wrong.append("not one message")
    if not re.search(r"127\.0\.0\.\d|localhost|\[::1\]", told.err):
        wrong.append("no host in the message")
    if not re.search(r"alpha|beta", told.err):
        wrong.append("no file in the message")
    return [*wrong, told.err] if wrong else []


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("wheels")
    noise = {f"alpha/data{number}.py": "".join(f"x{n} = {number * n}\n" for n in range(200)) for number in range(4)}
    build_wheel(directory, "alpha", "1.0", {"alpha/__init__.py": "import beta\n", **noise}, ("beta",))
    build_wheel(directory, "beta", "1.0")
    return directory


@pytest.fixture(scope="module")
def stations(tmp_path_factory: pytest.TempPathFactory, wheels: Path, launcher: Path) -> Iterator[list[Station]]:
    root = tmp_path_factory.mktemp("stations")
    with ThreadPoolExecutor(STATIONS) as pool:
        made = list(pool.map(lambda number: Station(root / str(number), wheels, launcher), range(STATIONS)))
    yield made
    for station in made:
        station.server.__exit__(None, None, None)


def _all(stations: Sequence[Station], cases: Sequence[tuple[IndexFault, str, str]]) -> list[str]:
    free: SimpleQueue[Station] = SimpleQueue()
    for station in stations:
        free.put(station)

    def one(case: tuple[IndexFault, str, str]) -> list[str]:
        station = free.get()
        try:
            fault, mode, command = case
            return [f"{fault.name}, {mode}, {command}: {line}" for line in station.judged(fault, mode, command)]
        finally:
            free.put(station)

    with ThreadPoolExecutor(len(stations)) as pool:
        found = list(pool.map(one, cases))
    note(3, "index faults", cases=len(cases), failures=sum(map(bool, found)))
    return [line for lines in found for line in lines]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate that nobody but these tests trusts, and its key."""
    directory = tmp_path_factory.mktemp("certificate")
    certificate, key = directory / "certificate.pem", directory / "key.pem"
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl to make a certificate")
    words = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=loopback -addext subjectAltName=IP:127.0.0.1"
    made = subprocess.run(["openssl", *words.split(), "-keyout", key, "-out", certificate], capture_output=True)
    assert made.returncode == 0, made.stderr
    return certificate, key


def _variables(house: House) -> None:
    for name, value in {**IMPATIENT, "PROVENV_DEFAULT_INDEX": house.server.url}.items():
        house.monkeypatch.setenv(name, value)


def _filled(house: House) -> None:
    house.wheel("alpha", "1.0", ("beta",))
    house.wheel("beta", "1.0")
    house.project("alpha")
    _variables(house)


def test_a_redirect_to_another_host_tells_it_nothing(house: House) -> None:
    _filled(house)
    house.server.credentials = ("user", "s3cr3t")
    house.monkeypatch.setenv("PROVENV_DEFAULT_INDEX", house.server.url_with("user", "s3cr3t"))
    names = ("alpha", "beta")
    with IndexServer(house.server.directory, host="127.0.0.2") as other:
        for path in (
            *(f"/simple/{name}/" for name in names),
            *(f"/files/{name}-1.0-py3-none-any.whl" for name in names),
        ):
            house.server.fail(path, status=302, headers={"Location": other.root + path, "Set-Cookie": "a=b"}, body=b"")
        house.do("sync")
        assert house.installed() == {"alpha": "1.0", "beta": "1.0"}
        assert other.requests
        for seen in other.requests:
            assert not {"authorization", "cookie", "proxy-authorization"} & {name.lower() for name in seen.headers}


def test_a_redirect_from_https_to_http_is_refused(house: House, certificate: tuple[Path, Path]) -> None:
    _filled(house)
    house.monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    with IndexServer(house.server.directory, certificate=certificate) as secure:
        house.monkeypatch.setenv("PROVENV_DEFAULT_INDEX", secure.url)
        house.do("lock")
        house.do("sync")
        shutil.rmtree(house.cache)
        for pattern in ("/simple/*", "/files/*"):
            secure.redirect(pattern, f"{house.server.root}/simple/alpha/")
            told = house.refused("lock", "-U")
            assert "redirects from https to http" in told
            assert "127.0.0.1" in told
            assert "alpha" in told
            secure.heal()
        assert not house.server.requests


def test_a_certificate_that_nobody_trusts(house: House, certificate: tuple[Path, Path]) -> None:
    _filled(house)
    with IndexServer(house.server.directory, certificate=certificate) as secure:
        house.monkeypatch.setenv("PROVENV_DEFAULT_INDEX", secure.url)
        assert "certificate is not trusted" in house.refused("lock")
        assert not secure.requests
    assert not house.lock_file.exists()


def test_an_index_that_only_speaks_ipv6(house: House) -> None:
    _filled(house)
    try:
        server = IndexServer(house.server.directory, host="::1").__enter__()
    except OSError as error:
        pytest.skip(f"no IPv6 on this machine: {error}")
    try:
        house.monkeypatch.setenv("PROVENV_DEFAULT_INDEX", server.url)
        house.do("sync")
        assert house.installed() == {"alpha": "1.0", "beta": "1.0"}
        server.fail("/files/*", status=500)
        shutil.rmtree(house.cache)
        shutil.rmtree(house.environment)
        assert "::1" in house.refused("sync")
    finally:
        server.__exit__(None, None, None)


def test_needs_that_the_wheel_does_not_have(house: House) -> None:
    """Nothing but the wheel tells that the index lied: the lock believes it, the environment never does."""
    _filled(house)
    house.server.sidecars = "unannounced"
    lie = next(fault for fault in FAULTS if fault.is_lie)
    lie.install(house.server, "every")
    house.do("lock")
    assert "beta" not in house.locked()
    for _ in range(2):
        told = house.refused("sync")
        assert "127.0.0.1" in told
        assert "alpha-1.0-py3-none-any.whl" in told
        assert "`Requires-Dist:beta`" in told
        assert not list(house.environment.glob("lib/*/site-packages/alpha"))


def test_every_fault(stations: list[Station]) -> None:
    cases = [(fault, mode, command) for mode in MODES for command in COMMANDS for fault in FAULTS]
    problems = _all(stations, share(cases, 20))
    assert not problems, "\n".join(problems)
