#!/bin/sh
''':'
# The `provenv` command. A shell reads the first half and starts Python on this very file, without `site`:
# that is 8 ms instead of 12 to 40. Python takes the first half for a string and reads the second half.
case $0 in
    */*) self=$0 ;;
    *) self=./$0 ;; # `sh provenv`
esac
while [ -L "$self" ]; do # pipx and `uv tool` put a symbolic link to this file on PATH
    target=$(readlink "$self")
    case $target in
        /*) self=$target ;;
        *) self=${self%/*}/$target ;;
    esac
done
for python in "${self%/*}/python3" "${self%/*}/python"; do
    if [ -x "$python" ]; then
        exec "$python" -I -S "$self" "$@"
    fi
done
if command -v python3 >/dev/null; then
    exec python3 -I -S "$self" "$@"
fi
echo "error: there is no Python beside $self and no python3 on PATH" >&2
exit 1
'''
import sys
from os.path import abspath, dirname

packages = "%s/lib/python%d.%d%s/site-packages" % (
    dirname(dirname(abspath(__file__))),
    *sys.version_info[:2],
    "t" if "t" in getattr(sys, "abiflags", "") else "",
)
sys.path.append(packages)
try:
    from provenv.cli.quick import leave, main
except ModuleNotFoundError as missing:
    if missing.name != "provenv":
        raise
    # An editable, system-wide or per-user installation, or Windows: `site` knows where packages are.
    import site

    sys.path.remove(packages)
    site.main()
    try:
        from provenv.cli.quick import leave, main
    except ModuleNotFoundError:
        site.addsitedir(site.getusersitepackages())
        from provenv.cli.quick import leave, main

leave(main(sys.argv[1:]))
