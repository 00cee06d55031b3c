"""Activation scripts, written for the environment's own path and name.

They behave as those of the standard library's ``venv``: ``deactivate`` undoes everything, ``VIRTUAL_ENV`` and
``VIRTUAL_ENV_PROMPT`` are set, ``VIRTUAL_ENV_DISABLE_PROMPT`` is respected. Ours, because the standard library's
templates are missing on some systems and quote paths in some versions only.
"""

from __future__ import annotations

__all__ = ["activation_scripts"]

_POSIX = """\
# Use with "source bin/activate" from bash, zsh or any POSIX shell; do not run it.

deactivate () {
    if [ -n "${_OLD_VIRTUAL_PATH:-}" ] ; then
        PATH="${_OLD_VIRTUAL_PATH:-}"
        export PATH
        unset _OLD_VIRTUAL_PATH
    fi
    if [ -n "${_OLD_VIRTUAL_PYTHONHOME:-}" ] ; then
        PYTHONHOME="${_OLD_VIRTUAL_PYTHONHOME:-}"
        export PYTHONHOME
        unset _OLD_VIRTUAL_PYTHONHOME
    fi
    hash -r 2> /dev/null
    if [ -n "${_OLD_VIRTUAL_PS1:-}" ] ; then
        PS1="${_OLD_VIRTUAL_PS1:-}"
        export PS1
        unset _OLD_VIRTUAL_PS1
    fi
    unset VIRTUAL_ENV
    unset VIRTUAL_ENV_PROMPT
    if [ ! "${1:-}" = "nondestructive" ] ; then
        unset -f deactivate
    fi
}

deactivate nondestructive

VIRTUAL_ENV=@root@
export VIRTUAL_ENV
VIRTUAL_ENV_PROMPT=@prompt@
export VIRTUAL_ENV_PROMPT

_OLD_VIRTUAL_PATH="$PATH"
PATH="$VIRTUAL_ENV/bin:$PATH"
export PATH

if [ -n "${PYTHONHOME:-}" ] ; then
    _OLD_VIRTUAL_PYTHONHOME="${PYTHONHOME:-}"
    unset PYTHONHOME
fi

if [ -z "${VIRTUAL_ENV_DISABLE_PROMPT:-}" ] ; then
    _OLD_VIRTUAL_PS1="${PS1:-}"
    PS1="(${VIRTUAL_ENV_PROMPT}) ${PS1:-}"
    export PS1
fi

hash -r 2> /dev/null
"""

_FISH = """\
# Use with "source bin/activate.fish" from fish; do not run it.

function deactivate -d "Leave the virtual environment"
    if test -n "$_OLD_VIRTUAL_PATH"
        set -gx PATH $_OLD_VIRTUAL_PATH
        set -e _OLD_VIRTUAL_PATH
    end
    if test -n "$_OLD_VIRTUAL_PYTHONHOME"
        set -gx PYTHONHOME $_OLD_VIRTUAL_PYTHONHOME
        set -e _OLD_VIRTUAL_PYTHONHOME
    end
    if functions -q _old_fish_prompt
        functions -e fish_prompt
        functions -c _old_fish_prompt fish_prompt
        functions -e _old_fish_prompt
    end
    set -e VIRTUAL_ENV
    set -e VIRTUAL_ENV_PROMPT
    if test "$argv[1]" != "nondestructive"
        functions -e deactivate
    end
end

deactivate nondestructive

set -gx VIRTUAL_ENV @root@
set -gx VIRTUAL_ENV_PROMPT @prompt@

set -gx _OLD_VIRTUAL_PATH $PATH
set -gx PATH "$VIRTUAL_ENV/bin" $PATH

if set -q PYTHONHOME
    set -gx _OLD_VIRTUAL_PYTHONHOME $PYTHONHOME
    set -e PYTHONHOME
end

if test -z "$VIRTUAL_ENV_DISABLE_PROMPT"
    functions -c fish_prompt _old_fish_prompt
    function fish_prompt
        set -l last_status $status
        printf "(%s) " $VIRTUAL_ENV_PROMPT
        echo "exit $last_status" | .
        _old_fish_prompt
    end
end
"""

_CSH = """\
# Use with "source bin/activate.csh" from csh or tcsh; do not run it.

alias deactivate 'test $?_OLD_VIRTUAL_PATH != 0 && setenv PATH "$_OLD_VIRTUAL_PATH" && unset _OLD_VIRTUAL_PATH; \
rehash; test $?_OLD_VIRTUAL_PROMPT != 0 && set prompt="$_OLD_VIRTUAL_PROMPT" && unset _OLD_VIRTUAL_PROMPT; \
unsetenv VIRTUAL_ENV; unsetenv VIRTUAL_ENV_PROMPT; test "\\!:*" != "nondestructive" && unalias deactivate'

deactivate nondestructive

setenv VIRTUAL_ENV @root@
setenv VIRTUAL_ENV_PROMPT @prompt@

set _OLD_VIRTUAL_PATH="$PATH"
setenv PATH "$VIRTUAL_ENV/bin:$PATH"

if (! $?VIRTUAL_ENV_DISABLE_PROMPT) then
    if ($?prompt) then
        set _OLD_VIRTUAL_PROMPT="$prompt"
        set prompt = "($VIRTUAL_ENV_PROMPT) $prompt:q"
    endif
endif

rehash
"""

_POWERSHELL = """\
# Use with ". bin/Activate.ps1" from PowerShell.

function global:deactivate ([switch]$NonDestructive) {
    if (Test-Path -Path Function:_OLD_VIRTUAL_PROMPT) {
        Copy-Item -Path Function:_OLD_VIRTUAL_PROMPT -Destination Function:prompt
        Remove-Item -Path Function:_OLD_VIRTUAL_PROMPT
    }
    foreach ($name in "PYTHONHOME", "PATH") {
        if (Test-Path -Path "Env:_OLD_VIRTUAL_$name") {
            Copy-Item -Path "Env:_OLD_VIRTUAL_$name" -Destination "Env:$name"
            Remove-Item -Path "Env:_OLD_VIRTUAL_$name"
        }
    }
    foreach ($name in "VIRTUAL_ENV", "VIRTUAL_ENV_PROMPT") {
        if (Test-Path -Path "Env:$name") {
            Remove-Item -Path "Env:$name"
        }
    }
    if (-not $NonDestructive) {
        Remove-Item -Path Function:deactivate
    }
}

deactivate -NonDestructive

$env:VIRTUAL_ENV = @root@
$env:VIRTUAL_ENV_PROMPT = @prompt@

if (-not $env:VIRTUAL_ENV_DISABLE_PROMPT) {
    Copy-Item -Path Function:prompt -Destination Function:global:_OLD_VIRTUAL_PROMPT
    function global:prompt {
        Write-Host -NoNewline -ForegroundColor Green "($env:VIRTUAL_ENV_PROMPT) "
        _OLD_VIRTUAL_PROMPT
    }
}

if (Test-Path -Path Env:PYTHONHOME) {
    Copy-Item -Path Env:PYTHONHOME -Destination Env:_OLD_VIRTUAL_PYTHONHOME
    Remove-Item -Path Env:PYTHONHOME
}

Copy-Item -Path Env:PATH -Destination Env:_OLD_VIRTUAL_PATH
$env:PATH = (Join-Path $env:VIRTUAL_ENV @programs@) + [System.IO.Path]::PathSeparator + $env:PATH
"""

_BATCH = """\
@echo off
if defined _OLD_VIRTUAL_PATH set "PATH=%_OLD_VIRTUAL_PATH%"
if not defined _OLD_VIRTUAL_PATH set "_OLD_VIRTUAL_PATH=%PATH%"
set "VIRTUAL_ENV=@root@"
set "VIRTUAL_ENV_PROMPT=@prompt@"
set "PYTHONHOME="
if not defined _OLD_VIRTUAL_PROMPT set "_OLD_VIRTUAL_PROMPT=%PROMPT%"
if not defined VIRTUAL_ENV_DISABLE_PROMPT set "PROMPT=(@prompt@) %_OLD_VIRTUAL_PROMPT%"
set "PATH=%VIRTUAL_ENV%\\Scripts;%PATH%"
"""

_BATCH_LEAVE = """\
@echo off
if defined _OLD_VIRTUAL_PATH set "PATH=%_OLD_VIRTUAL_PATH%"
if defined _OLD_VIRTUAL_PROMPT set "PROMPT=%_OLD_VIRTUAL_PROMPT%"
set "_OLD_VIRTUAL_PATH="
set "_OLD_VIRTUAL_PROMPT="
set "VIRTUAL_ENV="
set "VIRTUAL_ENV_PROMPT="
"""


def activation_scripts(root: str, prompt: str, *, is_windows: bool) -> dict[str, str]:
    """File name to text, for the environment at the absolute path ``root``."""
    if is_windows:
        words = (("@root@", _powershell(root)), ("@prompt@", _powershell(prompt)), ("@programs@", "'Scripts'"))
        batch = (("@root@", root.replace("%", "%%")), ("@prompt@", prompt.replace("%", "%%")))
        return {
            "Activate.ps1": _filled(_POWERSHELL, words),
            "activate.bat": _filled(_BATCH, batch).replace("\n", "\r\n"),
            "deactivate.bat": _BATCH_LEAVE.replace("\n", "\r\n"),
        }
    posix = (("@root@", _posix(root)), ("@prompt@", _posix(prompt)))
    fish = (("@root@", _fish(root)), ("@prompt@", _fish(prompt)))
    csh = (("@root@", _csh(root)), ("@prompt@", _csh(prompt)))
    powershell = (("@root@", _powershell(root)), ("@prompt@", _powershell(prompt)), ("@programs@", "'bin'"))
    return {
        "activate": _filled(_POSIX, posix),
        "activate.fish": _filled(_FISH, fish),
        "activate.csh": _filled(_CSH, csh),
        "Activate.ps1": _filled(_POWERSHELL, powershell),
    }


def _filled(template: str, words: tuple[tuple[str, str], ...]) -> str:
    """The template with its placeholders filled; what is filled in is not looked at again.

    Without ``re``, whose import costs more than making the whole environment.
    """
    if not words:
        return template
    (placeholder, value), *rest = words
    return value.join(_filled(piece, tuple(rest)) for piece in template.split(placeholder))


def _posix(text: str) -> str:
    return "'" + text.replace("'", "'\"'\"'") + "'"


def _fish(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _csh(text: str) -> str:
    return "'" + text.replace("'", "'\"'\"'").replace("!", "\\!") + "'"


def _powershell(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
