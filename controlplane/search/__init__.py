"""The search box: one place to find everything that has a name: models, agents, budgets, alerts, views, pages …"""
