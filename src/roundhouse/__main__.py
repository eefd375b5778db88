"""`python -m roundhouse` is the `roundhouse` command."""

from roundhouse.cli import main

if __name__ == "__main__":
    main()
