#!/bin/sh
# Deletes closed parts of the log that are older than DAYS_TO_KEEP (7) in LOG_DIR; DRY_RUN=true only tells.
# By hand or by cron, whether the server runs or not: docs/maintenance.md.
exec "$(dirname -- "$(readlink -f -- "$0")")/roundhouse.sh" clean logs "$@"
