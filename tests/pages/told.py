"""What a person said of a conversation, for tests of what is done with it."""

from django.utils import timezone

from apps.access.models import User
from apps.costs.services.outcomes.recording import record_outcomes
from tests.usage import call, report


def outcome_of(person: User) -> dict[str, str]:
    """A conversation that the person judged, and the judgement, as the form to undo it sends them."""
    now = timezone.now()
    report([call(now, conversation_id="chat")], now)
    item = {"id": "said", "task_id": "chat", "project": "default", "source": "user", "success": True}
    (told,) = record_outcomes([item], caller=person.caller(), now=now).told
    assert told.status == "accepted"
    return {"project": "default", "id": "chat", "outcome": "said"}
