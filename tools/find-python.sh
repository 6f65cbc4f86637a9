#!/bin/sh
# Prints the first Python on the path that Headrace runs on.
for candidate in python3 python3.13 python3.12 python3.11 python3.14; do
    if "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' 2>/dev/null
    then
        command -v "$candidate"
        exit 0
    fi
done
found=$(python3 --version 2>/dev/null || echo "no python3")
echo "Headrace needs Python 3.11 to 3.14, but found $found." >&2
echo "Install one (Debian, Ubuntu: apt-get install python3 python3-venv; macOS: brew install python@3.12)" >&2
echo "or name it: make run PYTHON=/path/to/python3.12" >&2
exit 1
