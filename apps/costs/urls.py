"""Addresses of usage and cost."""

from django.urls import path

from apps.costs.api.estimate import EstimateView
from apps.costs.api.match import MatchView
from apps.costs.api.metrics import CostMetricsView
from apps.costs.api.usage import UsageDetailView, UsageView
from apps.costs.views import demo
from apps.costs.views.prices import match
from apps.costs.views.prices import table as prices

app_name = "costs"
urlpatterns = [
    path("api/metrics/cost", CostMetricsView.as_view(), name="metrics-cost"),
    path("api/prices/match", MatchView.as_view(), name="match"),
    path("api/prices/estimate", EstimateView.as_view(), name="estimate"),
    path("api/usage", UsageView.as_view(), name="usage-list"),
    path("api/usage/<path:usage_id>", UsageDetailView.as_view(), name="usage-detail"),
    path("demo", demo.state, name="demo"),
    path("demo/load", demo.load, name="demo-load"),
    path("demo/remove", demo.remove, name="demo-remove"),
    path("prices", prices.price_table, name="prices"),
    path("prices/match", match.match_test, name="match-test"),
    path("prices/match/list", match.match_list, name="match-list"),
]
