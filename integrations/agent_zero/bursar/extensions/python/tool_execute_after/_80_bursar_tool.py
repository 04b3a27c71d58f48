from helpers.extension import Extension
from usr.plugins.bursar.helpers import executions
from usr.plugins.bursar.helpers.guard import quiet


class BursarToolEnds(Extension):
    @quiet
    def execute(self, tool_name="", **kwargs):
        if self.agent is not None:
            executions.end(self.agent, tool_name)
