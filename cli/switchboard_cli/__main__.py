"""`python -m switchboard_cli`."""

from switchboard_cli.main import app

app(prog_name="switchboard")
