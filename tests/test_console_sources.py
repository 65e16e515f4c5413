"""The console's sources: what they repeat of the code, and what they are built with."""

import json
import re

from switchboard.channels import CHANNELS
from tests.support.template import ROOT

CONSOLE = ROOT / "console"


def test_its_channels_are_ours() -> None:
    expected = {
        channel.value: {
            "sender": capability.sender,
            "recipient": capability.recipient,
            "text": capability.text,
            "types": list(capability.types),
            "proves": sorted(capability.proves),
        }
        for channel, capability in CHANNELS.items()
    }
    found = json.loads((CONSOLE / "src" / "channels.json").read_text())
    assert found == expected, f"console/src/channels.json should be\n{json.dumps(expected, indent=2)}"


def test_it_is_built_with_exact_versions() -> None:
    package = json.loads((CONSOLE / "package.json").read_text())
    versions = [*package["dependencies"].values(), *package["devDependencies"].values()]
    assert [version for version in versions if not re.fullmatch(r"\d+\.\d+\.\d+", version)] == []


def test_nothing_in_it_breaks_the_content_policy() -> None:
    """Browsers refuse styles and scripts within the page, and pages from elsewhere."""
    for path in [*CONSOLE.glob("*.html"), *(CONSOLE / "src").rglob("*.ts*")]:
        text = path.read_text()
        for word in (" style=", "dangerouslySetInnerHTML", "innerHTML", "eval(", "new Function"):
            assert word not in text, f"{path.name}: {word}"
        assert re.findall(r"<script(?![^>]*\bsrc=)", text) == [], path.name
