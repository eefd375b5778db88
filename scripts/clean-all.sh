#!/bin/sh
# Deletes old logs, recordings and, without SKIP_CACHE=true, leftovers; DRY_RUN=true only tells.
# By hand or by cron, whether the server runs or not: docs/maintenance.md.
exec "$(dirname -- "$(readlink -f -- "$0")")/roundhouse.sh" clean all "$@"
