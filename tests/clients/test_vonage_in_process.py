"""Applications and tokens with `vonage` 4.x from PyPI, as it is."""

from collections.abc import Callable

import httpx
import pytest
from vonage_application import ApplicationConfig, ListApplicationsFilter
from vonage_application.common import Keys, Privacy
from vonage_http_client.errors import AuthenticationError, HttpRequestError, NotFoundError

from switchboard.applications import key_pair
from tests.e2e import bodies
from tests.e2e.application import Application, config
from tests.e2e.clients import vonage
from tests.e2e.local_stack import LocalStack
from tests.e2e.receiver import Receiver

pytestmark = [pytest.mark.e2e, pytest.mark.clients]


def test_application_is_made_read_changed_and_deleted(stack: LocalStack, receiver: Receiver) -> None:
    mailbox = receiver.mailbox()
    api = vonage(stack).application

    made = api.create_application(config(mailbox, "Before"))
    assert made.keys and made.keys.private_key and made.keys.public_key
    read = api.get_application(made.id)
    assert (read.id, read.name, read.capabilities) == (made.id, "Before", made.capabilities)
    assert read.keys and read.keys.model_dump() == {"public_key": made.keys.public_key}

    wanted = config(mailbox, "After")
    wanted.privacy = Privacy(improve_ai=False)
    assert api.update_application(made.id, wanted).name == "After"
    read = api.get_application(made.id)
    assert read.keys and read.privacy
    assert (read.name, read.privacy.improve_ai) == ("After", False)
    assert read.keys.public_key == made.keys.public_key

    api.delete_application(made.id)
    for gone in (api.get_application, api.delete_application):
        with pytest.raises(NotFoundError):
            gone(made.id)
    with pytest.raises(NotFoundError):
        api.update_application(made.id, wanted)


def test_applications_are_listed_in_pages(stack: LocalStack) -> None:
    api = vonage(stack).application
    mine = {api.create_application(ApplicationConfig(name=f"Listed {number}")).id for number in range(3)}
    everything, beyond = api.list_applications()
    assert mine <= {application.id for application in everything}
    assert beyond is None

    found: list[str] = []
    page: int | None = 1
    while page:
        applications, page = api.list_applications(ListApplicationsFilter(page_size=2, page=page))
        found += [application.id for application in applications]
    assert found == [application.id for application in everything]


def test_own_key_is_taken(stack: LocalStack) -> None:
    private, public = key_pair()
    made = vonage(stack).application.create_application(
        ApplicationConfig(name="Own key", keys=Keys(public_key=public))
    )
    assert made.keys and made.keys.model_dump() == {"public_key": public}
    client = vonage(stack, application_id=made.id, private_key=private)
    token = client.http_client.auth.create_jwt_auth_string().decode()
    answer = httpx.post(
        f"{stack.url}/v0.1/messages", json=bodies.message("sms"), headers={"Authorization": token}
    )
    assert answer.status_code == 202


def test_wrong_secret_is_refused(stack: LocalStack) -> None:
    with pytest.raises(AuthenticationError) as refused:
        vonage(stack, secret="wrong").application.list_applications()
    assert refused.value.response.json()["detail"] == "You did not provide correct credentials."


def test_invalid_application_is_refused(stack: LocalStack) -> None:
    with pytest.raises(HttpRequestError) as refused:
        vonage(stack).application.create_application(
            ApplicationConfig(name="Wrong", keys=Keys(public_key="no key at all"))
        )
    assert refused.value.response.status_code == 400
    assert [fault["name"] for fault in refused.value.response.json()["invalid_parameters"]] == [
        "keys.public_key"
    ]


def test_token_of_the_package_sends_and_reads(application: Application) -> None:
    uuid = application.send(bodies.message("sms", client_ref="order-7"))
    application.mailbox.until(lambda: application.mailbox.bodies(message_uuid=uuid, status="delivered"), 40)
    shown = application.show(uuid)
    assert (shown["status"], shown["client_ref"]) == ("delivered", "order-7")


def test_a_message_is_shown_to_its_own_application_only(
    stack: LocalStack, application: Application, make_application: Callable[[LocalStack], Application]
) -> None:
    uuid = application.send(bodies.message("sms"))
    other = make_application(stack)
    answer = other.http.get(f"/v0.1/messages/{uuid}", headers=other.authorization)
    assert answer.status_code == 404


def test_token_of_a_deleted_application_is_worth_nothing(stack: LocalStack, application: Application) -> None:
    vonage(stack).application.delete_application(application.id)
    answer = application.post("/v0.1/messages", bodies.message("sms"))
    assert (answer.status_code, answer.json()["detail"]) == (401, "Invalid Token")
