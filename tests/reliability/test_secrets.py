"""A secret is seen nowhere: whatever the command, wherever it was given, however it ends."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.rig.scale import note, share
from tests.worlds.house import House, Told

SECRET = "s33d-0f-a-s3cret"
COMMANDS = (
    ("lock", "-v"), ("sync", "-v"), ("add", "-v", "beta"), ("export", "-v"), ("tree", "-v"), ("why", "-v", "alpha"),
    ("lock", "-v", "-U", "--refresh"), ("verify", "-v"), ("store", "verify", "-v"),
    ("run", "-v", "python", "-c", "pass"),
)  # fmt: skip
WAYS = ("URL", "variables", "netrc", "query", "find-links")
OUTCOMES = ("good", "401", "404", "stall", "malformed")


class Watch:
    """Reads the words of every process that lives, until the end of the block."""

    def __init__(self) -> None:
        self.seen: set[str] = set()
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _run(self) -> None:
        own = {str(os.getpid()), str(os.getppid())}
        while not self._is_over.wait(0.005):
            for number in os.listdir("/proc") if os.path.isdir("/proc") else ():
                if number.isdigit() and number not in own:
                    try:
                        words = Path("/proc", number, "cmdline").read_bytes()
                    except OSError:
                        continue
                    if SECRET.encode() in words:
                        self.seen.add(words.replace(b"\0", b" ").decode("utf-8", "replace"))


def _given(house: House, way: str, outcome: str) -> Mapping[str, str]:
    """Where the secret is; the variables of the command that is to find it."""
    url = house.server.url
    if outcome == "malformed":
        url = url.replace("127.0.0.1", "127.0.0.1:x")
    guarded = url.replace("http://", f"http://user:{SECRET}@")
    more = ""
    variables = {"PROVENV_HTTP_TIMEOUT": "1", "PROVENV_HTTP_RETRIES": "0"}
    if way == "URL":
        variables["PROVENV_DEFAULT_INDEX"] = guarded
    elif way == "variables":
        more = f'[[tool.provenv.index]]\nname = "ours"\nurl = "{url}"\ndefault = true\n'
        variables |= {"PROVENV_INDEX_OURS_USERNAME": "user", "PROVENV_INDEX_OURS_PASSWORD": SECRET}
        variables["PROVENV_DEFAULT_INDEX"] = ""
    elif way == "netrc":
        netrc = house.home / ".netrc"
        netrc.write_text(f"machine 127.0.0.1 login user password {SECRET}\n")
        netrc.chmod(0o600)
        variables["PROVENV_DEFAULT_INDEX"] = url
    elif way == "query":
        variables["PROVENV_FIND_LINKS"] = f"{url.replace('/simple/', '/flat/')}?token={SECRET}"
    else:
        variables["PROVENV_FIND_LINKS"] = guarded.replace("/simple/", "/flat/")
    house.project("alpha", more=more)
    return variables


def _files(house: House, told: Told) -> Iterator[str]:
    """Where the secret is seen besides the places in which the user wrote it."""
    if SECRET in told.out + told.err:
        yield f"in what was said: {told.out}{told.err}"
    for directory, _, names in os.walk(house.root):
        for name in names:
            path = Path(directory, name)
            if name != ".netrc" and path.is_file() and not path.is_symlink() and SECRET.encode() in path.read_bytes():
                yield f"in {path}"


def _case(house: House, command: tuple[str, ...], way: str, outcome: str) -> list[str]:
    house.server.heal()
    house.server.credentials = ("user", SECRET) if way not in ("query", "find-links") else None
    variables = _given(house, way, outcome)
    if outcome == "401":
        house.server.credentials = ("user", "another")
    elif outcome == "404":
        house.server.fail("/*", status=404)
    elif outcome == "stall":
        house.server.fail("/*", stall_after=0)
    with Watch() as watch:
        told = house.launch(*command, **variables)
    found = [*_files(house, told), *(f"in the words of a process: {words}" for words in watch.seen)]
    if "Traceback" in told.err:
        found.append(told.err)
    return found


@pytest.mark.parametrize("way", WAYS)
def test_nobody_sees_it(house: House, way: str) -> None:
    house.wheel("alpha", "1.0", ("beta",))
    house.wheel("beta", "1.0")
    cases = [(command, outcome) for outcome in OUTCOMES for command in COMMANDS]
    chosen = share(cases, 7)
    problems = {
        f"{' '.join(command)}, {outcome}": found
        for command, outcome in chosen
        if (found := _case(house, command, way, outcome))
    }
    note(3, f"a secret given in: {way}", cases=len(chosen), failures=len(problems))
    assert not problems, "\n".join(f"{name}: {found}" for name, found in problems.items())
