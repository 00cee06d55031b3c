"""Locks of other tools: what is in them is read whole, and what cannot be is told with file and key."""

from __future__ import annotations

import pytest

from provenv.convert.detect import read_lock
from provenv.convert.foreign import ForeignLock, ForeignPackage, Need
from provenv.errors import InputError

ONE, TWO = "1" * 64, "2" * 64

UV = f"""
version = 1
revision = 3
requires-python = ">=3.11"

[manifest]
members = ["demo"]

[[package]]
name = "Alpha"
version = "1.0"
source = {{ registry = "https://index.example/simple" }}
resolution-markers = ["sys_platform == 'linux'"]
dependencies = [
    {{ name = "beta", extra = ["fast"], marker = "python_version < '3.12'" }},
]
sdist = {{ url = "https://files.example/alpha-1.0.tar.gz", hash = "sha256:{TWO}", size = 20 }}
wheels = [
    {{ url = "https://files.example/alpha-1.0%2Bcpu-py3-none-any.whl", hash = "sha256:{ONE}", size = 10 }},
]

[package.optional-dependencies]
fast = [{{ name = "gamma" }}]

[[package]]
name = "beta"
version = "2.0"
source = {{ git = "https://git.example/beta?subdirectory=lib&rev=main#0123456789012345678901234567890123456789" }}

[[package]]
name = "demo"
source = {{ editable = "." }}
dependencies = [{{ name = "alpha" }}]

[package.dev-dependencies]
dev = [{{ name = "gamma" }}]

[[package]]
name = "gamma"
version = "3.0"
source = {{ path = "wheels/gamma-3.0-py3-none-any.whl" }}
wheels = [{{ filename = "gamma-3.0-py3-none-any.whl", hash = "sha256:{ONE}" }}]
"""

POETRY = f"""
[[package]]
name = "Alpha"
version = "1.0"
description = "x"
optional = true
python-versions = ">=3.8"
groups = ["main", "dev"]
files = [
    {{file = "alpha-1.0-py3-none-any.whl", hash = "sha256:{ONE}"}},
    {{file = "alpha-1.0.tar.gz", hash = "sha256:{TWO}"}},
]

[package.markers]
main = "extra == \\"all\\""
dev = "python_version < \\"3.12\\""

[package.dependencies]
beta = {{version = ">=2", markers = "os_name == \\"nt\\"", extras = ["fast"]}}
gamma = [{{version = "1"}}, "2"]

[package.extras]
docs = ["sphinx (>=3.5)"]

[package.source]
type = "legacy"
url = "https://index.example/simple"
reference = "private"

[[package]]
name = "beta"
version = "2.0"
optional = false
python-versions = "*"
files = []
develop = true

[package.source]
type = "directory"
url = "../beta"

[extras]
all = ["alpha"]

[metadata]
lock-version = "2.1"
python-versions = ">=3.11"
content-hash = "{ONE}"
"""

PDM = f"""
[metadata]
groups = ["default", "dev"]
strategy = ["inherit_metadata"]
lock_version = "4.5.0"
content_hash = "sha256:{ONE}"

[[metadata.targets]]
requires_python = ">=3.11"

[[package]]
name = "alpha"
version = "1.0"
requires_python = ">=3.8"
groups = ["default"]
marker = "sys_platform == \\"linux\\""
dependencies = ["beta[fast]>=2; os_name == \\"nt\\""]
files = [
    {{file = "alpha-1.0-py3-none-any.whl", hash = "sha256:{ONE}"}},
    {{url = "https://files.example/alpha-1.0.tar.gz", hash = "sha256:{TWO}"}},
]

[[package]]
name = "alpha"
version = "1.0"
extras = ["fast"]
groups = ["default"]
dependencies = ["alpha==1.0", "gamma"]
files = [
    {{file = "alpha-1.0-py3-none-any.whl", hash = "sha256:{ONE}"}},
]

[[package]]
name = "beta"
version = "2.0"
git = "https://git.example/beta"
revision = "0123"
groups = ["dev"]
"""

PYLOCK = f"""
lock-version = "1.0"
created-by = "tests"
requires-python = ">=3.11"
extras = ["all"]
dependency-groups = ["dev"]
default-groups = ["dev"]

[[packages]]
name = "alpha"
version = "1.0"
marker = "sys_platform == 'linux'"
index = "https://index.example/simple"
dependencies = [{{name = "beta"}}]
wheels = [
    {{url = "https://files.example/alpha-1.0-py3-none-any.whl", hashes = {{sha256 = "{ONE}"}}}},
]

[[packages]]
name = "beta"
vcs = {{type = "git", url = "https://git.example/beta", commit-id = "0123", subdirectory = "lib"}}

[[packages]]
name = "demo"
directory = {{path = ".", editable = true}}
"""

REQUIREMENTS = f"""
--index-url https://index.example/simple
alpha==1.0 ; sys_platform == 'linux' \\
    --hash=sha256:{ONE} \\
    --hash=sha256:{TWO}
beta @ https://files.example/beta-2.0-py3-none-any.whl --hash=sha256:{ONE}
-e ./demo#egg=demo
"""


def read(text: str, name: str) -> ForeignLock:
    return read_lock(text.encode(), f"/place/{name}")


def one(lock: ForeignLock, name: str) -> ForeignPackage:
    (found,) = lock.named(name)
    return found


def test_uv() -> None:
    lock = read(UV, "uv.lock")
    alpha, beta, gamma = one(lock, "alpha"), one(lock, "beta"), one(lock, "gamma")
    assert (lock.form, lock.roots, lock.groups) == ("uv", ("demo",), ("dev",))
    assert lock.indexes == ("https://index.example/simple",)
    assert [(file.filename, file.sha256, file.size) for file in alpha.files] == [
        ("alpha-1.0+cpu-py3-none-any.whl", ONE, 10),
        ("alpha-1.0.tar.gz", TWO, 20),
    ]
    assert alpha.needs == (
        Need(name="beta", extras=("fast",), marker="python_version < '3.12'"),
        Need(name="gamma", extra="fast"),
    )
    assert (alpha.markers, alpha.extras) == (("sys_platform == 'linux'",), {"fast": ("gamma",)})
    assert (beta.kind, beta.source, beta.subdirectory) == ("git", "https://git.example/beta", "lib")
    assert beta.commit == "0123456789012345678901234567890123456789"
    assert (gamma.kind, gamma.files[0].is_wheel, one(lock, "demo").kind) == ("archive", True, "editable")
    assert one(lock, "demo").needs == (Need(name="alpha"), Need(name="gamma", group="dev"))


def test_poetry() -> None:
    lock = read(POETRY, "poetry.lock")
    alpha, beta = one(lock, "alpha"), one(lock, "beta")
    assert (lock.form, lock.extras, lock.groups, lock.requires_python) == (
        "poetry",
        ("all",),
        ("dev", "main"),
        ">=3.11",
    )
    assert (alpha.is_optional, alpha.groups, alpha.source) == (True, ("main", "dev"), "https://index.example/simple")
    assert alpha.marker == '(extra == "all") or (python_version < "3.12")'
    assert [file.sha256 for file in alpha.files] == [ONE, TWO]
    assert alpha.needs == (
        Need(name="beta", version=">=2", extras=("fast",), marker='os_name == "nt"'),
        Need(name="gamma", version="1"),
        Need(name="gamma", version="2"),
    )
    assert alpha.extras == {"docs": ("sphinx (>=3.5)",)}
    assert (beta.kind, beta.source) == ("editable", "../beta")


def test_pdm() -> None:
    lock = read(PDM, "pdm.lock")
    alpha, beta = one(lock, "alpha"), one(lock, "beta")
    assert (lock.form, lock.groups, lock.requires_python) == ("pdm", ("default", "dev"), ">=3.11")
    assert (alpha.marker, alpha.groups) == ('sys_platform == "linux"', ("default",))
    assert [(file.filename, file.url) for file in alpha.files] == [
        ("alpha-1.0-py3-none-any.whl", None),
        ("alpha-1.0.tar.gz", "https://files.example/alpha-1.0.tar.gz"),
    ]
    assert alpha.needs == (Need(name="beta", version=">=2", extras=("fast",), marker='os_name == "nt"'),)
    assert (beta.kind, beta.commit) == ("git", "0123")


def test_pylock() -> None:
    lock = read(PYLOCK, "pylock.toml")
    alpha, beta = one(lock, "alpha"), one(lock, "beta")
    assert (lock.extras, lock.groups, lock.default_groups) == (("all",), ("dev",), ("dev",))
    assert (alpha.files[0].sha256, alpha.source, alpha.needs) == (
        ONE,
        "https://index.example/simple",
        (Need(name="beta"),),
    )
    assert (beta.kind, beta.commit, beta.subdirectory) == ("git", "0123", "lib")
    assert one(lock, "demo").kind == "editable"


def test_requirements() -> None:
    lock = read(REQUIREMENTS, "requirements.txt")
    alpha, beta = one(lock, "alpha"), one(lock, "beta")
    assert (alpha.version, alpha.marker) == ("1.0", 'sys_platform == "linux"')
    assert [file.sha256 for file in alpha.files] == [ONE, TWO]
    assert (beta.kind, beta.files[0].filename, beta.files[0].sha256) == ("archive", "beta-2.0-py3-none-any.whl", ONE)
    assert one(lock, "demo").kind == "editable"
    assert lock.indexes == ("https://index.example/simple",)


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("uv.lock", "version = 2\n", "/place/uv.lock: is of version 2"),
        ("uv.lock", UV.replace("registry", "cloud"), "package[0] (alpha).source: names no place"),
        ("uv.lock", UV.replace(f"sha256:{ONE}", "sha256:12"), "package[0] (alpha).wheels[0].hash: `sha256:12` is not"),
        ("uv.lock", UV.replace('name = "Alpha"', "name = 5"), "package[0].name: should be a text"),
        ("uv.lock", "version = 1\n<<<<<<< ours\n", "not valid TOML"),
        ("poetry.lock", "[metadata]\n", "metadata: `lock-version` is missing"),
        ("poetry.lock", POETRY.replace('"2.1"', '"9.0"'), "`9.0` is not known"),
        ("poetry.lock", POETRY.replace('"legacy"', '"moon"'), "package[0] (alpha).source.type: `moon`"),
        ("pdm.lock", PDM.replace("4.5.0", "5.0"), "lock_version: `5.0` is not known"),
        ("pdm.lock", PDM.replace("beta[fast]>=2", "!!"), "is not a requirement"),
        ("pylock.toml", PYLOCK.replace('"1.0"', "1", 1), "not a valid pylock.toml"),
        ("requirements.txt", "-r other.txt\n", "includes other.txt"),
        ("requirements.txt", "./somewhere\n", "does not tell the name"),
        ("requirements.txt", "a==1 --hash=md5:12\n", "is not a hash"),
        ("uv.lock", "", "is empty"),
        ("lock.yaml", "a: 1\n", "is no lock that is known"),
    ],
)
def test_what_cannot_be_is_told_with_its_place(name: str, text: str, told: str) -> None:
    with pytest.raises(InputError) as failure:
        read(text, name)
    assert told in failure.value.message
    assert failure.value.message.startswith("/place/")


@pytest.mark.parametrize(
    ("name", "text"), [("uv.lock", UV), ("poetry.lock", POETRY), ("pdm.lock", PDM), ("pylock.toml", PYLOCK)]
)
def test_a_lock_that_is_cut_off_is_read_or_refused(name: str, text: str) -> None:
    for end in range(0, len(text), 7):
        try:
            read(text[:end], name)
        except InputError:
            continue
