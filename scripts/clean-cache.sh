#!/bin/sh
# Deletes kept answers, and uploads and downloads that broke off; DRY_RUN=true only tells.
# By hand or by cron, whether the server runs or not: docs/maintenance.md.
exec "$(dirname -- "$(readlink -f -- "$0")")/roundhouse.sh" clean cache "$@"
