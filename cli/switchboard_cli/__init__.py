"""The `switchboard` command. It knows the API by HTTP only, and imports nothing of the functions."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("switchboard-cli")
except PackageNotFoundError:  # run from the source folder
    __version__ = "0"
