from helpers.extension import Extension
from usr.plugins.bursar.helpers import executions
from usr.plugins.bursar.helpers.guard import quiet


class BursarToolBegins(Extension):
    @quiet
    def execute(self, tool_name="", **kwargs):
        if self.agent is not None:
            executions.begin(self.agent, tool_name)
