"""`python -m ecjax` is the command `ecjax`."""

from ecjax.cli import main

if __name__ == "__main__":
    main()
