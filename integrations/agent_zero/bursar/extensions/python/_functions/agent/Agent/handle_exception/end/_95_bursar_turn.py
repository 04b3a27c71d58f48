from helpers.extension import Extension
from usr.plugins.bursar.helpers import turns
from usr.plugins.bursar.helpers.guard import quiet


class BursarTurnFails(Extension):
    """After all others have had their say: an exception that is still there ends the turn."""

    @quiet
    def execute(self, data=None, **kwargs):
        error = (data or {}).get("exception")
        if self.agent is not None and error is not None:
            turns.end(self.agent, success=False, note=str(error))
