"""Run a small project from start to end with the installed ``provenv``, against an index on the loopback interface."""

import subprocess
import sys
import tempfile
from pathlib import Path

from tests.worlds.index_server import IndexServer
from tests.worlds.wheels import build_wheel

PROJECT = '[project]\nname = "sample"\nrequires-python = ">=3.11"\ndependencies = ["greeting>=1"]\n'


def main() -> None:
    provenv = Path(sys.executable).parent / "provenv"
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        files, project = root / "files", root / "project"
        files.mkdir()
        project.mkdir()
        build_wheel(files, "names", "1.0", {"names.py": "WORLD = 'world'\n"})
        build_wheel(files, "greeting", "1.2", {"greeting.py": "import names\nHELLO = names.WORLD\n"}, ["names"])
        (project / "pyproject.toml").write_text(PROJECT)
        with IndexServer(files) as index:
            common = ["--project", str(project), "--cache-dir", str(root / "cache"), "--default-index", index.url]
            command = [str(provenv), "run", *common, "python", "-c", "import greeting; print(greeting.HELLO)"]
            for _ in range(2):
                said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
                if said != "world\n":
                    sys.exit(f"the sample project said {said!r}")
    print("the sample project ran")


if __name__ == "__main__":
    main()
