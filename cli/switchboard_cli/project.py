"""The application of a folder: `.switchboard-app`, with its private key."""

from dataclasses import dataclass
from pathlib import Path

from switchboard_cli.errors import usage
from switchboard_cli.files import read_ini, set_aside, write_ini

FILE = ".switchboard-app"
_SECTION = "app_credentials"


@dataclass(frozen=True)
class Project:
    app_id: str
    private_key: str = ""
    """PEM; empty if the key is kept elsewhere."""
    name: str = ""
    url: str = ""
    """The API that the application is of."""


def load() -> Project | None:
    """That of the current folder."""
    values = read_ini(Path(FILE)).get(_SECTION, {})
    if not values.get("app_id"):
        return None
    return Project(
        app_id=values["app_id"],
        private_key=values.get("private_key", ""),
        name=values.get("app_name", ""),
        url=values.get("url", ""),
    )


def save(project: Project) -> tuple[Path, Path | None]:
    """The file, and where one went that has another application's key."""
    path = Path(FILE).absolute()
    old = load() if path.exists() else None
    aside = set_aside(path) if old and old.private_key and old.app_id != project.app_id else None
    values = {
        "app_id": project.app_id,
        "private_key": project.private_key,
        "app_name": project.name,
        "url": project.url,
    }
    write_ini(path, {_SECTION: {key: value for key, value in values.items() if value}})
    return path, aside


def forget(app_id: str) -> bool:
    """When an application is deleted: whether the folder's file was about it, and is gone."""
    old = load()
    if old is None or old.app_id != app_id:
        return False
    Path(FILE).unlink()
    return True


def app_id(given: str | None) -> str:
    """The one that is named, or the folder's."""
    if given:
        return given
    here = load()
    if here is None:
        raise usage("Which application?", f"name its id, or choose one for this folder: {USE}")
    return here.app_id


USE = "switchboard app:use ID --keyfile=private.key"
