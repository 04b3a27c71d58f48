from helpers.tool import Response, Tool
from usr.plugins.bursar.helpers import switching


class SwitchModel(Tool):
    """Chooses a preset for this chat, or leaves the choice to Bursar. Acts from the next call on."""

    async def execute(self, to="", reason="", **kwargs):
        return Response(message=switching.switch(self.agent, str(to), str(reason)), break_loop=False)
