from helpers.extension import Extension
from usr.plugins.bursar.helpers import answers, turns
from usr.plugins.bursar.helpers.guard import quiet


class BursarTurnEnds(Extension):
    @quiet
    def execute(self, **kwargs):
        if self.agent is not None:
            turns.end(self.agent, success=True)
            if not self.agent.number:
                answers.remember(self.agent)
