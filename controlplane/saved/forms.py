"""Forms of saved views. What is allowed is decided by the services."""

from django import forms

from apps.access.forms import ServiceForm
from controlplane.models import VIEW_NAME_LENGTH

SHARED = "Whoever may see all projects it speaks of finds it, and sees in it only what they may see."


class SaveForm(ServiceForm):
    """A state gets a name."""

    name = forms.CharField(
        label="Name", max_length=VIEW_NAME_LENGTH, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    is_shared = forms.BooleanField(label="Share it", required=False, help_text=SHARED)
    is_start = forms.BooleanField(
        label="Open the page with it", required=False, help_text="For you alone, from the menu on top."
    )
    replace = forms.BooleanField(label="Replace the view of this name", required=False)


class ChangeForm(ServiceForm):
    """Another name, shared or not."""

    name = SaveForm.base_fields["name"]
    is_shared = SaveForm.base_fields["is_shared"]
    version = forms.IntegerField(required=False, widget=forms.HiddenInput)
