"""Addresses of keys, people, projects, agents and the audit log."""

from django.urls import path

from apps.access.api import audit, keys, people, places
from apps.access.views import audit as audit_pages
from apps.access.views import invitations as invitation_pages
from apps.access.views import keys as key_pages
from apps.access.views import login as login_pages
from apps.access.views import passwords as password_pages
from apps.access.views import people as people_pages
from apps.access.views import places as place_pages

app_name = "access"
urlpatterns = [
    path("login", login_pages.login, name="login"),
    path("logout", login_pages.logout, name="logout"),
    path("password", password_pages.change_password, name="change_password"),
    path("password/forgotten", password_pages.forgot_password, name="forgot_password"),
    path("password/reset/<str:uid>/<str:token>", password_pages.reset_password, name="reset_password"),
    path("invitation/<str:token>", invitation_pages.accept_invitation, name="accept_invitation"),
    path("keys", key_pages.key_list, name="keys"),
    path("keys/new", key_pages.create_key, name="create_key"),
    path("keys/<int:key_id>/rotate", key_pages.rotate_key, name="rotate_key"),
    path("keys/<int:key_id>/revoke", key_pages.revoke_key, name="revoke_key"),
    path("people", people_pages.person_list, name="people"),
    path("people/invite", people_pages.invite, name="invite"),
    path("people/<int:user_id>", people_pages.change_person, name="person"),
    path("people/<int:user_id>/remove", people_pages.remove_person, name="remove_person"),
    path("invitations/<int:invitation_id>/revoke", people_pages.revoke_invitation, name="revoke_invitation"),
    path("projects", place_pages.project_list, name="projects"),
    path("projects/<int:project_id>", place_pages.change_project, name="project"),
    path("agents/<int:agent_id>", place_pages.change_agent, name="agent"),
    path("audit", audit_pages.audit_log, name="audit"),
    path("audit.csv", audit_pages.audit_csv, name="audit_csv"),
    path("api/keys", keys.KeysView.as_view(), name="api_keys"),
    path("api/keys/<int:key_id>", keys.KeyView.as_view(), name="api_key"),
    path("api/keys/<int:key_id>/rotate", keys.RotateView.as_view(), name="api_key_rotate"),
    path("api/keys/<int:key_id>/revoke", keys.RevokeView.as_view(), name="api_key_revoke"),
    path("api/people", people.PeopleView.as_view(), name="api_people"),
    path("api/people/<int:user_id>", people.PersonView.as_view(), name="api_person"),
    path("api/invitations", people.InvitationsView.as_view(), name="api_invitations"),
    path("api/invitations/<int:invitation_id>", people.InvitationView.as_view(), name="api_invitation"),
    path("api/projects", places.ProjectsView.as_view(), name="api_projects"),
    path("api/projects/<int:project_id>", places.ProjectView.as_view(), name="api_project"),
    path("api/agents", places.AgentsView.as_view(), name="api_agents"),
    path("api/agents/<int:agent_id>", places.AgentView.as_view(), name="api_agent"),
    path("api/audit", audit.AuditView.as_view(), name="api_audit"),
]
