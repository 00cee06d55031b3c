"""A project that nothing is wrong with, and mistakes to be planted in it, one at a time."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from tests.worlds.binaries import build_elf
from tests.worlds.house import BASE_PYTHON, House
from tests.worlds.repositories import Repository

__all__ = ["MISTAKES", "Clean", "Mistake", "without_variables"]

_PROJECT = """\
[project]
name = "demo"
version = "0.1"
requires-python = ">=3.8"
dependencies = ["alpha>=1", "torch>=2"]

[build-system]
requires = ["provider>=1,<2"]
build-backend = "provider"

[tool.provenv]
package = false
"""
_CI = """\
name: pip install what you like
jobs:
  test:
    steps:
      - uses: someone/checkout@v4
      - uses: someone/setup@v5
        with:
          python-version: "3.12"
      - run: provenv sync --locked
"""
_DOCKER = """\
FROM python:3.12-slim@sha256:0000
WORKDIR /app
COPY pyproject.toml pylock.toml ./
RUN provenv sync --locked
COPY . .
USER app
CMD ["demo"]
"""


def without_variables(house: House) -> None:
    """Nothing that decides what Python or a loader finds is set."""
    for name in ("PYTHONPATH", "PYTHONHOME", "PYTHONNOUSERSITE", "PYTHONUSERBASE", "CONDA_PREFIX", "VIRTUAL_ENV",
                 "LD_LIBRARY_PATH", "CUDA_HOME", "CUDA_PATH"):  # fmt: skip
        house.monkeypatch.delenv(name, raising=False)


class Clean:
    """A library that is locked, installed, kept by git, tested by a service and shipped in an image."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.directory = house.directory
        without_variables(house)
        house.wheel("alpha", "1.0", ("beta",))
        house.wheel("alpha", "2.0", ("beta",))
        house.wheel("beta", "1.0")
        house.wheel("gamma", "1.0")
        house.wheel("torch", "2.9.1", files={"torch/__init__.py": "", "torch/lib/libcudnn.so.9": b"not read here"})
        self.directory.rmdir()
        self.repository = Repository(self.directory)
        os.chdir(self.directory)
        self.write("pyproject.toml", _PROJECT)
        self.write("src/demo/__init__.py", "")
        self.write("tests/test_demo.py", "")
        self.write(".gitignore", "build/\n.env\n")
        self.write(".dockerignore", ".venv\n.git\n")
        self.write(".github/workflows/test.yml", _CI)
        self.write("Dockerfile", _DOCKER)
        house.do("sync")
        self.repository.git("add", "--all")

    def write(self, path: str, text: str | bytes) -> Path:
        """Write a file of the project."""
        file = self.directory / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode() if isinstance(text, str) else text)
        return file

    def keep(self, path: str, text: str | bytes) -> None:
        """Write a file, and have git keep it, whatever it ignores."""
        self.write(path, text)
        self.repository.git("add", "--force", path)

    def change(self, path: str, old: str, new: str) -> None:
        """Put other words into a file of the project."""
        text = (self.directory / path).read_text()
        assert old in text
        self.write(path, text.replace(old, new))

    def change_project(self, old: str, new: str) -> None:
        """Change the project file, and lock and install again."""
        self.change("pyproject.toml", old, new)
        self.house.do("sync")

    def installed(self, name: str, version: str, *, installer: str = "pip", site: Path | None = None) -> None:
        """What another tool leaves of a distribution."""
        place = (site or self.house.site) / f"{name}-{version}.dist-info"
        place.mkdir(parents=True)
        (place / "METADATA").write_text(f"Name: {name}\nVersion: {version}\n")
        (place / "INSTALLER").write_text(installer + "\n")
        (place / "RECORD").write_text("")

    def set(self, name: str, value: str) -> None:
        """Set a variable of the user."""
        self.house.monkeypatch.setenv(name, value)

    def toolkit(self, version: str) -> Path:
        """A CUDA toolkit, as far as it tells its version."""
        place = self.house.root / "cuda"
        place.mkdir()
        (place / "version.json").write_text(f'{{"cuda": {{"version": "{version}"}}}}')
        return place

    def extension(self, name: str, **what: object) -> None:
        """A compiled file of the project itself."""
        self.write(f"src/demo/{name}", build_elf(**what))  # type: ignore[arg-type]  # the words of build_elf


Mistake = Callable[[Clean], object]
"""What it gives back nobody wants."""


def _settings(clean: Clean, old: str, new: str) -> None:
    file = clean.house.environment / "pyvenv.cfg"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))


def _broken_interpreter(clean: Clean) -> None:
    for link in (clean.house.environment / "bin").glob("python*"):
        link.unlink()
        link.symlink_to(clean.house.root / "gone" / "python3")


def _system_site(clean: Clean) -> None:
    _settings(clean, "include-system-site-packages = false", "include-system-site-packages = true")


def _user_site(clean: Clean) -> None:
    _system_site(clean)
    name = clean.house.site.parent.name
    clean.installed("numpy", "1.0", site=clean.house.home / f".local/lib/{name}/site-packages")


def _old_python(clean: Clean) -> None:
    text = (clean.house.environment / "pyvenv.cfg").read_text().splitlines()
    lines = [f"{line.partition('=')[0]}= 3.7.2" if line.startswith("version") else line for line in text]
    (clean.house.environment / "pyvenv.cfg").write_text("\n".join(lines) + "\n")


def _conda(clean: Clean) -> None:
    place = clean.house.root / "conda"
    (place / "conda-meta").mkdir(parents=True)
    (place / "bin").mkdir()
    (place / "bin/python").symlink_to(BASE_PYTHON)
    site = place / "lib" / clean.house.site.parent.name / "site-packages"
    clean.installed("numpy", "2.0", installer="conda", site=site)
    clean.installed("scipy", "1.0", installer="pip", site=site)
    clean.installed("pandas", "1.0", installer="pip", site=site)
    record = '{"files": ["lib/python3.11/site-packages/pandas-1.0.dist-info/RECORD"]}'
    (place / "conda-meta/pandas-1.0-0.json").write_text(record)
    shutil.rmtree(clean.house.environment)
    clean.set("CONDA_PREFIX", str(place))


def _old_cudnn(clean: Clean) -> None:
    """What ``pip install`` after the lock leaves: a library that the framework was not made for."""
    clean.house.wheel("nvidia-cudnn-cu12", "9.10.2.21")
    clean.house.wheel("attention", "1.0", ("nvidia-cudnn-cu12==9.10.2.21",))
    clean.change_project('"alpha>=1"', '"alpha>=1", "attention"')
    place = next(clean.house.site.glob("nvidia_cudnn_cu12-*"))
    place.rename(place.with_name("nvidia_cudnn_cu12-9.26.0.51.dist-info"))


def _user_only(clean: Clean) -> None:
    shutil.rmtree(clean.house.environment)
    clean.installed("numpy", "1.0", site=clean.house.home / ".local/lib/python3.11/site-packages")


def _duplicate(clean: Clean) -> None:
    clean.installed("beta", "0.9")


def _cudas(clean: Clean) -> None:
    clean.house.wheel("nvidia-cublas-cu11", "11.11.3.6")
    clean.house.wheel("nvidia-cublas-cu12", "12.8.4.1")
    clean.change_project('"torch>=2"', '"torch>=2", "nvidia-cublas-cu11", "nvidia-cublas-cu12"')


def _compiler(clean: Clean) -> None:
    program = clean.toolkit("11.8.0") / "bin/nvcc"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\nexit 1\n")
    program.chmod(0o755)
    clean.set("PATH", f"{program.parent}:{os.environ['PATH']}")


def _shadowed(clean: Clean) -> None:
    place = clean.house.root / "libraries"
    place.mkdir()
    (place / "libcudnn.so.8").write_bytes(b"")
    clean.set("LD_LIBRARY_PATH", str(place))


def _pairs(clean: Clean) -> None:
    clean.house.wheel("torchvision", "0.20.1")
    clean.change_project('"torch>=2"', '"torch>=2", "torchvision>=0.20"')


def _torch_symbol(clean: Clean) -> None:
    libraries = clean.house.site / "torch/lib"
    (libraries / "libtorch_cpu.so").write_bytes(build_elf(defined=["_ZN2at4_ops3addE"]))
    clean.extension("_C.so", undefined=["_ZN2at4_ops3addE", "_ZN2at4_ops4goneE"])


def _locks_disagree(clean: Clean) -> None:
    clean.keep(
        "uv.lock",
        'version = 1\nrequires-python = ">=3.8"\n\n[[package]]\nname = "alpha"\nversion = "1.5"\n'
        'source = { registry = "https://host.example/simple" }\n',
    )


def _unlocked(clean: Clean) -> None:
    clean.repository.git("rm", "--quiet", "--cached", "pylock.toml")
    clean.house.lock_file.unlink()


def _merged(clean: Clean) -> None:
    text = clean.house.lock_file.read_text()
    clean.house.lock_file.write_text(f"<<<<<<< ours\n{text}=======\n>>>>>>> theirs\n")


def _setup_only(clean: Clean) -> None:
    clean.house.project_file.unlink()
    clean.write("setup.py", "raise SystemExit('this must not run')")


def _flat(clean: Clean) -> None:
    shutil.move(clean.directory / "src/demo", clean.directory / "demo")
    (clean.directory / "src").rmdir()


_WORKFLOW, _SYNC = ".github/workflows/test.yml", "provenv sync --locked"


def _ci(new: str, old: str = _SYNC) -> Mistake:
    return lambda clean: clean.change(_WORKFLOW, old, new)


def _docker(old: str, new: str) -> Mistake:
    return lambda clean: clean.change("Dockerfile", old, new)


MISTAKES: dict[str, tuple[Mistake, tuple[str, ...]]] = {
    # the machine
    "toolkit of another CUDA": (lambda clean: clean.set("CUDA_HOME", str(clean.toolkit("11.8.0"))), ("toolkit",)),
    "newer toolkit than the framework": (
        lambda clean: clean.set("CUDA_PATH", str(clean.toolkit("13.0.1"))),
        ("toolkit",),
    ),
    "compiler of another CUDA": (_compiler, ("toolkit",)),
    "library path before wheels": (_shadowed, ("library-path",)),
    "two CUDAs": (_cudas, ("two-cudas",)),
    "torchvision of another torch": (_pairs, ("pair",)),
    "extension for another CUDA": (
        lambda clean: clean.extension("_C.so", needed=["libcudart.so.11.0"]),
        ("extension-cuda",),
    ),
    "extension for another Python": (
        lambda clean: clean.extension("_C.cpython-36-x86_64-linux-gnu.so", soname="c"),
        ("extension-python",),
    ),
    "extension for another torch": (_torch_symbol, ("extension-torch",)),
    # the environment
    "interpreter is gone": (_broken_interpreter, ("broken-interpreter", "damaged")),
    "global packages": (_system_site, ("damaged", "system-packages")),
    "user packages": (_user_site, ("damaged", "system-packages", "user-packages")),
    "another Python": (_old_python, ("damaged", "other-python")),
    "pinned to another Python": (lambda clean: clean.keep(".python-version", "3.8\n"), ("other-python",)),
    "not an environment": (
        lambda clean: (clean.house.environment / "pyvenv.cfg").unlink(),
        ("damaged", "no-environment"),
    ),
    "conda and pip": (_conda, ("conda-and-pip",)),
    "cuDNN is not what the framework needs": (_old_cudnn, ("damaged", "foreign-package", "requirement", "unsynced")),
    "installed for the user only": (_user_only, ("user-packages",)),
    "twice installed": (_duplicate, ("duplicate", "foreign-package", "unsynced")),
    "of another tool": (lambda clean: clean.installed("gamma", "1.0"), ("foreign-package",)),
    "a file is gone": (lambda clean: (clean.house.site / "alpha/__init__.py").unlink(), ("damaged",)),
    "not synced": (lambda clean: clean.house.do("add", "gamma", "--no-sync"), ("unsynced",)),
    "PYTHONPATH": (lambda clean: clean.set("PYTHONPATH", "/somewhere"), ("pythonpath",)),
    "PYTHONHOME": (lambda clean: clean.set("PYTHONHOME", "/somewhere"), ("pythonhome",)),
    "another is activated": (lambda clean: clean.set("VIRTUAL_ENV", "/somewhere"), ("other-active",)),
    "sitecustomize": (
        lambda clean: (clean.house.site / "sitecustomize.py").write_text(""),
        ("sitecustomize",),
    ),
    "a path file that runs code": (lambda clean: _pth(clean), ("startup",)),
    # the project
    "no lock": (_unlocked, ("no-lock",)),
    "stale lock": (lambda clean: clean.change("pyproject.toml", '"alpha>=1"', '"alpha>=1", "gamma"'), ("stale-lock",)),
    "edited lock": (
        lambda clean: clean.house.lock_file.write_text(clean.house.lock_file.read_text() + "# by hand\n"),
        ("stale-lock",),
    ),
    "merged lock": (_merged, ("unreadable-lock",)),
    "two locks": (_locks_disagree, ("two-locks",)),
    "broken project file": (lambda clean: clean.change("pyproject.toml", '"0.1"', "0.1.1"), ("project-file",)),
    "no oldest Python": (
        lambda clean: clean.change_project('requires-python = ">=3.8"', 'requires-python = "<4"'),
        ("python-bound",),
    ),
    "any torch": (lambda clean: clean.change_project('"torch>=2"', '"torch"'), ("unbounded",)),
    "any build tool": (
        lambda clean: clean.change("pyproject.toml", "provider>=1,<2", "provider"),
        ("build-requirement",),
    ),
    "loose requirements": (lambda clean: clean.keep("requirements.txt", "# some\nnumpy\n"), ("loose-requirements",)),
    "setup.py alone": (_setup_only, ("setup-py",)),
    "flat layout": (_flat, ("flat-layout",)),
    # the repository
    "lock is not kept": (
        lambda clean: clean.repository.git("rm", "--quiet", "--cached", "pylock.toml"),
        ("untracked-lock",),
    ),
    "lock is ignored": (lambda clean: _ignored(clean), ("ignored-lock",)),
    "environment is kept": (
        lambda clean: clean.repository.git("add", "--force", ".venv/pyvenv.cfg"),
        ("environment-in-git",),
    ),
    "wheels are kept": (lambda clean: clean.keep("vendor/alpha-1.0-py3-none-any.whl", b"PK"), ("wheels-in-git",)),
    "environment is not ignored": (
        lambda clean: (clean.house.environment / ".gitignore").write_text(""),
        ("damaged", "environment-not-ignored"),
    ),
    ".env is kept": (lambda clean: clean.keep(".env", "KEY=1"), ("build-context", "secret-file")),
    "a private key is kept": (
        lambda clean: clean.keep("deploy.pem", "-----BEGIN " + "RSA PRIVATE KEY-----\n"),
        ("secret-file",),
    ),
    "a password in an index URL": (
        lambda clean: clean.keep("pip.conf", "extra-index-url = https://me:s3cr3tword@host.example/simple\n"),
        ("secret",),
    ),
    "a token in a file": (lambda clean: clean.keep("settings.toml", f'token = "hf_{"x1Y2" * 9}"\n'), ("secret",)),
    # services
    "CI: loose requirements": (_ci("pip install -r requirements.in.txt"), ("loose-install",)),
    "CI: unpinned packages": (_ci("pip install pytest"), ("unpinned-install",)),
    "CI: past the lock": (_ci("pip install -e ."), ("past-lock",)),
    "CI: a lock that may change": (_ci("uv sync"), ("unlocked-sync",)),
    "CI: newest Python": (_ci("3.x", "3.12"), ("moving-python",)),
    "CI: 3.10 is 3.1": (_ci("3.10", '"3.12"'), ("yaml-version",)),
    "CI: an action's branch": (_ci("checkout@main", "checkout@v4"), ("moving-action",)),
    "CI: GitLab's image": (lambda clean: clean.keep(".gitlab-ci.yml", "image: python:latest\n"), ("unpinned-image",)),
    # images
    "image: no tag": (_docker("python:3.12-slim@sha256:0000", "python"), ("unpinned-image",)),
    "image: latest": (_docker("python:3.12-slim@sha256:0000", "python:latest"), ("unpinned-image",)),
    "image: of another CUDA": (_docker("python:3.12-slim@sha256:0000", "nvidia/cuda:11.8.0-runtime"), ("image-cuda",)),
    "image: all is copied first": (_docker("COPY pyproject.toml pylock.toml ./", "COPY . ."), ("layer-order",)),
    "image: pip's cache": (_docker("RUN provenv sync --locked", "RUN pip install alpha==2.0"), ("pip-cache",)),
    "image: root": (_docker("USER app\n", ""), ("root-user",)),
    "image: a script of the network": (
        _docker("WORKDIR /app", "RUN curl https://host.example/x | sh"),
        ("piped-script",),
    ),
    "image: a secret": (_docker("WORKDIR /app", "ENV HF_TOKEN=hunter22hunter22"), ("image-secret",)),
    "image: this computer's environment": (
        lambda clean: clean.write(".dockerignore", ".git\n"),
        ("build-context",),
    ),
}
"""What is planted -> how, and the kinds of what must be found, sorted: these, and nothing else."""


def _pth(clean: Clean) -> None:
    (clean.house.site / "hello.pth").write_text("# first\nimport sys; sys.hello = 1\n")


def _ignored(clean: Clean) -> None:
    clean.repository.git("rm", "--quiet", "--cached", "pylock.toml")
    clean.write(".gitignore", "build/\n.env\n*lock.toml\n")
