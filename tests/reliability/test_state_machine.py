"""Any sequence of commands, damage and kills: after one plain ``sync`` everything is as the project says.

The model knows which packages the project asks for; the judges know what their wheels hold.
"""

from __future__ import annotations

import random
import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from tests.rig.fixture import small_wheels
from tests.rig.place import Place
from tests.rig.scale import IS_NIGHTLY, note
from tests.rig.store_judge import judge_store, store_of
from tests.worlds.index_server import IndexServer

__all__: list[str] = []

_NAMES = ("alpha", "beta", "gamma", "tools", "space-one", "space-two", "paths", "large", "extra")
_NEEDS = {"alpha": {"delta"}, "extra": {"delta"}}
_POINTS = st.integers(min_value=1, max_value=260)
_STEPS = 14
_KINDS = ("delete", "edit", "empty", "in place")
_EXAMPLES = 60 if IS_NIGHTLY else 4

_Steps = {"count": 0}


class _Machine(RuleBasedStateMachine):
    """One project; ``wanted`` maps what it asks for to its version, where there are two."""

    server: IndexServer
    launcher: Path

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp(prefix="machine-"))
        self.place = Place(self.root, self.server, self.launcher)
        self.wanted = {"alpha": 2, "beta": 1, "gamma": 2}
        self.is_rotten = False
        self._write()

    def _write(self) -> None:
        lines = [f"{name}{self._bound(name)}" for name in sorted(self.wanted)]
        self.place.project(*lines)

    def _bound(self, name: str) -> str:
        if name not in ("alpha", "beta"):
            return ""
        return "<2" if self.wanted[name] == 1 else ">=2"

    def _wheels(self) -> list[Path]:
        names = set(self.wanted).union(*(_NEEDS.get(name, set()) for name in self.wanted))
        return [self._wheel(name) for name in sorted(names)]

    def _wheel(self, name: str) -> Path:
        version = "2.0" if name in ("alpha", "beta") and self.wanted.get(name) == 2 else "1.0"
        return self.server.directory / f"{name.replace('-', '_')}-{version}-py3-none-any.whl"

    @rule()
    def sync(self) -> None:
        _Steps["count"] += 1
        told = self.place.run("sync")
        assert told.code == 0, told.err
        assert "Traceback" not in told.err
        assert self.place.judge(self._wheels()) == []
        if not self.is_rotten:
            assert judge_store(self.place.cache, sorted(self.server.directory.glob("*.whl"))) == []

    @rule()
    def lock(self) -> None:
        self.place.do("lock", "--upgrade")

    @rule(name=st.sampled_from(_NAMES))
    def add(self, name: str) -> None:
        self.place.do("add", name)
        # A name that is there already keeps its bound.
        self.wanted.setdefault(name, 2)
        assert self.place.judge(self._wheels()) == []

    @precondition(lambda self: len(self.wanted) > 1)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.wanted)))
        self.place.do("remove", name)
        del self.wanted[name]
        assert self.place.judge(self._wheels()) == []

    @precondition(lambda self: self.wanted.keys() & {"alpha", "beta"})
    @rule()
    def other_version(self) -> None:
        """The user edits the project file."""
        for name in self.wanted.keys() & {"alpha", "beta"}:
            self.wanted[name] = 3 - self.wanted[name]
        self._write()

    @precondition(lambda self: self.place.environment.is_dir())
    @rule(number=st.integers(min_value=0, max_value=1 << 30), kind=st.sampled_from(_KINDS))
    def damage(self, number: int, kind: str) -> None:
        files = sorted(
            path
            for path in self.place.environment.rglob("*")
            if path.is_file() and not path.is_symlink() and path.suffix != ".pyc"
        )
        if not files:
            return
        path = files[number % len(files)]
        if kind == "in place":
            # Through a hard link, so perhaps into the store, too.
            self.is_rotten = True
            path.chmod(0o644)
            with open(path, "ab") as file:
                file.write(b"\n# edited\n")
            return
        data = path.read_bytes()
        path.unlink()
        if kind != "delete":
            path.write_bytes(b"" if kind == "empty" else data + b"\n# edited\n")

    @precondition(lambda self: any(store_of(self.place.cache).glob("trees/*/*/files")))
    @rule(number=st.integers(min_value=0, max_value=1 << 30))
    def poison(self, number: int) -> None:
        """Somebody writes into a file of the store: its size and time say so."""
        files = sorted(path for path in store_of(self.place.cache).glob("trees/*/*/files/**/*") if path.is_file())
        path = files[number % len(files)]
        path.chmod(0o644)
        with open(path, "ab") as file:
            file.write(b"# poison\n")
        path.chmod(0o444)
        self.is_rotten = True

    @precondition(lambda self: self.is_rotten)
    @rule()
    def repair_store(self) -> None:
        told = self.place.run("store", "verify", "--repair")
        assert told.code == 0, told.out + told.err
        self.is_rotten = False
        assert judge_store(self.place.cache, sorted(self.server.directory.glob("*.whl"))) == []

    @rule(point=_POINTS)
    def killed_sync(self, point: int) -> None:
        self.place.run("sync", rig={"KILL_AT": point})

    @rule(name=st.sampled_from(_NAMES), point=_POINTS)
    def killed_add(self, name: str, point: int) -> None:
        before = self.place.project_file.read_bytes()
        self.place.run("add", name, rig={"KILL_AT": point})
        if self.place.project_file.read_bytes() != before:
            self.wanted.setdefault(name, 2)

    @rule(is_all=st.booleans())
    def prune(self, is_all: bool) -> None:
        told = self.place.run("store", "prune", *(["--all"] if is_all else []))
        assert told.code == 0, told.err

    def teardown(self) -> None:
        self.sync()
        shutil.rmtree(self.root)


def test_any_sequence(tmp_path: Path, index_world: IndexServer, launcher: Path) -> None:
    random.seed(0)
    small_wheels(index_world.directory)
    _Machine.server, _Machine.launcher = index_world, launcher
    budget = settings(
        max_examples=_EXAMPLES,
        stateful_step_count=_STEPS,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )
    _Steps["count"] = 0
    run_state_machine_as_test(_Machine, settings=budget)
    note(1, "any sequence of commands, damage and kills", cases=_EXAMPLES, failures=0)
