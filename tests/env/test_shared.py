"""The shared form: one merged tree, and light environments that point to it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from provenv.env.shared import Shared, find_shared, make_shared, point
from provenv.errors import InstallError
from provenv.events import Events
from provenv.model.plan import Wanted
from tests.env.worlds import World
from tests.worlds.wheels import build_wheel


def shared(world: World, *wanted: Wanted) -> Shared:
    return make_shared(world.store, wanted, world.trees, world.compiled(), world.interpreter, Events())


def test_a_light_environment_sees_packages_scripts_data_and_path_files(tmp_path: Path) -> None:
    world = World(tmp_path)
    demo = build_wheel(
        tmp_path / "wheels",
        "demo",
        "1.0",
        {
            "demo/__init__.py": "def main():\n    print('hello')\n",
            "demo.pth": "hidden\n",
            "hidden/inner.py": "x = 1\n",
            "demo-1.0.data/scripts/shipped": "#!python\nimport demo; demo.main()\n",
            "demo-1.0.data/scripts/binary": "#!/bin/sh\n" + "#" * (1 << 17) + "\necho binary\n",
            "demo-1.0.data/data/share/x.txt": "x",
        },
        entry_points={"console_scripts": {"demo": "demo:main"}},
        executables=["demo-1.0.data/scripts/binary"],
    )
    wanted = (world.wanted(demo), world.wanted(build_wheel(tmp_path / "wheels", "other", "1.0")))
    one = shared(world, *wanted)
    point(str(world.root), world.interpreter, [one])
    for name, output in (("demo", "hello\n"), ("shipped", "hello\n"), ("binary", "binary\n")):
        assert subprocess.run([world.bin / name], capture_output=True, text=True, check=True).stdout == output
    program = (
        "import inner, other, importlib.metadata as m; "
        "print(sorted(d.name for d in m.distributions()), m.version('demo'))"
    )
    assert world.python("-c", program) == "['demo', 'other'] 1.0\n"
    assert (world.root / "share" / "x.txt").read_text() == "x"
    assert "matches" in world.python("-v", "-c", "import demo", is_checked=False)
    assert one.distributions == tuple((item.name, item.version, item.sha256) for item in wanted)


def test_the_tree_is_made_once_and_named_by_its_content(tmp_path: Path) -> None:
    world = World(tmp_path)
    one = world.wanted(build_wheel(tmp_path / "wheels", "one", "1.0"))
    two = world.wanted(build_wheel(tmp_path / "wheels", "two", "1.0"))
    assert find_shared(world.store, [one.sha256, two.sha256], world.interpreter) is None
    first = shared(world, one, two)
    assert shared(world, two, one).directory == first.directory
    found = find_shared(world.store, [two.sha256, one.sha256], world.interpreter)
    assert found is not None
    assert found.site == first.site
    assert shared(world, one).directory != first.directory


def test_layers_are_searched_in_order(tmp_path: Path) -> None:
    world = World(tmp_path)
    new = shared(world, world.wanted(build_wheel(tmp_path / "wheels", "demo", "2.0", {"demo/__init__.py": "v = 2\n"})))
    project = World(tmp_path, "project")
    project.create()
    project.apply(
        project.wanted(build_wheel(tmp_path / "wheels", "demo", "1.0", {"demo/__init__.py": "v = 1\n"})),
        project.wanted(build_wheel(tmp_path / "wheels", "other", "1.0")),
    )
    point(str(world.root), world.interpreter, [new], sites=[str(project.site)])
    assert world.python("-c", "import demo, other; print(demo.v)") == "2\n"


def test_installing_into_a_light_environment_leaves_the_tree_alone(tmp_path: Path) -> None:
    import sys

    world = World(tmp_path)
    one = shared(world, world.wanted(build_wheel(tmp_path / "wheels", "demo", "1.0")))
    point(str(world.root), world.interpreter, [one])
    before = sorted(Path(one.site).rglob("*"))
    wheel = build_wheel(tmp_path / "wheels", "extra", "1.0")
    command = [sys.executable, "-m", "pip", "--python", str(world.root), "install", "-q", "--no-index", str(wheel)]
    subprocess.run(command, check=True, capture_output=True)
    assert (world.site / "extra").is_dir()
    assert sorted(Path(one.site).rglob("*")) == before


def test_packages_that_exclude_one_another(tmp_path: Path) -> None:
    world = World(tmp_path)
    one = world.wanted(build_wheel(tmp_path / "wheels", "one", "1.0", {"same.py": "1"}))
    two = world.wanted(build_wheel(tmp_path / "wheels", "two", "1.0", {"same.py": "2"}))
    with pytest.raises(InstallError, match="both own"):
        shared(world, one, two)
    assert not list(Path(world.store.base, "tmp").iterdir())
