"""What nobody promised: files beside those of packages, what runs when Python starts, and what hides a module."""

from __future__ import annotations

import stat
from collections.abc import Collection, Iterable, Mapping

from provenv.flows.verify_claims import Claim
from provenv.flows.verify_ground import Ground, kind_of
from provenv.model.finding import FAILS, HOLDS, WARNS, Finding
from provenv.model.machine import Interpreter

__all__ = ["Strangers", "strangers"]

_STARTUP = (".pth", ".start")
_CUSTOM = ("sitecustomize", "usercustomize")
_EXTENSIONS = (".so", ".pyd")
_LARGEST = 1 << 20

_VIRTUALENV = {
    "_virtualenv.pth": (18, b"import _virtualenv"),
}
"""What virtualenv and uv put into every environment, in no RECORD: name -> size, and the text."""


class Strangers:
    """``findings``, what is only told (``notes``), and byte code that Python wrote: ``(source, compiled)`` paths."""

    __slots__ = ("compiled", "findings", "notes", "removable")

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self.notes: list[Finding] = []
        self.compiled: list[tuple[str, str]] = []
        self.removable: list[str] = []
        """Extra files inside directories of packages: what ``--repair`` may take away."""


def strangers(
    ground: Ground,
    claims: Iterable[Claim],
    others: Collection[str],
    own: Collection[str],
    interpreter: Interpreter | None,
) -> Strangers:
    """Everything in site-packages and ``bin`` that no claim names.

    ``others`` are paths of packages that were told of already, ``own`` those of the environment itself.
    """
    owners = {promise.path: claim.name for claim in claims for promise in claim.promises}
    look = _Look(ground, owners, interpreter)
    for path in sorted(ground.entries):
        if path in owners or path in others or path in own or not _is_walked(ground, path):
            continue
        look.at(path)
    look.close()
    for site in ground.sites:
        _note_startup(ground, site, owners, look.made)
    return look.made


def _is_walked(ground: Ground, path: str) -> bool:
    return path.startswith((*(site + "/" for site in ground.sites), ground.programs + "/"))


class _Look:
    def __init__(self, ground: Ground, owners: Mapping[str, str], interpreter: Interpreter | None) -> None:
        self.ground = ground
        self.owners = owners
        self.made = Strangers()
        self._tag = interpreter.cache_tag if interpreter is not None else ""
        self._owned: dict[str, str] = {}
        """Directories that hold files of packages, with the first owner of each."""
        self._modules: dict[tuple[str, str], str] = {}
        """``(directory, module)`` -> the promised file that Python imports for it."""
        self._whole: dict[str, list[str]] = {}
        """Directories that hold nothing promised -> what is in them."""
        for path, owner in owners.items():
            directory, _, name = path.rpartition("/")
            if name.endswith((".py", *_EXTENSIONS)):
                self._modules[directory, name.partition(".")[0]] = path
            while directory and directory not in self._owned:
                self._owned[directory] = owner
                directory = directory.rpartition("/")[0]

    def at(self, path: str) -> None:
        if path in self._owned:
            return  # in the place of a directory of packages, which is told already
        directory, _, name = path.rpartition("/")
        if directory.rpartition("/")[2] == "__pycache__":
            self._cached(path, directory, name)
            return
        is_top = directory in self.ground.sites
        if is_top and name.endswith(_STARTUP):
            self._startup(path)
            return
        whole = self._unowned_above(directory)
        if whole is not None:
            self._whole.setdefault(whole, []).append(path)
            return
        if is_top and name.partition(".")[0] in _CUSTOM:
            self._custom(path)
            return
        if is_top and name == "_virtualenv.py" and self._is_made_by_virtualenv(directory):
            self.made.notes.append(_note("startup", path, "of virtualenv, in no RECORD; it runs when Python starts"))
            return
        self._extra(path, directory, name)

    def _is_made_by_virtualenv(self, site: str) -> bool:
        return f"{site}/_virtualenv.pth" in self.ground.entries

    def _unowned_above(self, directory: str) -> str | None:
        """The topmost directory above a file that holds nothing promised; None when its own directory is owned."""
        found = None
        while directory not in self._owned and directory not in (*self.ground.sites, self.ground.programs, ""):
            found = directory
            directory = directory.rpartition("/")[0]
        return found

    def _cached(self, path: str, directory: str, name: str) -> None:
        """In ``__pycache__``: Python imports nothing from there without a source, and only under its own tag."""
        above = directory.rpartition("/")[0]
        source = f"{above}/{name.partition('.')[0]}.py"
        if not name.endswith(".pyc"):
            if self._unowned_above(above) is None:
                self.made.findings.append(
                    Finding(
                        level=WARNS,
                        kind="extra",
                        subject=self._owned.get(above, ""),
                        path=path,
                        actual="kept by a program while it ran",
                        remedy="remove it if you do not know what wrote it",
                    )
                )
            return
        tag = name.removesuffix(".pyc").partition(".")[2]
        if source in self.owners and self._tag and tag in (self._tag, f"{self._tag}.opt-1", f"{self._tag}.opt-2"):
            self.made.compiled.append((source, path))

    def _extra(self, path: str, directory: str, name: str) -> None:
        status = self.ground.entries[path]
        what = kind_of(status.st_mode)
        if stat.S_ISLNK(status.st_mode):
            what = f"a link to {self.ground.target(path)}"
            if self.ground.leads_out(path):
                what += ", out of the environment"
        hidden = self._hidden_by(directory, name)
        module = self._module(path, name)
        if module:
            what += f", imported as `{module}`"
        is_inside = directory in self._owned and directory not in (*self.ground.sites, self.ground.programs)
        self.made.findings.append(
            Finding(
                level=FAILS,
                kind="shadow" if hidden else "extra",
                subject=self._owned.get(directory, "") if is_inside else "",
                path=path,
                expected="nothing",
                actual=f"{what}, in front of {hidden}" if hidden else what,
                remedy=_REMOVED if is_inside else _NAMED,
            )
        )
        if is_inside:
            self.made.removable.append(path)

    def _hidden_by(self, directory: str, name: str) -> str:
        """The promised module that Python no longer finds because of an extra file beside it."""
        promised = self._modules.get((directory, name.partition(".")[0]), "")
        return promised if promised.endswith(".py") and name.endswith(_EXTENSIONS) else ""

    def _module(self, path: str, name: str) -> str:
        if not name.endswith((".py", ".pyc", *_EXTENSIONS)):
            return ""
        site = next((site for site in self.ground.sites if path.startswith(site + "/")), None)
        if site is None:
            return ""
        parts = path[len(site) + 1 :].split("/")
        parts[-1] = parts[-1].partition(".")[0]
        if parts[-1] == "__init__":
            parts.pop()
        return ".".join(parts) if all(part.isidentifier() for part in parts) else ""

    def _startup(self, path: str) -> None:
        text = _read(self.ground, path)
        name = path.rpartition("/")[2]
        known = _VIRTUALENV.get(name)
        if known is not None and text.strip() == known[1]:
            self.made.notes.append(_note("startup", path, "of virtualenv, in no RECORD; runs code when Python starts"))
            return
        self.made.findings.append(
            Finding(
                level=FAILS,
                kind="startup",
                path=path,
                expected="nothing",
                actual=_told_startup(name, text),
                remedy=_NAMED,
            )
        )

    def _custom(self, path: str) -> None:
        self.made.findings.append(
            Finding(
                level=FAILS,
                kind="startup",
                path=path,
                expected="nothing",
                actual="runs code whenever Python starts",
                remedy=_NAMED,
            )
        )

    def close(self) -> None:
        """Tell of the directories that hold nothing promised, each once."""
        for directory, paths in sorted(self._whole.items()):
            paths = [path for path in paths if "/__pycache__/" not in path]
            if not paths:
                continue
            above, _, name = directory.rpartition("/")
            inside = above not in (*self.ground.sites, self.ground.programs)
            promised = self._modules.get((above, name), "")
            is_package = any(path.startswith(f"{directory}/__init__.") for path in paths)
            what = f"{len(paths)} file{'s' if len(paths) > 1 else ''}"
            is_custom = name in _CUSTOM and not inside
            if is_custom:
                what += ", runs code whenever Python starts"
            elif name.startswith("~"):
                what += ", left by a pip that was interrupted"
            if promised and is_package:
                what += f", in front of {promised}"
            self.made.findings.append(
                Finding(
                    level=FAILS,
                    kind="startup" if is_custom else "shadow" if promised and is_package else "extra",
                    subject=self._owned.get(above, "") if inside else "",
                    path=directory,
                    expected="nothing",
                    actual=f"a directory with {what}",
                    remedy=_REMOVED if inside else _NAMED,
                )
            )
            if inside:
                self.made.removable += self._whole[directory]


_REMOVED = "`provenv verify --repair` removes it: it lies inside a package"
_NAMED = "remove it, unless you put it there"


def _note(kind: str, path: str, actual: str, subject: str = "") -> Finding:
    return Finding(level=HOLDS, kind=kind, subject=subject, path=path, actual=actual)


def _read(ground: Ground, path: str) -> bytes:
    status = ground.entries[path]
    if not stat.S_ISREG(status.st_mode):
        return b""
    try:
        with open(f"{ground.root}/{path}", "rb") as file:
            return file.read(_LARGEST)
    except OSError:
        return b""


def _told_startup(name: str, text: bytes) -> str:
    """What a ``.pth`` file (site) or a ``.start`` file (PEP 829) does when Python starts."""
    lines = [line.strip() for line in text.decode("utf-8", "replace").splitlines()]
    lines = [line for line in lines if line and not line.startswith("#")]
    if name.endswith(".start"):
        return f"calls {', '.join(lines) or 'nothing'} whenever Python starts"
    if any(line.startswith(("import ", "import\t")) for line in lines):
        return "runs code whenever Python starts"
    return f"adds {', '.join(lines) or 'nothing'} to the places that Python imports from"


def _note_startup(ground: Ground, site: str, owners: Mapping[str, str], made: Strangers) -> None:
    """Start-up files that a package brings are as promised; who looks for trouble wants to know of them."""
    for path, owner in owners.items():
        directory, _, name = path.rpartition("/")
        is_custom = name.partition(".")[0] in _CUSTOM and name.endswith((".py", *_EXTENSIONS))
        if directory == site and (name.endswith(_STARTUP) or is_custom) and path in ground.entries:
            told = "runs code whenever Python starts" if is_custom else _told_startup(name, _read(ground, path))
            made.notes.append(_note("startup", path, told, owner))
