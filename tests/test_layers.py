"""What the build takes out of the layers (layers/prune.py) is nothing that a client needs."""

import importlib.util
import json
import re
import shutil
from pathlib import Path
from typing import Any

import botocore
import pytest
from botocore.loaders import Loader
from botocore.session import get_session

from tests.support.template import ROOT

DATA = Path(botocore.__file__).parent / "data"


def _prune() -> Any:
    spec = importlib.util.spec_from_file_location("prune", ROOT / "layers" / "prune.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


prune = _prune()


@pytest.fixture(scope="module")
def pruned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """botocore's data after it, of the services that are kept and of one that is not."""
    packages = tmp_path_factory.mktemp("packages")
    data = packages / "botocore" / "data"
    for service in (*prune.SERVICES, "sns"):
        shutil.copytree(DATA / service, data / service)
    for file in DATA.glob("*.json"):
        shutil.copy(file, data)
    for folder in ("bin", "anyio/__pycache__", "anyio-4.0.dist-info", "httpx/__pycache__"):
        (packages / folder).mkdir(parents=True)
    prune.prune(packages)
    assert {path.name for path in packages.iterdir()} == {"botocore", "httpx"}
    assert not list((packages / "httpx").iterdir())
    return data


def test_every_client_that_we_make_is_kept() -> None:
    source = (ROOT / "layers/switchboard/switchboard/services.py").read_text()
    made = set(re.findall(r'_(?:aws|Lazy)\("([a-z0-9-]+)"', source))
    assert made == set(prune.SERVICES)


def test_others_are_gone(pruned: Path) -> None:
    assert {path.name for path in pruned.iterdir() if path.is_dir()} == set(prune.SERVICES)


@pytest.mark.parametrize("service", prune.SERVICES)
def test_a_client_is_the_same(service: str, pruned: Path) -> None:
    """All of its operations with all of their members, and its endpoint."""
    whole, ours = Loader(), Loader(extra_search_paths=[str(pruned)], include_default_search_paths=False)
    theirs, kept = (loader.load_service_model(service, "service-2") for loader in (whole, ours))
    assert kept["metadata"] == theirs["metadata"]
    assert kept["operations"].keys() == theirs["operations"].keys()
    assert kept["shapes"].keys() == theirs["shapes"].keys()
    for name, shape in theirs["shapes"].items():
        assert kept["shapes"][name].keys() == shape.keys() - {"documentation"}
        assert kept["shapes"][name].get("members", {}).keys() == shape.get("members", {}).keys()
        assert kept["shapes"][name].get("required") == shape.get("required")
    assert '"documentation": "' not in json.dumps(kept)
    assert _client(service, ours).meta.endpoint_url == _client(service, whole).meta.endpoint_url


def _client(service: str, loader: Loader) -> Any:
    session = get_session()
    session.register_component("data_loader", loader)
    return session.create_client(service, region_name="eu-central-1")


def test_where_services_are_in_every_partition(pruned: Path) -> None:
    ours, theirs = (json.loads((data / "endpoints.json").read_text()) for data in (pruned, DATA))
    for kept, whole in zip(ours["partitions"], theirs["partitions"], strict=True):
        assert kept["partition"] == whole["partition"]
        assert kept["regions"] == whole["regions"]
        assert {name: whole["services"][name] for name in kept["services"]} == kept["services"]
    assert {name for each in ours["partitions"] for name in each["services"]} == set(prune.SERVICES.values())
