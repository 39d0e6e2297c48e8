"""The few kinds of panels that Godwit's dashboards have, as Grafana's JSON (schema 38: Grafana 10 and newer). Only panels
that Grafana brings along. Panels flow from left to right into a grid of 24 columns."""

SOURCE = {"type": "prometheus", "uid": "${datasource}"}
GREEN, BLUE, YELLOW, ORANGE, RED = "green", "blue", "yellow", "orange", "red"
UNKNOWN = "text"


def steps(base, *more):
    """Colours from the lowest value on: steps(GREEN, (70, ORANGE))."""
    return {"mode": "absolute", "steps": [{"color": base, "value": None}] +
            [{"color": colour, "value": value} for value, colour in more]}


def mapped(*states):
    """Value mappings: mapped((0, "ok", GREEN), ...)."""
    return [{"type": "value", "options": {str(value): {"text": text, "color": colour, "index": i}}}
            for i, (value, text, colour) in enumerate(states)]


ON_OFF = mapped((1, "online", GREEN), (0, "offline", RED))
YES_NO = mapped((0, "no", GREEN), (1, "yes", RED))
SEVERITY = mapped(("critical", "critical", RED), ("warning", "warning", ORANGE), ("info", "info", BLUE))
ALERT_STATE = mapped(("firing", "firing", RED), ("pending", "pending", YELLOW))
HEALTH = mapped((0, "ok", GREEN), (1, "unknown", UNKNOWN), (2, "degraded", ORANGE), (3, "failed", RED))


def target(i, query, legend="", instant=False, table=False):
    made = {"refId": chr(ord("A") + i), "datasource": SOURCE, "expr": query, "editorMode": "code",
            "legendFormat": legend or "__auto"}
    if instant or table:
        made.update(instant=True, range=False)
    if table:
        made["format"] = "table"
    return made


def panel(kind, title, about, targets, defaults, options, overrides=()):
    return {"type": kind, "title": title, "description": about, "datasource": SOURCE, "targets": targets,
            "fieldConfig": {"defaults": {k: v for k, v in defaults.items() if v is not None},
                            "overrides": list(overrides)}, "options": options}


def queries(given):
    """One query, (query, legend), or a list of these."""
    return [(q, "") if isinstance(q, str) else q for q in (given if isinstance(given, list) else [given])]


def stat(title, about, query, unit="none", thresholds=None, mappings=None, text=False, decimals=None, none="–"):
    """The value of this moment. `text`: the label that the legend names instead of a number."""
    made = [target(i, q, legend, instant=True) for i, (q, legend) in enumerate(queries(query))]
    return panel("stat", title, about, made,
                 {"unit": unit, "thresholds": thresholds or steps(GREEN), "mappings": mappings or [],
                  "decimals": decimals, "noValue": none, "color": {"mode": "thresholds"}},
                 {"colorMode": "none" if text else "value", "graphMode": "none", "justifyMode": "auto",
                  "orientation": "auto", "textMode": "name" if text else "value",
                  "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}})


def graph(title, about, query, unit="none", low=None, high=None, thresholds=None, stack=False, decimals=None):
    made = [target(i, q, legend) for i, (q, legend) in enumerate(queries(query))]
    custom = {"drawStyle": "line", "lineWidth": 1, "fillOpacity": 25 if stack else 8, "gradientMode": "none",
              "showPoints": "never", "spanNulls": False, "lineInterpolation": "linear",
              "stacking": {"mode": "normal" if stack else "none", "group": "A"},
              "thresholdsStyle": {"mode": "dashed" if thresholds else "off"}}
    return panel("timeseries", title, about, made,
                 {"unit": unit, "min": low, "max": high, "decimals": decimals, "custom": custom,
                  "color": {"mode": "palette-classic"}, "thresholds": thresholds or steps(GREEN)},
                 {"legend": {"displayMode": "table", "placement": "bottom", "showLegend": True,
                             "calcs": ["lastNotNull", "max"]},
                  "tooltip": {"mode": "multi", "sort": "desc"}})


def states(title, about, query, legend, mappings):
    return panel("state-timeline", title, about, [target(0, query, legend)],
                 {"mappings": mappings, "color": {"mode": "thresholds"}, "thresholds": steps(UNKNOWN),
                  "custom": {"lineWidth": 0, "fillOpacity": 70, "spanNulls": False}},
                 {"mergeValues": True, "showValue": "never", "rowHeight": 0.85, "alignValue": "left",
                  "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
                  "tooltip": {"mode": "single", "sort": "none"}})


def column(name, unit=None, thresholds=None, mappings=None, gauge=None, links=None, decimals=None, width=None):
    """How a table shows the column `name`. `gauge`: as a bar up to this value."""
    cell = {"type": "gauge", "mode": "basic"} if gauge else {"type": "color-text"} if thresholds or mappings else None
    properties = {"unit": unit, "thresholds": thresholds, "mappings": mappings, "min": 0 if gauge else None, "max": gauge,
                  "decimals": decimals, "custom.cellOptions": cell, "links": links, "custom.width": width}
    return name, [{"id": k, "value": v} for k, v in properties.items() if v is not None]


def table(title, about, keys, columns, shown=(), sort=None, descending=True):
    """A row for each set of the labels in `keys`, which maps them to the names of their columns. `columns`: (query, column()),
    the query aggregated by just these labels; None for one whose value says nothing. `shown`: column() of labels."""
    made, renamed, shown, hidden = [], dict(keys), list(shown), {"Time": True, "__name__": True}
    for i, (query, look) in enumerate(columns):
        made.append(target(i, query, table=True))
        value = f"Value #{made[-1]['refId']}" if len(columns) > 1 else "Value"
        if look:
            renamed[value] = look[0]
            shown.append(look)
        else:
            hidden[value] = True
    changes = [{"id": "merge", "options": {}}] if len(columns) > 1 else []
    changes.append({"id": "organize", "options": {
        "excludeByName": hidden, "indexByName": {name: i for i, name in enumerate(renamed)},
        "renameByName": {old: new for old, new in renamed.items() if old != new}}})
    result = panel("table", title, about, made,
                   {"custom": {"align": "auto", "filterable": True, "cellOptions": {"type": "auto"}},
                    "thresholds": steps(UNKNOWN), "noValue": "–"},
                   {"showHeader": True, "cellHeight": "sm", "footer": {"show": False, "reducer": ["sum"], "fields": ""},
                    "sortBy": [{"displayName": sort, "desc": descending}] if sort else []},
                   [{"matcher": {"id": "byName", "options": name}, "properties": properties}
                    for name, properties in shown if properties])
    result["transformations"] = changes
    return result


def variable(name, label, query, several=False, everything=False):
    made = {"name": name, "label": label, "type": "query", "datasource": SOURCE, "definition": query,
            "query": {"query": query, "refId": f"variable-{name}"}, "refresh": 2, "sort": 5, "regex": "", "hide": 0,
            "multi": several, "includeAll": everything, "skipUrlSync": False, "options": [], "current": {}}
    if everything:
        made.update(allValue=".*", current={"text": ["All"], "value": ["$__all"]})
    return made


class Board:
    def __init__(self, uid, title, about, variables, alerts=""):
        """`alerts`: a query of firing alerts, drawn into all graphs."""
        self.panels, self.x, self.y, self.height, self.id = [], 0, 0, 0, 0
        self.head = (uid, title, about, variables, alerts)

    def _place(self, made, width, height):
        if self.x + width > 24:
            self._end_line()
        self.id += 1
        self.panels.append({"id": self.id, **made, "gridPos": {"x": self.x, "y": self.y, "w": width, "h": height}})
        self.x, self.height = self.x + width, max(self.height, height)

    def _end_line(self):
        self.x, self.y, self.height = 0, self.y + self.height, 0

    def row(self, title):
        self._end_line()
        self._place({"type": "row", "title": title, "collapsed": False, "panels": []}, 24, 1)
        self._end_line()

    def add(self, width, height, *panels):
        for made in panels:
            self._place(made, width, height)

    def json(self):
        uid, title, about, variables, alerts = self.head
        source = {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus", "refresh": 1,
                  "regex": "", "hide": 0, "multi": False, "includeAll": False, "skipUrlSync": False, "options": [],
                  "current": {}}
        cluster = variable("cluster", "Cluster", "label_values(godwit_agent_info, cluster)", several=True, everything=True)
        marks = [{"builtIn": 1, "datasource": {"type": "grafana", "uid": "-- Grafana --"}, "enable": True, "hide": True,
                  "iconColor": "rgba(0, 211, 255, 1)", "name": "Annotations & Alerts", "type": "dashboard"}]
        if alerts:
            marks.append({"datasource": SOURCE, "enable": True, "hide": False, "iconColor": RED, "name": "Alerts", "expr": alerts,
                          "step": "60s", "titleFormat": "{{alertname}}", "textFormat": "{{severity}} {{reason}}",
                          "tagKeys": "", "useValueForTime": "false"})
        return {
            "uid": uid, "title": title, "description": about, "tags": ["godwit"], "schemaVersion": 38, "version": 1,
            "editable": True, "graphTooltip": 1, "timezone": "", "refresh": "30s", "time": {"from": "now-1h", "to": "now"},
            "timepicker": {}, "weekStart": "", "fiscalYearStartMonth": 0, "liveNow": False,
            "links": [{"type": "dashboards", "title": "Godwit", "tags": ["godwit"], "asDropdown": False, "icon": "external link",
                       "includeVars": True, "keepTime": True, "targetBlank": False, "tooltip": "", "url": ""}],
            "annotations": {"list": marks},
            "templating": {"list": [source, cluster, *variables]}, "panels": self.panels}
