"""Every address of the installation. Errors have one shape, whatever raised them."""

from django.urls import include, path

from controlplane import api_docs, views
from controlplane.conversations.judging import judge, undo
from controlplane.conversations.one import conversation_by_id, more_steps, one_conversation
from controlplane.conversations.pages import conversations, conversations_csv, more_conversations
from controlplane.explore.downloads import explore_csv, explore_json
from controlplane.explore.live import more as explore_more
from controlplane.explore.pages import explore
from controlplane.explore.records import record, records, records_csv
from controlplane.focus.api import FocusExportView
from controlplane.focus.downloads import focus
from controlplane.how import how
from controlplane.merging import api as merging_api
from controlplane.merging import pages as merging_pages
from controlplane.merging import project_api, project_pages
from controlplane.onboarding import first_key
from controlplane.overview import more, overview, overview_csv
from controlplane.prometheus import PrometheusView
from controlplane.saved import api as saved_api
from controlplane.saved import pages as saved_pages
from controlplane.savings import pages as savings_pages
from controlplane.search.pages import search
from controlplane.statement import pages as statement_pages
from controlplane.styleguide import styleguide
from controlplane.theme import choose_theme

urlpatterns = [
    path("", overview, name="overview"),
    path("overview.csv", overview_csv, name="overview-csv"),
    path("overview/more", more, name="overview-more"),
    path("explore", explore, name="explore"),
    path("explore.csv", explore_csv, name="explore-csv"),
    path("explore.json", explore_json, name="explore-json"),
    path("explore/more", explore_more, name="explore-more"),
    path("explore/records", records, name="explore-records"),
    path("explore/records.csv", records_csv, name="explore-records-csv"),
    path("explore/record", record, name="explore-record"),
    path("routing/savings", savings_pages.savings, name="savings"),
    path("routing/savings.csv", savings_pages.savings_csv, name="savings-csv"),
    path("search", search, name="search"),
    path("start", saved_pages.first, name="start"),
    path("statement", statement_pages.latest, name="statements"),
    path("statement/<str:key>.csv", statement_pages.month_csv, name="statement-csv"),
    path("statement/<str:key>", statement_pages.month, name="statement"),
    path("focus.<str:kind>", focus, name="focus"),
    path("api/exports/focus", FocusExportView.as_view(), name="api-focus"),
    path("views", saved_pages.view_list, name="views"),
    path("views/new", saved_pages.save, name="view-save"),
    path("views/<int:view_id>", saved_pages.change, name="view-change"),
    path("views/<int:view_id>/delete", saved_pages.delete, name="view-delete"),
    path("views/<int:view_id>/restore", saved_pages.restore, name="view-restore"),
    path("views/<int:view_id>/start", saved_pages.start, name="view-start"),
    path("api/views", saved_api.SavedViewsView.as_view(), name="api-views"),
    path("api/views/<int:view_id>", saved_api.SavedViewView.as_view(), name="api-view"),
    path("api/views/<int:view_id>/restore", saved_api.RestoreSavedViewView.as_view(), name="api-view-restore"),
    path("c", conversations, name="conversations"),
    path("c.csv", conversations_csv, name="conversations-csv"),
    path("c/more", more_conversations, name="conversations-more"),
    path("c/more-steps", more_steps, name="conversation-more"),
    path("c/by-id", conversation_by_id, name="conversation-by-id"),
    path("c/judge", judge, name="conversation-judge"),
    path("c/undo", undo, name="conversation-undo"),
    path("c/<str:project>/<path:conversation_id>", one_conversation, name="conversation"),
    path("projects/<int:project_id>/merge", project_pages.merge_project, name="project-merge"),
    path("api/projects/<int:project_id>/merge", project_api.ProjectMergeView.as_view(), name="api-project-merge"),
    path("agents/<int:agent_id>/merge", merging_pages.merge_agent, name="agent-merge"),
    path("api/agents/<int:agent_id>/merge", merging_api.AgentMergeView.as_view(), name="api-agent-merge"),
    path("first-key", first_key, name="first-key"),
    path("how", how, name="how"),
    path("theme", choose_theme, name="theme"),
    path("styleguide", styleguide, name="styleguide"),
    path("", include("apps.access.urls")),
    path("api/schema", api_docs.SchemaView.as_view(), name="api-schema"),
    path("api/docs", api_docs.DocsView.as_view(), name="api-docs"),
    path("health", views.health, name="health"),
    path("healthz", views.healthz, name="healthz"),
    path("healthz/background", views.healthz_background, name="healthz-background"),
    path("readyz", views.readyz, name="readyz"),
    path("metrics", PrometheusView.as_view(), name="prometheus"),
    path("", include("apps.costs.urls")),
    path("", include("apps.budgets.urls")),
    path("", include("apps.routing.urls")),
]

handler400 = "controlplane.problems.bad_request"
handler403 = "controlplane.problems.forbidden"
handler404 = "controlplane.problems.not_found"
handler500 = "controlplane.problems.server_error"
