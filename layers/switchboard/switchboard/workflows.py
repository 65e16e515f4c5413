"""The state machine of a dispatch: starting it, and telling a waiting step how its message fared."""

import json
from collections.abc import Sequence
from typing import Any

from botocore.exceptions import ClientError, ConnectionError, HTTPClientError

_GONE = ("TaskTimedOut", "TaskDoesNotExist", "InvalidToken")
_BUSY = ("ThrottlingException", "TooManyRequestsException", "RequestLimitExceeded", "ExecutionLimitExceeded")


class Busy(Exception):
    """Step Functions takes no execution now, or did not say whether it took it. Ask again."""


class Workflows:
    def __init__(self, client: Any, state_machine_arn: str, starter: Any) -> None:
        """`starter` starts executions, and need not ask again by itself: who calls `start` sees to that."""
        self._client = client
        self._arn = state_machine_arn
        self._starter = starter

    def start(
        self,
        name: str,
        dispatch_uuid: str,
        waits: list[int],
        step: int = 0,
        urgent: Sequence[int] = (),
        patient: Sequence[int] = (),
    ) -> None:
        """Start an execution. The name makes it one: a second start of it changes nothing. Raises Busy."""
        begin = {
            "dispatch_uuid": dispatch_uuid,
            "step": step,
            "waits": waits,
            "urgent": urgent,
            "patient": patient,
        }
        try:
            self._starter.start_execution(
                stateMachineArn=self._arn,
                name=name,
                input=json.dumps(begin),
            )
        except (ConnectionError, HTTPClientError) as error:
            raise Busy from error
        except ClientError as error:
            code = error.response["Error"].get("Code")
            if code == "ExecutionAlreadyExists":
                return
            if code in _BUSY or error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500:
                raise Busy from error
            raise

    def succeed(self, task_token: str) -> bool:
        """The step's condition is met. False if nobody waits on this token any more."""
        return self._answer(self._client.send_task_success, taskToken=task_token, output="{}")

    def fail(self, task_token: str, error: str, cause: str) -> bool:
        """The step's message failed. False if nobody waits on this token any more."""
        return self._answer(self._client.send_task_failure, taskToken=task_token, error=error, cause=cause)

    def _answer(self, call: Any, **arguments: str) -> bool:
        try:
            call(**arguments)
        except self._client.exceptions.ClientError as error:
            if error.response["Error"]["Code"] in _GONE:
                return False
            raise
        return True
