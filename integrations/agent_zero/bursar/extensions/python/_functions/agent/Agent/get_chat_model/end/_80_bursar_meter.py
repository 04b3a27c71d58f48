from helpers.extension import Extension
from usr.plugins.bursar.helpers import routing
from usr.plugins.bursar.helpers.guard import quiet


class BursarMeter(Extension):
    """Measures the model also for callers that pass no hook before their call."""

    @quiet
    def execute(self, data=None, **kwargs):
        if self.agent is not None and data and data.get("result") is not None:
            data["result"] = routing.metered(self.agent, data["result"], "chat")
