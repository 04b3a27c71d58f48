"""The form that takes a file of own prices."""

from typing import Any

from django import forms

from apps.access.forms import ServiceForm

MOST_BYTES = 1024 * 1024


class PriceFileForm(ServiceForm):
    """A file, or its text once the differences were shown."""

    file = forms.FileField(label="CSV file", required=False, help_text="As the export writes it, at most 1 MiB.")
    content = forms.CharField(required=False, max_length=MOST_BYTES, strip=False, widget=forms.HiddenInput)

    def clean(self) -> dict[str, Any]:
        typed = super().clean() or {}
        file = typed.get("file")
        if file is None and not typed.get("content"):
            self.add_error("file", "Choose a file.")
        elif file is not None and file.size > MOST_BYTES:
            self.add_error("file", "The file is larger than 1 MiB.")
        elif file is not None:
            try:
                typed["content"] = file.read().decode("utf-8-sig").replace("\0", "")
            except UnicodeDecodeError:
                self.add_error("file", "The file is not UTF-8 text.")
        return typed

    def text(self) -> str:
        """What the file says."""
        found: str = self.cleaned_data["content"]
        return found
