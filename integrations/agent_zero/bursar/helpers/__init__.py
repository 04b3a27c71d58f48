"""What the plugin does. Only `zero` knows Agent Zero; nothing here ever raises into the agent by accident."""
