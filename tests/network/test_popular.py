"""No false alarm: environments of about two hundred popular packages, made by three tools, are clean."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.rig.scale import note
from tests.worlds.house import BASE_PYTHON, House

SETS = {
    "web": """
aiohappyeyeballs aiohttp aiosignal annotated-types anyio asgiref asttokens async-timeout attrs babel backoff
bcrypt beautifulsoup4 bleach blinker certifi cffi charset-normalizer click colorama cryptography decorator
defusedxml distlib django dnspython docutils email-validator fastapi fastjsonschema filelock flask frozenlist
greenlet gunicorn h11 httpcore httpx idna importlib-metadata iniconfig itsdangerous jinja2 jsonschema
jsonschema-specifications loguru lxml mako markdown-it-py markupsafe marshmallow mdurl more-itertools msgpack
multidict networkx oauthlib orjson packaging passlib pathspec pillow pip platformdirs pluggy propcache psutil
pyasn1 pyasn1-modules pycparser pydantic pydantic-core pygments pyjwt pymongo pymysql pynacl pyparsing pytest
python-dateutil python-dotenv python-multipart pytz pyyaml redis referencing regex requests requests-oauthlib
rich rpds-py rsa setuptools simplejson six sniffio sortedcontainers soupsieve sqlalchemy sqlparse starlette
structlog tabulate tenacity termcolor toml tomli tomlkit tqdm typer typing-extensions tzdata ujson urllib3
uvicorn virtualenv watchdog wcwidth websockets werkzeug wheel wrapt xmltodict yarl zipp
""",
    "work": """
alabaster argon2-cffi argon2-cffi-bindings asttokens black build cachetools cattrs chardet comm coverage
debugpy dill et-xmlfile execnet executing factory-boy faker flake8 freezegun fsspec hatchling humanize
hypothesis id imagesize ipykernel ipython isort jaraco.classes jaraco.context jaraco.functools jedi jeepney
jmespath json5 jupyter-client jupyter-core jupyter-server jupyterlab keyring matplotlib-inline mccabe mistune
mock mpmath mypy mypy-extensions nbclient nbconvert nbformat nest-asyncio nh3 nose2 notebook openpyxl
pandocfilters parso pexpect poetry-core prometheus-client prompt-toolkit ptyprocess pure-eval pycodestyle
pyflakes pylint pyproject-api pyproject-hooks pytest-cov pytest-xdist pyzmq readme-renderer requests-toolbelt
responses retrying rfc3986 ruamel.yaml secretstorage send2trash shellingham smart-open snowballstemmer sphinx
stack-data terminado tinycss2 tornado tox traitlets trove-classifiers twine typing-inspect watchfiles
webencodings xlsxwriter zope.event zope.interface
""",
}


@pytest.mark.parametrize("words", SETS, ids=str)
def test_verify_finds_nothing_in_environments_of_popular_packages(
    outside: House, uv: str, tmp_path: Path, words: str
) -> None:
    outside.project(*SETS[words].split(), requires_python=">=3.11")
    outside.do("sync")
    assert findings(outside) == []
    # The same files, by tools that place other launchers and other records.
    hashed = tmp_path / "requirements.txt"
    hashed.write_text(outside.do("export", "--no-emit-project").out)
    for tool in ("uv", "pip"):
        environment = tmp_path / tool
        if tool == "uv":
            commands = [[uv, "venv", "-q", "-p", BASE_PYTHON, str(environment)]]
            commands.append([uv, "pip", "install", "-q", "-p", str(environment / "bin/python"), "-r", str(hashed)])
        else:
            commands = [[BASE_PYTHON, "-m", "venv", str(environment)]]
            commands.append([str(environment / "bin/pip"), "install", "-q", "--no-deps", "-r", str(hashed)])
        for command in commands:
            subprocess.run(command, check=True, capture_output=True)
        place = ("--environment", str(environment))
        assert findings(outside, *place) == []
        assert findings(outside, *place, "--against", str(hashed)) == []
    note(5, f"false alarms of `verify` on popular packages ({words})", cases=len(SETS[words].split()), failures=0)


def findings(house: House, *words: str) -> list[object]:
    found: list[object] = json.loads(house.give("verify", "--json", *words).out)["findings"]
    return found
