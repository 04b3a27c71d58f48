"""The bar of links above every reading page: period, steps, comparison, interval, grouping, filters.

Each link is a complete address, so the bar works without a script and every view can be shared.
"""

from dataclasses import dataclass, replace

from apps.costs.domain.calendars import Unit
from apps.costs.domain.periods import LABELS, Choice, Compare, Period, Preset
from controlplane.viewstate import ViewState, dimension_name, filter_words, moved

KEYS = {
    Preset.TODAY: "d",
    Preset.YESTERDAY: "y",
    Preset.HOURS_24: "h",
    Preset.DAYS_7: "w",
    Preset.DAYS_30: "t",
    Preset.MONTH_TO_DATE: "m",
    Preset.LAST_MONTH: "p",
}
SHORT = {
    Preset.HOURS_24: "24 hours",
    Preset.DAYS_7: "7 days",
    Preset.DAYS_30: "30 days",
    Preset.MONTH_TO_DATE: "This month",
}
COMPARES = {
    Compare.WEEKDAY: "Same weekdays before",
    Compare.PREVIOUS: "Days directly before",
    Compare.YEAR: "Same weekdays a year before",
    Compare.NONE: "No comparison",
}
GROUPS = ("model", "task_type", "agent", "project")


@dataclass(frozen=True, slots=True)
class Link:
    """One link of the bar; `key` is its shortcut."""

    label: str
    url: str
    is_current: bool = False
    key: str = ""


@dataclass(frozen=True, slots=True)
class Option:
    """One option of a control."""

    value: str
    label: str
    is_chosen: bool = False


@dataclass(frozen=True, slots=True)
class Bar:
    """All links of the bar. `url` is the state's address, `hidden` what a form needs to keep the rest of it."""

    presets: list[Link]
    earlier: Link
    later: Link | None
    compares: list[Link]
    compare_label: str
    toggle_compare: Link
    units: list[Link]
    groups: list[Link]
    filters: list[Link]
    clear: Link
    demo: Link | None
    url: str
    action: str
    hidden: list[tuple[str, str]]
    is_custom: bool


def build(state: ViewState, period: Period, *, demo: bool, compares: bool = True) -> Bar:
    """The bar of a state; `compares` is False on pages that compare nothing."""
    choice = state.choice
    compared = Compare.NONE if choice.compare is not Compare.NONE else Compare.WEEKDAY
    return Bar(
        presets=[_preset(state, preset) for preset in LABELS],
        earlier=Link("Earlier", moved(state, period.now, -1).url(), key="arrowleft"),
        later=Link("Later", moved(state, period.now, 1).url(), key="arrowright") if _has_later(period) else None,
        compares=[
            _with(state, label, choice.compare is mode, compare=mode) for mode, label in COMPARES.items() if compares
        ],
        compare_label=COMPARES[choice.compare],
        toggle_compare=_with(state, "", False, compare=compared),
        units=[_unit(state, period, unit) for unit in period.units] if len(period.units) > 1 else [],
        groups=[
            Link(dimension_name(name), replace(state, group=name).url(), state.group == name) for name in _groups(state)
        ],
        filters=[_filter(state, name, value) for name, values in state.filters for value in values],
        clear=Link("Clear filters", state.without_filters().url(), key="escape"),
        demo=Link("Demo data", replace(state, demo=not state.demo).url(), state.demo) if demo or state.demo else None,
        url=state.url(),
        action=state.path,
        hidden=_hidden(state),
        is_custom=choice.preset is Preset.CUSTOM,
    )


def _preset(state: ViewState, preset: Preset) -> Link:
    choice = replace(state.choice, preset=preset, first=None, last=None, unit=None)
    label = SHORT.get(preset, LABELS[preset])
    return Link(label, replace(state, choice=choice).url(), state.choice.preset is preset, KEYS[preset])


def _with(state: ViewState, label: str, is_current: bool, *, compare: Compare) -> Link:
    return Link(label, replace(state, choice=replace(state.choice, compare=compare)).url(), is_current)


def _unit(state: ViewState, period: Period, unit: Unit) -> Link:
    return Link(unit.capitalize(), replace(state, choice=replace(state.choice, unit=unit)).url(), period.unit is unit)


def _groups(state: ViewState) -> tuple[str, ...]:
    return GROUPS if state.group in GROUPS else (*GROUPS, state.group)


def _filter(state: ViewState, name: str, value: str) -> Link:
    return Link(filter_words(name, value), state.toggled(name, value).url(), True)


def _has_later(period: Period) -> bool:
    return period.span.end <= period.now


def _hidden(state: ViewState) -> list[tuple[str, str]]:
    """What the form of custom days keeps: everything but the period."""
    kept = Choice(state.choice.zone, compare=state.choice.compare)
    pairs = kept.pairs(state.default_zone) + [(name, value) for name, values in state.filters for value in values]
    if state.group != "model":
        pairs.append(("group", state.group))
    if state.demo:
        pairs.append(("demo", "1"))
    return [*pairs, *state.own]
