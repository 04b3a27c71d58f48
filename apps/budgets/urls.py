"""Addresses of budgets and alerts."""

from django.urls import path

from apps.budgets import alert_urls
from apps.budgets.api.budgets import (
    BudgetPreviewView,
    BudgetStatusView,
    BudgetsView,
    BudgetView,
    PauseBudgetView,
    RaiseBudgetView,
    RestoreBudgetView,
)
from apps.budgets.api.reservations import ExtendReservationView, ReleaseReservationView, ReservationsView
from apps.budgets.views import budgets, editing

app_name = "budgets"
urlpatterns = [
    path("budgets", budgets.budget_list, name="budgets"),
    path("budgets/new", editing.new, name="budget-new"),
    path("budgets/preview", editing.preview, name="budget-preview"),
    path("budgets/<int:budget_id>", budgets.budget, name="budget"),
    path("budgets/<int:budget_id>/change", editing.change, name="budget-change"),
    path("budgets/<int:budget_id>/raise", budgets.raise_limit, name="budget-raise"),
    path("budgets/<int:budget_id>/pause", budgets.pause, name="budget-pause"),
    path("budgets/<int:budget_id>/delete", budgets.delete, name="budget-delete"),
    path("budgets/<int:budget_id>/restore", budgets.restore, name="budget-restore"),
    path("api/budgets", BudgetsView.as_view(), name="api-budgets"),
    path("api/budgets/status", BudgetStatusView.as_view(), name="api-budget-status"),
    path("api/budgets/preview", BudgetPreviewView.as_view(), name="api-budget-preview"),
    path("api/budgets/<int:budget_id>", BudgetView.as_view(), name="api-budget"),
    path("api/budgets/<int:budget_id>/raise", RaiseBudgetView.as_view(), name="api-budget-raise"),
    path("api/budgets/<int:budget_id>/pause", PauseBudgetView.as_view(), name="api-budget-pause"),
    path("api/budgets/<int:budget_id>/restore", RestoreBudgetView.as_view(), name="api-budget-restore"),
    path("api/reservations", ReservationsView.as_view(), name="api-reservations"),
    path("api/reservations/<str:public_id>/extend", ExtendReservationView.as_view(), name="api-reservation-extend"),
    path(
        "api/reservations/<str:public_id>/release",
        ReleaseReservationView.as_view(),
        name="api-reservation-release",
    ),
    *alert_urls.patterns,
]
