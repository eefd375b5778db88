#!/bin/sh
# Ends with 1 when a disk is fuller than DISK_THRESHOLD (80) %; EMERGENCY_CLEANUP=true cleans, DRY_RUN=true only tells.
# By hand or by cron, whether the server runs or not: docs/maintenance.md.
exec "$(dirname -- "$(readlink -f -- "$0")")/roundhouse.sh" disk "$@"
