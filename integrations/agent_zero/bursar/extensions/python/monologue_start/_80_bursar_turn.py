from helpers.extension import Extension
from usr.plugins.bursar.helpers import turns
from usr.plugins.bursar.helpers.guard import quiet


class BursarTurnBegins(Extension):
    @quiet
    def execute(self, **kwargs):
        if self.agent is not None:
            turns.begin(self.agent)
