"""What the tests themselves stand on."""

import botocore.session


def test_sessions_share_the_descriptions_of_services() -> None:
    """They would be kept with each session, and so by each execution that a test left waiting."""
    loaders = [botocore.session.Session().get_component("data_loader") for _ in range(2)]
    assert loaders[0] is loaders[1]
