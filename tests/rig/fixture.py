"""Small wheels with everything that an installer meets: programs, data, headers, path files, namespaces, versions."""

from __future__ import annotations

from pathlib import Path

from tests.worlds.wheels import build_wheel

__all__ = ["REQUIREMENTS", "large_wheels", "small_wheels"]

REQUIREMENTS = ("alpha", "beta", "gamma", "space-one", "space-two", "tools", "paths", "large")
"""What a project of the small wheels asks for; ``extra`` is left for ``add``."""


def small_wheels(directory: Path, *, modules: int = 3) -> None:
    """Put eleven wheels into ``directory``, ``modules`` modules in each package; alpha and beta in two versions."""
    for version in ("1.0", "2.0"):
        build_wheel(directory, "alpha", version, _package("alpha", version, modules), requires=["delta"])
        more = {f"beta/only_{version[0]}.py": f"value = {version!r}\n", "beta/data.txt": f"data of {version}\n"}
        build_wheel(
            directory,
            "beta",
            version,
            {**_package("beta", version, modules), **more},
            entry_points={"console_scripts": {"beta": "beta.part0:main"}},
        )
    build_wheel(directory, "gamma", "1.0", _package("gamma", "1.0", modules))
    build_wheel(directory, "delta", "1.0", _package("delta", "1.0", modules))
    build_wheel(directory, "extra", "1.0", _package("extra", "1.0", modules), requires=["delta"])
    for name in ("one", "two"):
        build_wheel(directory, f"space-{name}", "1.0", {f"space/{name}.py": f"name = {name!r}\n"})
    build_wheel(
        directory,
        "tools",
        "1.0",
        {
            **_package("tools", "1.0", modules),
            "tools-1.0.data/scripts/shipped": "#!python\nprint('shipped')\n",
            "tools-1.0.data/scripts/shell": "#!/bin/sh\necho shell\n",
            "tools-1.0.data/data/share/tools/notes.txt": "notes\n",
            "tools-1.0.data/headers/tools.h": "/* tools */\n",
            "tools-1.0.data/purelib/tools_pure.py": "pure = True\n",
        },
        entry_points={"console_scripts": {"tool": "tools.part0:main"}, "gui_scripts": {"tool-gui": "tools.part0:main"}},
        executables=["tools-1.0.data/scripts/shell"],
    )
    build_wheel(directory, "paths", "1.0", {"paths.pth": "import sys; sys.paths_seen = True\n", "paths.py": "x = 1\n"})
    build_wheel(directory, "large", "1.0", {"large/__init__.py": "", "large/blob.bin": bytes(range(256)) * 2400})


def _package(name: str, version: str, modules: int) -> dict[str, str | bytes]:
    parts = {f"{name}/part{number}.py": _module(name, version, number) for number in range(modules)}
    return {f"{name}/__init__.py": f"from .part0 import main\n__version__ = {version!r}\n", **parts}


def _module(name: str, version: str, number: int) -> str:
    return f"version = {version!r}\n\n\ndef main():\n    print({name!r}, version, {number})\n    return 0\n"


def large_wheels(directory: Path, count: int, modules: int) -> list[str]:
    """Put ``count`` packages in two versions into ``directory``, of ``modules`` modules each, as large as real ones."""
    names = [f"package{number}" for number in range(count)]
    body = "".join(f"def function_{number}(value):\n    return value + {number}\n\n\n" for number in range(40))
    for name in names:
        for version in ("1.0", "2.0"):
            files: dict[str, str | bytes] = {
                f"{name}/sub{number % 4}/part{number}.py": f"version = {version!r}\n\n\n{body}"
                for number in range(modules)
            }
            files[f"{name}/__init__.py"] = f"version = {version!r}\n"
            files[f"{name}/data{version[0]}.bin"] = f"{name} {version}\n".encode() * 30_000
            build_wheel(directory, name, version, files, entry_points={"console_scripts": {name: f"{name}:version"}})
    return names
