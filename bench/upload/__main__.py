"""`python -m bench.upload [--mib 1024]`."""

from bench.upload.measure import main

if __name__ == "__main__":
    main()
