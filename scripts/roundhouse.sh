#!/bin/sh
# Runs the roundhouse of this installation in its own folder, wherever it is called from: .env, roundhouse.toml and the
# data folder are found there. ROUNDHOUSE_BIN names another program, ROUNDHOUSE_HOME another folder.
set -eu

root=$(dirname -- "$(dirname -- "$(readlink -f -- "$0")")")

if [ -n "${ROUNDHOUSE_BIN:-}" ]; then
    program=$ROUNDHOUSE_BIN
elif [ -x "$root/.venv/bin/roundhouse" ]; then
    program=$root/.venv/bin/roundhouse
elif ! program=$(command -v roundhouse); then
    echo "roundhouse is not installed: run 'make setup' in $root, or set ROUNDHOUSE_BIN." >&2
    exit 127
fi

cd -- "${ROUNDHOUSE_HOME:-$root}"
# What nobody watches says only what is wrong: cron sends every other line by mail.
[ -t 1 ] || set -- "$@" --quiet
exec "$program" "$@"
