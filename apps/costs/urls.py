"""Addresses of usage and cost."""

from django.urls import path

from apps.costs.api import reporting
from apps.costs.api.conversations import ConversationsView, ConversationView
from apps.costs.api.estimate import EstimateView
from apps.costs.api.invoices import InvoicesView, InvoiceView, RestoreInvoiceView
from apps.costs.api.match import MatchView
from apps.costs.api.metrics import CostMetricsView
from apps.costs.api.outcomes import OutcomesView
from apps.costs.api.price_book import lists as api_lists
from apps.costs.api.price_book import models as api_models
from apps.costs.api.price_book import prices as api_prices
from apps.costs.api.price_book import terms as api_terms
from apps.costs.api.rated_metrics import EfficiencyView, PerformanceView
from apps.costs.api.rerates import (
    AbandonView,
    ApproveView,
    DifferencesView,
    LinesView,
    ReratesView,
    RerateView,
    ReverseView,
)
from apps.costs.api.traces import TracesView
from apps.costs.api.unpriced import NamesView, UnpricedView
from apps.costs.api.usage import UsageDetailView, UsageView
from apps.costs.views import demo
from apps.costs.views import reporting as reporting_pages
from apps.costs.views.prices import (
    adjustments,
    disagreements,
    files,
    invoices,
    lists,
    match,
    own,
    rerates,
    subscriptions,
    unpriced,
)
from apps.costs.views.prices import table as prices

app_name = "costs"
urlpatterns = [
    path("settings/reporting", reporting_pages.settings_page, name="reporting"),
    path("settings/reporting/rates", reporting_pages.add_rate, name="rate-add"),
    path("settings/reporting/rates/<int:rate_id>/delete", reporting_pages.delete_rate, name="rate-delete"),
    path("settings/reporting/rates/<int:rate_id>/restore", reporting_pages.restore_rate, name="rate-restore"),
    path("api/settings/reporting", reporting.ReportingView.as_view(), name="api-reporting"),
    path("api/currency-rates", reporting.CurrencyRatesView.as_view(), name="api-rates"),
    path("api/currency-rates/<int:rate_id>", reporting.CurrencyRateView.as_view(), name="api-rate"),
    path(
        "api/currency-rates/<int:rate_id>/restore", reporting.RestoreCurrencyRateView.as_view(), name="api-rate-restore"
    ),
    path("api/metrics/cost", CostMetricsView.as_view(), name="metrics-cost"),
    path("api/metrics/performance", PerformanceView.as_view(), name="metrics-performance"),
    path("api/metrics/efficiency", EfficiencyView.as_view(), name="metrics-efficiency"),
    path("api/models", api_models.ModelsView.as_view(), name="api-models"),
    path("api/models/<int:model_id>", api_models.ModelView.as_view(), name="api-model"),
    path("api/prices", api_prices.PricesView.as_view(), name="api-prices"),
    path("api/prices/end", api_prices.EndPriceView.as_view(), name="api-price-end"),
    path("api/prices/import", api_prices.ImportPricesView.as_view(), name="api-price-import"),
    path("api/prices/changes", api_prices.PriceChangesView.as_view(), name="api-price-changes"),
    path("api/prices/changes/<int:change_id>/undo", api_prices.UndoPriceChangeView.as_view(), name="api-price-undo"),
    path("api/price-lists", api_lists.PriceListsView.as_view(), name="api-price-lists"),
    path("api/price-lists/check", api_lists.CheckListsView.as_view(), name="api-price-lists-check"),
    path("api/price-lists/apply", api_lists.ApplyListsView.as_view(), name="api-price-lists-apply"),
    path("api/price-lists/changes", api_lists.ListChangesView.as_view(), name="api-price-lists-changes"),
    path(
        "api/price-lists/changes/<int:change_id>/accept", api_lists.AcceptView.as_view(), name="api-price-list-accept"
    ),
    path(
        "api/price-lists/changes/<int:change_id>/reject", api_lists.RejectView.as_view(), name="api-price-list-reject"
    ),
    path(
        "api/price-lists/editions/<int:edition_id>/undo",
        api_lists.UndoEditionView.as_view(),
        name="api-price-list-undo",
    ),
    path("api/price-lists/disagreements", api_lists.DisagreementsView.as_view(), name="api-price-disagreements"),
    path(
        "api/price-lists/disagreements/<int:comparison_id>/use", api_lists.UsePriceView.as_view(), name="api-price-use"
    ),
    path("api/adjustments", api_terms.AdjustmentsView.as_view(), name="api-adjustments"),
    path("api/adjustments/<int:adjustment_id>/end", api_terms.EndAdjustmentView.as_view(), name="api-adjustment-end"),
    path("api/subscriptions", api_terms.SubscriptionsView.as_view(), name="api-subscriptions"),
    path(
        "api/subscriptions/<int:subscription_id>/end",
        api_terms.EndSubscriptionView.as_view(),
        name="api-subscription-end",
    ),
    path("api/prices/match", MatchView.as_view(), name="match"),
    path("api/prices/estimate", EstimateView.as_view(), name="estimate"),
    path("api/rerates", ReratesView.as_view(), name="rerates-api"),
    path("api/rerates/<int:run_id>", RerateView.as_view(), name="rerate-api"),
    path("api/rerates/<int:run_id>/differences", DifferencesView.as_view(), name="rerate-differences-api"),
    path("api/rerates/<int:run_id>/records", LinesView.as_view(), name="rerate-records-api"),
    path("api/rerates/<int:run_id>/approve", ApproveView.as_view(), name="rerate-approve-api"),
    path("api/rerates/<int:run_id>/abandon", AbandonView.as_view(), name="rerate-abandon-api"),
    path("api/rerates/<int:run_id>/reverse", ReverseView.as_view(), name="rerate-reverse-api"),
    path("api/unpriced", UnpricedView.as_view(), name="unpriced-api"),
    path("api/unpriced/names", NamesView.as_view(), name="unpriced-names-api"),
    path("api/conversations", ConversationsView.as_view(), name="conversations-api"),
    path("api/conversations/<path:conversation_id>", ConversationView.as_view(), name="conversation-api"),
    path("api/outcomes", OutcomesView.as_view(), name="outcomes"),
    path("v1/traces", TracesView.as_view(), name="traces"),
    path("api/usage", UsageView.as_view(), name="usage-list"),
    path("api/usage/<path:usage_id>", UsageDetailView.as_view(), name="usage-detail"),
    path("demo", demo.state, name="demo"),
    path("demo/load", demo.load, name="demo-load"),
    path("demo/remove", demo.remove, name="demo-remove"),
    path("prices", prices.price_table, name="prices"),
    path("api/invoices", InvoicesView.as_view(), name="api-invoices"),
    path("api/invoices/<int:line_id>", InvoiceView.as_view(), name="api-invoice"),
    path("api/invoices/<int:line_id>/restore", RestoreInvoiceView.as_view(), name="api-invoice-restore"),
    path("prices/invoices", invoices.invoice_list, name="invoices"),
    path("prices/invoices.csv", invoices.invoice_csv, name="invoices-csv"),
    path("prices/invoices/new", invoices.enter, name="invoice-new"),
    path("prices/invoices/import", invoices.import_csv, name="invoice-import"),
    path("prices/invoices/<int:line_id>", invoices.invoice, name="invoice"),
    path("prices/invoices/<int:line_id>/change", invoices.change, name="invoice-change"),
    path("prices/invoices/<int:line_id>/delete", invoices.delete, name="invoice-delete"),
    path("prices/invoices/<int:line_id>/restore", invoices.restore, name="invoice-restore"),
    path("prices/match", match.match_test, name="match-test"),
    path("prices/match/list", match.match_list, name="match-list"),
    path("prices/adjustments", adjustments.adjustment_list, name="adjustments"),
    path("prices/adjustments/new", adjustments.add, name="adjustment-add"),
    path("prices/adjustments/<int:adjustment_id>/end", adjustments.end, name="adjustment-end"),
    path("prices/subscriptions", subscriptions.subscription_list, name="subscriptions"),
    path("prices/subscriptions/new", subscriptions.add, name="subscription-add"),
    path("prices/subscriptions/<int:subscription_id>/end", subscriptions.end, name="subscription-end"),
    path("prices.csv", files.export, name="prices-csv"),
    path("prices/import", files.import_prices, name="price-import"),
    path("prices/lists", lists.price_lists, name="price-lists"),
    path("prices/lists/state", lists.state, name="price-lists-state"),
    path("prices/lists/check", lists.check, name="price-lists-check"),
    path("prices/lists/apply", lists.apply, name="price-lists-apply"),
    path("prices/lists/changes/<int:change_id>/accept", lists.accept, name="price-list-accept"),
    path("prices/lists/changes/<int:change_id>/reject", lists.reject, name="price-list-reject"),
    path("prices/lists/editions/<int:edition_id>/undo", lists.undo, name="price-list-undo"),
    path("prices/disagreements", disagreements.disagreements, name="price-disagreements"),
    path("prices/disagreements/<int:comparison_id>/use/<str:source>", disagreements.use, name="price-use"),
    path("prices/new", own.new_model, name="price-new"),
    path("prices/<int:model_id>", own.model, name="price"),
    path("prices/<int:model_id>/set", own.set_price, name="price-set"),
    path("prices/<int:model_id>/end", own.end_price, name="price-end"),
    path("prices/changes/<int:change_id>/undo", own.undo, name="price-undo"),
    path("prices/unpriced", unpriced.unpriced, name="unpriced"),
    path("prices/unpriced/same", unpriced.same_model, name="same-model"),
    path("prices/unpriced/forget", unpriced.forget_name, name="forget-name"),
    path("prices/rerates", rerates.runs, name="rerates"),
    path("prices/rerates/new", rerates.new_run, name="rerate-new"),
    path("prices/rerates/<int:run_id>", rerates.run_page, name="rerate"),
    path("prices/rerates/<int:run_id>.csv", rerates.run_csv, name="rerate-csv"),
    path("prices/rerates/<int:run_id>/approve", rerates.approve, name="rerate-approve"),
    path("prices/rerates/<int:run_id>/abandon", rerates.abandon, name="rerate-abandon"),
    path("prices/rerates/<int:run_id>/reverse", rerates.reverse_run, name="rerate-reverse"),
]
