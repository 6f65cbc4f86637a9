#!/bin/sh
# Resolves every dependency anew and writes both lock files. Run by: make lock
set -eu
cd "$(dirname "$0")/.."
python=$1
tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
"$python" -m venv "$tools/venv"
"$tools/venv/bin/pip" install --quiet --disable-pip-version-check pip-tools

# What torch brings along for GPUs is left to torch, so that its CPU build installs too; pip and
# its like are left to the environment.
write_lock() {
    lock=$1 title=$2
    shift 2
    # pip-compile starts from the versions that its output names, unless it is new.
    "$tools/venv/bin/pip-compile" --quiet --upgrade --strip-extras --no-annotate --no-header \
        --no-emit-find-links --no-emit-index-url --no-emit-trusted-host --allow-unsafe \
        --output-file "$tools/lock" "$@" pyproject.toml
    {
        echo "# $title Made by: make lock"
        echo "# What torch brings along for GPUs is left to torch, so that its CPU build installs too."
        grep -Ev '^(nvidia-|triton|cuda-|setuptools|wheel|pip|#)' "$tools/lock"
    } > "$lock.new"
    cp "$tools/lock" "$tools/previous"
    rm "$tools/lock"
    mv "$lock.new" "$lock"
}

write_lock requirements-dev.lock "Every version that tests and checks need." --extra dev
write_lock requirements.lock "Every version that running needs." --constraint "$tools/previous"
