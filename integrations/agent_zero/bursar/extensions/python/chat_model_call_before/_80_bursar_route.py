from helpers.extension import Extension
from usr.plugins.bursar.helpers import routing
from usr.plugins.bursar.helpers.guard import quiet_but_for_refusals


class BursarRoute(Extension):
    """Asks Bursar for the model of this call, and measures it."""

    @quiet_but_for_refusals
    async def execute(self, call_data=None, **kwargs):
        if self.agent is not None and call_data is not None:
            await routing.meter(self.agent, call_data, "chat")
