"""Addresses of alerts, channels and deliveries: a part of urls.py."""

from django.urls import path

from apps.budgets.api import alerts as alerts_api
from apps.budgets.views import alerts, by_mail

patterns = [
    path("alerts", alerts.alert_list, name="alerts"),
    path("alerts/bell", alerts.bell, name="bell"),
    path("alerts/<int:alert_id>", alerts.alert_page, name="alert"),
    path("alerts/<int:alert_id>/acknowledge", alerts.acknowledge, name="alert-acknowledge"),
    path("alerts/<int:alert_id>/silence", alerts.silence, name="alert-silence"),
    path("alerts/<int:alert_id>/take-back", alerts.take_back, name="alert-take-back"),
    path("alerts/by-mail/<str:token>", by_mail.acknowledge, name="acknowledge-by-mail"),
    path("alerts/agree/<str:token>", by_mail.agree, name="agree-by-mail"),
    path("api/alerts", alerts_api.AlertsView.as_view(), name="api-alerts"),
    path("api/alerts/<int:alert_id>", alerts_api.AlertView.as_view(), name="api-alert"),
    path("api/alerts/<int:alert_id>/acknowledge", alerts_api.AcknowledgeView.as_view(), name="api-alert-acknowledge"),
    path("api/alerts/<int:alert_id>/silence", alerts_api.SilenceView.as_view(), name="api-alert-silence"),
    path("api/alerts/<int:alert_id>/take-back", alerts_api.TakeBackView.as_view(), name="api-alert-take-back"),
]
