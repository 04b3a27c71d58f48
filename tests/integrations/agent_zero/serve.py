"""Runs inside a copy of Agent Zero, under its own Python: its web server, on the port that is the only argument."""

import os
import sys
import types

PORT = sys.argv[1]
sys.argv = ["run_ui.py", "--dockerized=true", "--host=127.0.0.1", f"--port={PORT}"]
for _name in ("sentence_transformers", "whisper"):
    sys.modules[_name] = types.ModuleType(_name)
sys.modules["sentence_transformers"].SentenceTransformer = object  # type: ignore[attr-defined]
sys.path.insert(0, os.getcwd())

import run_ui  # type: ignore[import-not-found]  # noqa: E402
from helpers import dotenv, runtime  # type: ignore[import-not-found]  # noqa: E402

runtime.initialize()
dotenv.load_dotenv()
run_ui.run()
