"""Addresses of routing."""

from django.urls import path

from apps.routing.api import baselines as api_baselines
from apps.routing.api import (
    compression_metrics,
    compressions,
    config,
    decisions,
    effects,
    policies,
    provider_health,
    replays,
)
from apps.routing.views import baselines, compression, editor, examples, playground, providers, tiers, versions, what_if
from apps.routing.views import decisions as decision_pages

app_name = "routing"
urlpatterns = [
    path("routing", tiers.tier_list, name="tiers"),
    path("routing/playground", playground.playground, name="playground"),
    path("routing/playground/label", examples.label, name="example-keep"),
    path("routing/examples", examples.example_list, name="examples"),
    path("routing/examples.jsonl", examples.examples_jsonl, name="examples-jsonl"),
    path("routing/examples/<int:example_id>/remove", examples.remove, name="example-remove"),
    path("routing/decisions", decision_pages.decision_list, name="decisions"),
    path("routing/decisions/<path:decision_id>", decision_pages.one_decision, name="decision"),
    path("routing/providers", providers.provider_list, name="providers"),
    path("routing/providers/draft", providers.advice_draft, name="parameters-draft"),
    path("routing/what-if", what_if.what_if, name="what-if"),
    path("routing/what-if/advice", what_if.advice_as_draft, name="advice-draft"),
    path("routing/what-if/<int:run_id>", what_if.replay, name="replay"),
    path("routing/what-if/<int:run_id>/cancel", what_if.cancel_replay, name="replay-cancel"),
    path("routing/what-if/<int:run_id>/name", what_if.name_replay, name="replay-name"),
    path("routing/what-if/<int:run_id>/draft", what_if.replay_as_draft, name="replay-draft"),
    path("routing/baselines", baselines.baseline_list, name="baselines"),
    path("routing/baselines/<int:baseline_id>/withdraw", baselines.withdraw_baseline, name="baseline-withdraw"),
    path("routing/compression", compression.compression, name="compression"),
    path("routing/versions", versions.version_list, name="versions"),
    path("routing/versions/<int:version>", versions.version, name="version"),
    path("routing/versions/<int:version>/rollback", versions.roll_back, name="roll-back"),
    path("routing/drafts/new", versions.new_draft, name="new-draft"),
    path("routing/drafts/<int:draft_id>", editor.draft, name="draft"),
    path("routing/drafts/<int:draft_id>/publish", editor.publish, name="publish"),
    path("routing/drafts/<int:draft_id>/discard", editor.discard, name="discard"),
    path("routing/drafts/<int:draft_id>/restore", editor.bring_back, name="bring-back"),
    path("api/routing/config", config.ConfigView.as_view(), name="api-config"),
    path("api/routing/decisions", decisions.DecisionsView.as_view(), name="api-decisions"),
    path("api/routing/decisions/<path:decision_id>", decisions.DecisionView.as_view(), name="api-decision"),
    path("api/provider-health", provider_health.ProviderHealthView.as_view(), name="api-provider-health"),
    path("api/routing/compressions", compressions.CompressionsView.as_view(), name="api-compressions"),
    path("api/routing/replays", replays.ReplaysView.as_view(), name="api-replays"),
    path("api/routing/effects", effects.EffectsView.as_view(), name="api-effects"),
    path("api/runs/<int:run_id>", replays.RunView.as_view(), name="api-run"),
    path("api/runs/<int:run_id>/cancel", replays.CancelRunView.as_view(), name="api-run-cancel"),
    path("api/runs/<int:run_id>/name", replays.RunNameView.as_view(), name="api-run-name"),
    path("api/runs/<int:run_id>/draft", replays.RunDraftView.as_view(), name="api-run-draft"),
    path("api/baselines", api_baselines.BaselinesView.as_view(), name="api-baselines"),
    path(
        "api/baselines/<int:baseline_id>/withdraw",
        api_baselines.WithdrawBaselineView.as_view(),
        name="api-baseline-withdraw",
    ),
    path(
        "api/metrics/compression",
        compression_metrics.CompressionMetricsView.as_view(),
        name="api-compression-metrics",
    ),
    path("api/tiers", policies.TiersView.as_view(), name="api-tiers"),
    path("api/policies", policies.PoliciesView.as_view(), name="api-policies"),
    path("api/policies/<int:policy_id>", policies.PolicyView.as_view(), name="api-policy"),
    path("api/policies/<int:policy_id>/restore", policies.RestorePolicyView.as_view(), name="api-policy-restore"),
    path("api/policies/<int:policy_id>/publish", policies.PublishView.as_view(), name="api-policy-publish"),
    path("api/policies/<int:policy_id>/rollback", policies.RollBackView.as_view(), name="api-policy-rollback"),
    path("api/policies/<int:policy_id>/preview", policies.PreviewView.as_view(), name="api-policy-preview"),
    path("api/policies/<int:policy_id>/diff", policies.DiffView.as_view(), name="api-policy-diff"),
]
