"""What the tests of rules and dashboards need to know of a PromQL expression, and the metrics that there are."""
import re

from small_fleet import SOURCE

STRING = r'"(?:[^"\\]|\\.)*"'
TOKEN = re.compile(rf'{STRING}|\{{(?:{STRING}|[^"}}])*\}}|\[[^\]]*\]|[a-zA-Z_:][\w:]*|\d[\w.]*|\S')
LISTS = {"by", "without", "on", "ignoring", "group_left", "group_right"}
OPERATORS = {"and", "or", "unless", "bool", "offset"}


def selectors(expression):
    """[(metric, "{matchers}" or "")] of all that an expression asks for."""
    tokens = TOKEN.findall(expression) + [""]
    found, in_list = [], False
    for token, after in zip(tokens, tokens[1:]):
        if token in LISTS:
            in_list = after == "("
        elif in_list:
            in_list = token != ")"
        elif re.match(r"[a-zA-Z_:]", token) and token not in OPERATORS and after != "(" and after not in LISTS:
            found.append((token, after if after.startswith("{") else ""))
    return found


def catalog():
    """A pattern of the names in transport/catalog.cc."""
    rows = re.findall(r'^    \{"([a-z]\S*)", (?:gauge|counter|info|stateset),',
                      (SOURCE / "transport/catalog.cc").read_text(), re.M)
    return re.compile("|".join(name.replace("*", r"\w+") for name in rows))
