#!/bin/sh
# Deletes recordings whose jobs ended RETENTION_DAYS (7) ago, never of an unfinished job; DRY_RUN=true only tells.
# By hand or by cron, whether the server runs or not: docs/maintenance.md.
exec "$(dirname -- "$(readlink -f -- "$0")")/roundhouse.sh" clean audio "$@"
