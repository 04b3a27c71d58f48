"""The search box: one place to find models, agents, projects, tiers, keys, conversations, saved views and pages."""
