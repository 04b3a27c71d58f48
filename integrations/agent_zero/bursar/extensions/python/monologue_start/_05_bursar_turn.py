from helpers.extension import Extension
from usr.plugins.bursar.helpers import turns
from usr.plugins.bursar.helpers.guard import quiet


class BursarTurnBegins(Extension):
    """Before all others: what they ask of models belongs to the new turn."""

    @quiet
    def execute(self, **kwargs):
        if self.agent is not None:
            turns.begin(self.agent)
