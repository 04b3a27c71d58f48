"""The decisions of a made history: two of five tasks began with one, and one of ten of these was drawn by lot.

Which, is read from a number that the task's name gives, so that it is the same in every run.
"""

from typing import Any

DECIDED, DRAWN = 40, 4
"""Of a hundred tasks."""


def decision_steps() -> dict[str, str]:
    """The statements that make decisions for tasks there are, and tie their first calls to them."""
    draw = "mod(abs(hashtext(t.task_id || 'd')::bigint), 100)"
    decisions = f"""
        INSERT INTO routing_decision (project_id, decision_id, fingerprint, created_at, agent_id, conversation_id, role,
            task_type, action, reason_code, tier, provider, model, policy_version, score, expected_cost_usd,
            propensity, asked, answer)
        SELECT t.project_id, 'd-' || t.task_id, md5(t.task_id)::uuid, t.first_at, c.agent_id, r.conversation_id,
            coalesce(role.name, ''), coalesce(kind.name, ''), 'route', 'cheapest_meeting_quality', 'standard',
            m.provider, m.name, 1, draw / 100.0, r.cost_usd, CASE WHEN draw < {DRAWN} THEN 0.05 ELSE 1 END,
            jsonb_build_object('task_type', kind.name, 'sizes', jsonb_build_object('input_tokens', r.input_tokens,
                'output_tokens', r.output_tokens, 'context_tokens', r.input_tokens, 'history_tokens', 0)), '{{}}'
        FROM (SELECT *, {draw} AS draw FROM costs_tasktotal t) t
        JOIN costs_usagerecord r ON r.project_id = t.project_id AND r.usage_id = t.first_id
            AND r.occurred_at = t.first_at
        JOIN costs_cell c ON c.id = t.cell_id JOIN costs_usedmodel m ON m.id = c.model_id
        LEFT JOIN costs_label kind ON kind.id = c.task_type_id LEFT JOIN costs_label role ON role.id = c.role_id
        WHERE draw < {DECIDED} ORDER BY t.first_at
    """
    tied = """
        UPDATE costs_usagerecord r SET decision_id = d.decision_id FROM costs_tasktotal t
        JOIN routing_decision d ON d.project_id = t.project_id AND d.decision_id = 'd-' || t.task_id
        WHERE r.project_id = t.project_id AND r.usage_id = t.first_id AND r.occurred_at = t.first_at
    """
    return {"decisions": decisions, "calls tied to decisions": tied}


def policy_document() -> dict[str, Any]:
    """A policy of three tiers over models of the history."""
    tiers = {
        "simple": (("openai", "gpt-4.1-nano"), 0.3),
        "standard": (("openai", "gpt-4o-mini"), 0.7),
        "premium": (("openai", "gpt-4.1"), 1.0),
    }
    return {
        "model_routing_enabled": True,
        "model_routing_strategy": "cost_optimized",
        "model_routing_quality_threshold": 0.7,
        "default_tier": "standard",
        "tiers": [
            {
                "name": name,
                "models": [{"provider": model[0], "name": model[1], "context_window": 1_000_000}],
                "max_cost_per_1k_tokens": "0.1",
                "upper": upper,
            }
            for name, (model, upper) in tiers.items()
        ],
    }
