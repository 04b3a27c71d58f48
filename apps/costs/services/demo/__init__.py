"""Demo data: asked for by a person, loaded and removed by a background sweep, kept apart in demo projects."""

from apps.costs.services.demo.asking import ask_to_load, ask_to_remove
from apps.costs.services.demo.projects import ensure_demo_projects
from apps.costs.services.demo.working import load_demo, remove_demo, work_on_demo

__all__ = ["ask_to_load", "ask_to_remove", "ensure_demo_projects", "load_demo", "remove_demo", "work_on_demo"]
