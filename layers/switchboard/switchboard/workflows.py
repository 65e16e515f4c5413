"""The state machine of a dispatch: starting it, and telling a waiting step how its message fared."""

import json
from collections.abc import Sequence
from typing import Any

_GONE = ("TaskTimedOut", "TaskDoesNotExist", "InvalidToken")


class Workflows:
    def __init__(self, client: Any, state_machine_arn: str = "") -> None:
        self._client = client
        self._arn = state_machine_arn

    def start(
        self,
        name: str,
        dispatch_uuid: str,
        waits: list[int],
        step: int = 0,
        urgent: Sequence[int] = (),
        patient: Sequence[int] = (),
    ) -> None:
        """Start an execution. The name makes it one: a second start of it changes nothing."""
        begin = {
            "dispatch_uuid": dispatch_uuid,
            "step": step,
            "waits": waits,
            "urgent": urgent,
            "patient": patient,
        }
        try:
            self._client.start_execution(
                stateMachineArn=self._arn,
                name=name,
                input=json.dumps(begin),
            )
        except self._client.exceptions.ExecutionAlreadyExists:
            return

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
