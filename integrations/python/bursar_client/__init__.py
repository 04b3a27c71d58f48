"""The client of Bursar: report what an agent used, ask which model to use, hold money for what is to come.

    from bursar_client import Client

    bursar = Client()  # BURSAR_URL and BURSAR_KEY
    bursar.report(provider="openai", model="gpt-4.1", input_tokens=1200, output_tokens=300)

It needs nothing but Python. It never raises into an agent, and loses nothing it accepted while the server is away.
"""

from .about import about
from .aio import AsyncClient
from .client import Client
from .compressions import Compression
from .fields import Decision, Model, Outcome, Question, Usage
from .ids import new_id
from .policy import Config
from .reporter import Stats
from .reservations import BudgetRefused, Reservation
from .settings import Settings

__version__ = "0.1.0"
__all__ = [
    "AsyncClient",
    "BudgetRefused",
    "Client",
    "Compression",
    "Config",
    "Decision",
    "Model",
    "Outcome",
    "Question",
    "Reservation",
    "Settings",
    "Stats",
    "Usage",
    "about",
    "new_id",
]
