"""What the documents say is so."""

import re
from importlib.util import module_from_spec, spec_from_file_location

from switchboard.adapters import REGISTRY
from tests.support.template import ROOT


def test_channels_page_is_what_the_code_says() -> None:
    spec = spec_from_file_location("channels_page", ROOT / "docs" / "channels.py")
    assert spec and spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.PAGE.read_text() == module.page(), "run: python docs/channels.py"
    assert all(f"`{name}`" in module.page() for name in REGISTRY)


def test_files_that_the_documents_name_are_there() -> None:
    for path in (ROOT / "docs").glob("*.md"):
        for link in re.findall(r"\]\(([^)#:]+)\)", path.read_text()):
            assert (path.parent / link).exists(), f"{path.name}: {link}"
