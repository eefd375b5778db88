"""The job benchmark: accepting, restarting, idling and running jobs, beside bare DBOS and Celery."""
