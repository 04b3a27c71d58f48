"""`/api/models`, `/api/prices`, `/api/price-lists`, `/api/adjustments`, `/api/subscriptions`: the price book."""
