"""Addresses of routing."""

from django.urls import path

from apps.routing.api import config, decisions, policies

app_name = "routing"
urlpatterns = [
    path("api/routing/config", config.ConfigView.as_view(), name="api-config"),
    path("api/routing/decisions", decisions.DecisionsView.as_view(), name="api-decisions"),
    path("api/routing/decisions/<str:decision_id>", decisions.DecisionView.as_view(), name="api-decision"),
    path("api/tiers", policies.TiersView.as_view(), name="api-tiers"),
    path("api/policies", policies.PoliciesView.as_view(), name="api-policies"),
    path("api/policies/<int:policy_id>", policies.PolicyView.as_view(), name="api-policy"),
    path("api/policies/<int:policy_id>/publish", policies.PublishView.as_view(), name="api-policy-publish"),
    path("api/policies/<int:policy_id>/rollback", policies.RollBackView.as_view(), name="api-policy-rollback"),
    path("api/policies/<int:policy_id>/diff", policies.DiffView.as_view(), name="api-policy-diff"),
]
