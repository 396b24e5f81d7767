"""``python -m nextchar``: the command line."""

from nextchar.cli import main

if __name__ == "__main__":
    main()
