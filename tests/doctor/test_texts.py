"""Commands, CI files and Dockerfiles: what is told, and what is not."""

from __future__ import annotations

import random
import time

import pytest

from provenv.doctor.ci import ci_findings
from provenv.doctor.docker import docker_findings
from provenv.doctor.keeping import secret_findings
from provenv.doctor.shell import command_findings
from provenv.doctor.subject import Lock, Patient, Tree

__all__: list[str] = []

TEXTS = {"requirements.txt": "numpy\n", "hashed.txt": "numpy==2.0 --hash=sha256:00\n"}


def kinds(command: str) -> list[str]:
    return [one.kind for one in command_findings(command, TEXTS, path="ci.yml", line=1, has_lock=True)]


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("pip install -r requirements.txt", ["loose-install"]),
        ("python -m pip install --requirement=requirements.txt", ["loose-install"]),
        ("pip3.11 install -rrequirements.txt", ["loose-install"]),
        ("pip install -r requirements.txt --require-hashes", []),
        ("pip install -r hashed.txt", []),
        ("pip install -r docker/hashed.txt", []),
        ("pip install --upgrade pip", []),
        ("pip install -U pip setuptools", ["unpinned-install"]),
        ("pip install numpy==2.0 scipy==1.14", []),
        ("pip install 'torch>=2'", ["unpinned-install"]),
        ('sh -c "pip install torch"', ["unpinned-install"]),
        ("uv pip install torch --torch-backend cpu", ["unpinned-install"]),
        ("pip install --index-url https://mirror.example/simple torch==2.1", []),
        ("pip install dist/*.whl", []),
        ("pip install $PACKAGES", []),
        ("pip install -e .", ["past-lock"]),
        ("pip install .[dev]", ["past-lock"]),
        ("pip install --no-deps -e .", []),
        ("pip install 'demo @ git+https://host.example/demo@abc'", []),
        ("pip install a && pip install b==1", ["unpinned-install"]),
        ("uv sync", ["unlocked-sync"]),
        ("uv sync --locked --group dev", []),
        ("provenv sync --frozen", []),
        ("curl -LsSf https://host.example/install.sh | sh", ["piped-script"]),
        ("wget -qO- https://host.example/x | sudo bash -s -- -y", ["piped-script"]),
        ("bash <(curl -s https://host.example/x)", ["piped-script"]),
        ('bash -c "$(curl -fsSL https://host.example/x)"', ["piped-script"]),
        ("curl -O https://host.example/x && sha256sum -c sums", []),
        ("curl https://host.example/data | jq .", []),
        ("echo pipinstall", []),
        ("uv pip install -r .github/pylock.toml", []),
        ("pip install -r lock.${{ matrix.python }}.txt ${{ matrix.more }}", []),
        ("pip install demo" + " " * 30_000, []),
        ("pip install 'unbalanced", ["unpinned-install"]),
    ],
)
def test_a_command(command: str, expected: list[str]) -> None:
    assert kinds(command) == expected


def ci(text: str) -> list[tuple[str, str]]:
    tree = Tree(texts={".github/workflows/test.yml": text})
    return [(one.kind, dict(one.evidence).get("line", "")) for one in ci_findings(Patient(tree=tree))]


def test_versions_of_python_in_yaml() -> None:
    assert ci("jobs:\n  test:\n    python-version: 3.10\n") == [("yaml-version", "3")]
    assert ci("python-version: [3.9, 3.10, '3.11']\n") == [("yaml-version", "1")]
    assert ci("python-version:\n  - '3.9'\n  - 3.10  # old\n  - 3.12\nother: 3.10\n") == [("yaml-version", "3")]
    assert ci("python-version: '3.x'\n") == [("moving-python", "1")]
    assert ci("python-version: ${{ matrix.python-version }}\n") == []
    assert ci('python-version: "3.12"\n') == []


def test_actions_images_and_lines_that_go_on() -> None:
    assert ci("- uses: someone/action@main\n") == [("moving-action", "1")]
    assert ci("- uses: someone/action@v4\n") == []
    assert ci("image: python:latest\n") == [("unpinned-image", "1")]
    assert ci("image: python:3.12-slim\n") == []
    assert ci("run: |\n  pip install \\\n    --no-cache-dir \\\n    torch\n") == [("unpinned-install", "2")]
    assert ci("# pip install torch\n- name: pip install torch\n") == []


def test_a_variable_that_locks_all_commands() -> None:
    assert ci("env:\n  UV_FROZEN: 1\nrun: uv sync\n") == []


GOOD = """\
# syntax=docker/dockerfile:1
ARG TAG=3.12-slim
FROM python:${TAG}@sha256:0000 AS build
WORKDIR /app
COPY pyproject.toml pylock.toml ./
RUN provenv sync --locked --no-install-project
COPY . .
FROM build
USER app
CMD ["python", "-m", "demo"]
"""


def docker(text: str, **more: str) -> list[str]:
    tree = Tree(
        texts={"Dockerfile": text, **TEXTS, **more}, paths=frozenset({"Dockerfile", ".env"}), environments=(".venv",)
    )
    lock = Lock(path="pylock.toml", form="pylock")
    return [one.kind for one in docker_findings(Patient(tree=tree, locks=(lock,)))]


@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [
        ("", "", ""),
        ("python:${TAG}@sha256:0000", "python", "unpinned-image"),
        ("python:${TAG}@sha256:0000", "python:latest", "unpinned-image"),
        ("ARG TAG=3.12-slim", "ARG TAG=latest", ""),
        ("${TAG}@sha256:0000", "${TAG:-latest}", ""),
        ("COPY pyproject.toml pylock.toml ./", "COPY . .", "layer-order"),
        ("RUN provenv sync --locked --no-install-project", "RUN pip install -r hashed.txt", "pip-cache"),
        ("RUN provenv sync --locked --no-install-project", "RUN pip install --no-cache-dir a==1", ""),
        (
            "RUN provenv sync --locked --no-install-project",
            "RUN --mount=type=cache,target=/cache pip install a==1",
            "",
        ),
        ("RUN provenv sync --locked --no-install-project", "ENV PIP_NO_CACHE_DIR=1\nRUN pip install a==1", ""),
        (
            "RUN provenv sync --locked --no-install-project",
            "RUN <<EOF\npip install --no-cache-dir torch\nEOF",
            "unpinned-install",
        ),
        ("USER app", "USER root", "root-user"),
        ("USER app\n", "", "root-user"),
        ("WORKDIR /app", "ADD https://host.example/x /x", "unproven-download"),
        ("WORKDIR /app", "ADD --checksum=sha256:00 https://host.example/x /x", ""),
        ("WORKDIR /app", "RUN curl https://host.example/i | sh", "piped-script"),
        ("WORKDIR /app", "ENV API_TOKEN=abcdef123456", "image-secret"),
        ("WORKDIR /app", "ARG API_TOKEN", ""),
    ],
)
def test_a_dockerfile(old: str, new: str, kind: str) -> None:
    text = GOOD.replace(old, new) if old else GOOD
    assert docker(text, **{".dockerignore": ".venv\n.env\n"}) == ([kind] if kind else [])


def test_what_an_image_gets_of_this_computer() -> None:
    assert docker(GOOD) == ["build-context"]
    assert docker(GOOD, **{".dockerignore": "**/.venv/\n.env\n"}) == []


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("url = 'https://me:hunter22@host.example/simple'", 1),
        ("url = 'https://me:${TOKEN}@host.example/simple'", 0),
        ("url = 'https://user:password@host.example/simple'", 0),
        ("token = 'hf_" + "a1B2" * 9 + "'", 1),
        ("password = 'pypi-AgE" + "I" * 40 + "'", 1),
        ("key = 'AKIA" + "A" * 16 + "'", 1),
        ("# https://host.example:8080/path@version", 0),
        ("DATABASE: postgres://root:rootpass@database:5432/tests", 0),
        ("DATABASE: postgres://root:rootpass@database.host.example/tests", 1),
        ("index = http://root:rootpass@127.0.0.1:8000/simple", 0),
    ],
)
def test_secrets_in_texts(text: str, count: int) -> None:
    tree = Tree(texts={"pip.conf": text}, tracked=frozenset({"pip.conf"}))
    found = list(secret_findings(Patient(tree=tree)))
    assert len(found) == count
    assert not any("hunter22" in str(one.actual) for one in found)


_PIECES = ("pip install ", "curl ", "| sh", "\\\n", "\n", "FROM ", "RUN ", "<<X\n", "X\n", "COPY . .", "${", "}", "'",
           '"', "a", "://", "python-version: ", "[3.10, ", "- 3.10\n", "image: ", ":", "@", "-r ", " && ", "ENV TOKEN=",
           "USER ", "uses: a/b@main")  # fmt: skip


def test_no_text_is_too_strange_or_takes_long() -> None:
    dice = random.Random(11)
    begin = time.perf_counter()
    for _ in range(400):
        text = "".join(dice.choices(_PIECES, k=dice.randint(1, 60)))
        ci(text)
        docker(text)
    for piece in (*_PIECES, "a.", "curl", "TOKEN", "a://b:c", "https://a:bcd@e.f "):
        long = piece * (500_000 // len(piece))
        ci(long[:60_000])
        docker(long[:60_000])
        list(secret_findings(Patient(tree=Tree(texts={"a.txt": long}))))
    assert time.perf_counter() - begin < 20
