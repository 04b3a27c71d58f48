from helpers.extension import Extension
from usr.plugins.bursar.helpers import tap, zero
from usr.plugins.bursar.helpers.guard import quiet


class BursarTap(Extension):
    """Hears what LiteLLM counts. Agent 0 comes first, once for each chat; the tap is one for the process."""

    @quiet
    def execute(self, **kwargs):
        agent = self.agent
        if agent is not None and not agent.number:
            tap.install(lambda: zero.options_of(agent))
