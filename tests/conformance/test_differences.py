"""Where answers differ, which rules that speaks against, and what is shown of long ones."""

import json

import pytest

from ecjax.conformance import answers, blame, cases
from ecjax.conformance.differences import cut, excerpts, first, first_difference, prefix
from ecjax.specs import text
from ecjax.specs.cases import Case

LONG = "ab" * 500


@pytest.mark.parametrize(
    "expected, found, told",
    [
        ({"ids": [1, 2]}, {"ids": [1, 2]}, ""),
        ({"ids": [1, 2], "n": 1}, {"n": 1, "ids": [1, 2]}, ""),
        ({"ids": [1, 2]}, {"ids": [1, 3]}, "ids[1]: 2 expected, got 3"),
        ({"ids": [1]}, {"ids": [True]}, "ids[0]: 1 expected, got true"),
        ({"ids": [0]}, {"ids": [None]}, "ids[0]: 0 expected, got null"),
        ({"ids": [1]}, {"ids": []}, "ids[0]: 1 expected, got nothing"),
        ({"ids": []}, {"ids": [1]}, "ids[0]: nothing expected, got 1"),
        ({"ids": []}, {"ids": {}}, "ids: [] expected, got {}"),
        ({"codes": ["0a"] * 20}, {"codes": [*["0a"] * 17, "0b", "0a", "0a"]}, 'codes[17]: "0a" expected, got "0b"'),
        (
            {"logits": [[[1, 2]]] * 3 + [[[1, 1]] * 4 + [[3, 12]]]},
            {"logits": [[[1, 2]]] * 3 + [[[1, 1]] * 4 + [[3, 13]]]},
            "logits[3] run 4: number 12 expected, got 13",
        ),
        ({"parents": [[2, 1], [1, 0]]}, {"parents": [[2, 1], [2, 0]]}, "parents run 1: count 1 expected, got 2"),
        ({"parents": [[2, 1]]}, {"parents": [[2, 1], [2, 0]]}, "parents run 1: nothing expected, got [2, 0]"),
        ({"parents": [[2, 1]]}, {"parents": [2]}, "parents run 0: [2, 1] expected, got 2"),
        ({"text": "00"}, {}, 'text: "00" expected, got nothing'),
        ({"text": "00"}, {"text": "00", "more": 1}, "more: nothing expected, got 1"),
        ({"text": "00"}, {"refused": "bits"}, 'an answer with text expected, got refused "bits"'),
        ({"refused": "bits"}, {"text": "00"}, 'refused "bits" expected, got an answer with text'),
        ({"refused": "bits"}, {"refused": "id"}, 'refused: "bits" expected, got "id"'),
        ({"file": LONG}, {"file": LONG[:-1] + "c"}, 'file, from byte 499: "ab" expected, got "ac"'),
        (
            {"file": LONG},
            {"file": LONG[:-4]},
            'file, from byte 498: "abab" expected, got the end (500 bytes expected, got 498)',
        ),
        (
            {"file": LONG},
            {"file": "xb" * 500},
            f'file, from character 0: "{LONG[:59]}... expected, got "{"xb" * 29}x...',
        ),
    ],
)
def test_the_first_place_that_differs(expected, found, told):
    assert first(expected, found) == told


def test_long_answers_are_never_cut_before_they_differ():
    ids = list(range(5000))
    wrong = [*ids[:4000], 7, *ids[4001:]]
    right, other = excerpts({"ids": ids, "n": 1}, {"n": 1, "ids": wrong}, 200)
    assert "3999, 4000, 4001" in right and "3999, 7, 4001" in other
    assert max(len(right), len(other)) < 260
    assert cut("x" * 300 + "y", 300, 50).endswith("xy") and cut("short", 0, 50) == "short"
    assert [prefix(a, b) for a, b in [("", ""), ("abc", "abd"), ("abc", "ab"), ("x", "y")]] == [0, 2, 2, 0]


def test_the_first_step_that_differs():
    steps = [{"byte": 1, "row": [[1, 2], [3, 4]]}, {"byte": 2, "row": [[1, 2]]}]
    assert first_difference(steps, [{"byte": 1}, {}]) is None  # fields may be left out
    found = first_difference(steps, [{"byte": 1, "row": [[1, 2], [3, 5]]}])
    assert found is not None and found.step == 0
    assert found.place == "trace[0].row run 1: number 4 expected, got 5"
    short = first_difference(steps, steps[:1])
    assert short is not None and (short.step, short.found) == (1, None)
    assert short.place.startswith("trace[1]: {") and short.place.endswith("expected, got nothing")


RULES = tuple(f"T-{i}" for i in range(4, 16))


@pytest.mark.parametrize(
    "stage, rules",
    [
        ("embedding", "T-4"),
        ("layers[10].attention_norm", "T-5 T-8"),
        ("layers[0].attention", "T-6 T-7 T-9 T-10 T-11 T-12 T-13"),
        ("layers[2].mlp", "T-6 T-7 T-14"),
        ("logits", "T-6 T-7 T-15"),
        ("another", " ".join(RULES)),
    ],
)
def test_a_stage_of_a_transformer_narrows_the_rules(stage, rules):
    case = Case("transformers", "a case", RULES, {"op": "transformer.logits"}, {"logits": []})
    step = {"stage": stage, "position": 0, "row": [[1, 2]]}
    difference = first_difference([step], [{**step, "row": [[1, 3]]}])
    assert blame.charged(case, {"logits": [[]]}, difference) == tuple(rules.split())


def test_causes_and_fields_narrow_the_rules_of_files():
    rules = ("K-2", "K-3", "K-4", "K-7", "K-8", "K-12", "K-15")
    case = Case("containers", "a case", rules, {"op": "container.decode"}, {"refused": "checksum"})
    assert blame.charged(case, {"text": ""}, None) == ("K-8",)
    assert blame.charged(case, {"refused": "block"}, None) == ("K-7", "K-8", "K-12")
    assert blame.charged(case, {"refused": "of its own"}, None) == ("K-8", "K-12")
    assert blame.charged(case, {"refused": 5}, None) == ("K-8",)
    assert blame.charged(case, None, None) == rules
    info = Case("containers", "a case", rules, {"op": "container.info"}, {"version": 2, "length": 6})
    assert blame.charged(info, {"version": 2, "length": 7}, None) == ("K-15",)
    assert blame.charged(info, {"version": 2, "length": True}, None) == ("K-15",)


def test_the_rules_that_may_be_charged_are_there():
    tables = [blame._STAGES, blame._CAUSES, blame._INFO, *blame._STEPS.values(), {"": blame._ORDER}]
    assert {rule for table in tables for rules in table.values() for rule in rules.split()} <= set(text.rules())
    causes = {case.answer.get("refused") for case in cases.stored() if case.section == "containers"}
    own = {"precision", "table", "settings", "tensors", "scale", "codebook", "bits"}  # those of a coding, not a file
    assert causes - own - {None} == set(blame._CAUSES)


def test_rules_are_never_others_than_the_cases_own():
    case = Case("streams", "a case", ("S-3",), {"op": "stream.encode"}, {"code": ""})
    steps = [{"byte": 1, "lo": 1}], [{"byte": 1, "lo": 2}]
    assert blame.charged(case, {"code": "00"}, first_difference(*steps)) == ("S-3",)


def test_the_longest_answer_is_longer_than_the_right_one_with_room_for_spaces():
    answer = {"logits": [[[1, number] for number in range(3000)]] * 4}
    spaced = json.dumps(answer, separators=("  ,  ", " : ")).encode()
    most = answers.limit(answer)
    assert answers.parse(spaced.replace(b"{", b'{"id": 1, ', 1), 1, most) == answer
    assert most.size < 1 << 20 and answers.limit({"ids": [0]}).size < 1 << 17
