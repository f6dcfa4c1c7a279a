"""`python -m cli`: the same as `deskstream`."""

from cli.main import app

if __name__ == "__main__":
    app()
