"""Addresses of routing."""

from django.urls import URLPattern

app_name = "routing"
urlpatterns: list[URLPattern] = []
