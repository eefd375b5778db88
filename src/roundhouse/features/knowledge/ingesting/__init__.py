"""Files become documents that are found: read, cut, embedded, and made visible in one transaction.

Every step writes down how far it is, so that a job that is cut off goes on where it was. What a job writes is seen by
nobody before `publish`, and only as long as the file in its store says that it is this job's.
"""
