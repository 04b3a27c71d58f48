"""Addresses of usage and cost."""

from django.urls import path

from apps.costs.api.estimate import EstimateView
from apps.costs.api.match import MatchView
from apps.costs.api.metrics import CostMetricsView
from apps.costs.api.usage import UsageDetailView, UsageView
from apps.costs.views import demo
from apps.costs.views.prices import adjustments, match, own
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
    path("prices/adjustments", adjustments.adjustment_list, name="adjustments"),
    path("prices/adjustments/new", adjustments.add, name="adjustment-add"),
    path("prices/adjustments/<int:adjustment_id>/end", adjustments.end, name="adjustment-end"),
    path("prices/new", own.new_model, name="price-new"),
    path("prices/<int:model_id>", own.model, name="price"),
    path("prices/<int:model_id>/set", own.set_price, name="price-set"),
    path("prices/<int:model_id>/end", own.end_price, name="price-end"),
    path("prices/changes/<int:change_id>/undo", own.undo, name="price-undo"),
]
