from pathlib import Path

import pytest

from sandbox.settings import PROJECT, BadSettings, Settings, from_environment
from sandbox.state import FolderInUse, opened

GOOD: list[tuple[str, dict[str, str], Settings]] = [
    ("nothing set", {}, Settings()),
    ("empty is unset", {"PORT": "", "SWITCHBOARD_API_KEY": " "}, Settings()),
    ("own folder by port", {"PORT": "9001"}, Settings(port=9001, folder=PROJECT / ".local" / "9001")),
    ("given folder", {"SWITCHBOARD_STATE": "/x"}, Settings(folder=Path("/x"))),
    ("level", {"LOG_LEVEL": "debug"}, Settings(log_level="DEBUG")),
    (
        "hosts",
        {"SWITCHBOARD_HOSTS": "A.example, b.example,"},
        Settings(hosts=frozenset({"a.example", "b.example"})),
    ),
    ("TLS", {"SWITCHBOARD_TLS_PORT": "8443"}, Settings(tls_port=8443)),
    ("roles", {"SWITCHBOARD_ENFORCE_IAM": "1"}, Settings(enforce_iam=True)),
    ("events out", {"SWITCHBOARD_PUBLISH_EVENTS": "1"}, Settings(publish_events=True)),
]


@pytest.mark.parametrize(("environment", "expected"), [c[1:] for c in GOOD], ids=[c[0] for c in GOOD])
def test_settings(environment: dict[str, str], expected: Settings) -> None:
    assert from_environment(environment) == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "http"),
        ("PORT", "0"),
        ("PORT", "70000"),
        ("SWITCHBOARD_TLS_PORT", "yes"),
        ("LOG_LEVEL", "LOUD"),
    ],
)
def test_bad_settings_are_named(name: str, value: str) -> None:
    with pytest.raises(BadSettings, match=f"{name} is '{value}'"):
        from_environment({name: value})


def test_state_folder_is_kept_and_locked(tmp_path: Path) -> None:
    with opened(tmp_path / "s") as state:
        made = state.credentials()
        with state.listen("aws") as bound:
            port = bound.getsockname()[1]
            with state.listen("aws") as other:  # taken: another one, from now on
                moved = other.getsockname()[1]
        assert moved != port
        with pytest.raises(FolderInUse, match="another local stack"), opened(tmp_path / "s"):
            pass
        (state.temporary / "x").write_text("")
    assert not state.temporary.exists()
    with opened(tmp_path / "s") as state, state.listen("aws") as bound:
        assert state.credentials() == made
        assert bound.getsockname()[1] == moved
