"""Addresses of alerts, channels and deliveries: a part of urls.py."""

from django.urls import path

from apps.budgets.api import alerts as alerts_api
from apps.budgets.api import channels as channels_api
from apps.budgets.views import alerts, alerts_file, by_mail, channels, deliveries

patterns = [
    path("alerts", alerts.alert_list, name="alerts"),
    path("alerts.csv", alerts_file.alerts_csv, name="alerts-csv"),
    path("alerts/bell", alerts.bell, name="bell"),
    path("alerts/<int:alert_id>", alerts.alert_page, name="alert"),
    path("alerts/<int:alert_id>/acknowledge", alerts.acknowledge, name="alert-acknowledge"),
    path("alerts/<int:alert_id>/silence", alerts.silence, name="alert-silence"),
    path("alerts/<int:alert_id>/take-back", alerts.take_back, name="alert-take-back"),
    path("alerts/by-mail/<str:token>", by_mail.acknowledge, name="acknowledge-by-mail"),
    path("alerts/agree/<str:token>", by_mail.agree, name="agree-by-mail"),
    path("alerting", channels.alerting, name="alerting"),
    path("alerting/test-mail", channels.try_mail, name="try-mail"),
    path("alerting/addresses", channels.add_address, name="add-address"),
    path("alerting/addresses/<int:address_id>/remove", channels.remove_address, name="remove-address"),
    path("alerting/channels/new", channels.new_channel, name="new-channel"),
    path("alerting/channels/<int:channel_id>", channels.channel_page, name="channel"),
    path("alerting/channels/<int:channel_id>/rotate", channels.rotate_channel, name="rotate-channel"),
    path("alerting/channels/<int:channel_id>/test", channels.try_channel, name="try-channel"),
    path("alerting/channels/<int:channel_id>/switch", channels.switch_channel, name="switch-channel"),
    path("alerting/channels/<int:channel_id>/delete", channels.delete_channel, name="delete-channel"),
    path("deliveries", deliveries.delivery_list, name="deliveries"),
    path("deliveries/<int:delivery_id>/resend", deliveries.resend, name="resend"),
    path("api/channels", channels_api.ChannelsView.as_view(), name="api-channels"),
    path("api/channels/<int:channel_id>", channels_api.ChannelView.as_view(), name="api-channel"),
    path("api/channels/<int:channel_id>/rotate", channels_api.RotateChannelView.as_view(), name="api-channel-rotate"),
    path("api/channels/<int:channel_id>/test", channels_api.TryChannelView.as_view(), name="api-channel-try"),
    path("api/deliveries", channels_api.DeliveriesView.as_view(), name="api-deliveries"),
    path("api/deliveries/<int:delivery_id>/resend", channels_api.ResendView.as_view(), name="api-delivery-resend"),
    path("api/alerts", alerts_api.AlertsView.as_view(), name="api-alerts"),
    path("api/alerts/<int:alert_id>", alerts_api.AlertView.as_view(), name="api-alert"),
    path("api/alerts/<int:alert_id>/acknowledge", alerts_api.AcknowledgeView.as_view(), name="api-alert-acknowledge"),
    path("api/alerts/<int:alert_id>/silence", alerts_api.SilenceView.as_view(), name="api-alert-silence"),
    path("api/alerts/<int:alert_id>/take-back", alerts_api.TakeBackView.as_view(), name="api-alert-take-back"),
]
