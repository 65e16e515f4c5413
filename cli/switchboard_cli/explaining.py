"""What became of a message or a dispatch, in the API's sentences."""

from switchboard_cli import client, following
from switchboard_cli.output import coloured, text
from switchboard_cli.session import Session


def show(here: Session, what: str, path: str, uuid: str, as_account: bool) -> None:
    """`what` it is, as people call it. In JSON as the API has it, whose steps begin at 0."""
    address = f"{path}{client.path(uuid)}/explain"
    found = here.api.call("GET", address, by=here.api.sender(as_account))
    if here.as_json:
        here.output.json(found)
        return
    has_steps = any(line.get("step") is not None for line in found["lines"])
    here.output.line(text(what), text(uuid, "bold"), coloured(found["state"]))
    here.output.line(following.prose(found["summary"]))
    if cost := following.total(found):
        here.output.line(text("It cost", "dim"), cost)
    here.output.line("")
    for line in found["lines"]:
        step = "" if line.get("step") is None else f"step {line['step'] + 1}"
        column = [text(f"{step:<7}", "dim")] if has_steps else []
        here.output.line(" ", following.clock(line["at"]), *column, following.prose(line["text"]))
