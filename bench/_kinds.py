"""Texts that the shipped models were not made for."""

from __future__ import annotations

import csv
import io
import json
import random
from pathlib import Path

import ecjax
from ecjax import serialisation

# The Universal Declaration of Human Rights, articles 1 to 6, and the Dao De Jing, chapters 1 to 4.
_ARABIC = """\
المادة ١: يولد جميع الناس أحراراً متساوين في الكرامة والحقوق، وقد وهبوا عقلاً وضميراً وعليهم أن يعامل بعضهم بعضاً بروح الإخاء.
المادة ٢: لكل إنسان حق التمتع بكافة الحقوق والحريات الواردة في هذا الإعلان، دون أي تمييز، كالتمييز بسبب العنصر أو اللون أو \
الجنس أو اللغة أو الدين أو الرأي السياسي أو أي رأي آخر، أو الأصل الوطني أو الاجتماعي أو الثروة أو الميلاد أو أي وضع آخر.
المادة ٣: لكل فرد الحق في الحياة والحرية وسلامة شخصه.
المادة ٤: لا يجوز استرقاق أو استعباد أي شخص، ويحظر الاسترقاق وتجارة الرقيق بكافة أوضاعهما.
المادة ٥: لا يعرض أي إنسان للتعذيب ولا للعقوبات أو المعاملات القاسية أو الوحشية أو الحاطة بالكرامة.
المادة ٦: لكل إنسان أينما وجد الحق في أن يعترف بشخصيته القانونية.
"""
_CHINESE = """\
道可道，非常道。名可名，非常名。無名天地之始；有名萬物之母。故常無欲，以觀其妙；常有欲，以觀其徼。此兩者，同出而異名，同謂之玄。玄之又玄，衆妙之門。
天下皆知美之為美，斯惡已。皆知善之為善，斯不善已。故有無相生，難易相成，長短相較，高下相傾，音聲相和，前後相隨。是以聖人處無為之事，行不言之教；萬物作焉而不辭，\
生而不有，為而不恃，功成而弗居。夫唯弗居，是以不去。
不尚賢，使民不爭；不貴難得之貨，使民不為盜；不見可欲，使民心不亂。是以聖人之治，虛其心，實其腹，弱其志，強其骨。常使民無知無欲。使夫智者不敢為也。為無為，則無不治。
道沖而用之或不盈。淵兮似萬物之宗。挫其銳，解其紛，和其光，同其塵。湛兮似或存。吾不知誰之子，象帝之先。
"""
_PATHS = ("/", "/index.html", "/about", "/static/site.css", "/static/logo.png", "/api/v1/items", "/login")
_NAMES = ("Anna", "Boris", "Chen", "Dilek", "Emeka", "Farah", "Goran", "Hana", "Ivan", "Julia")
_CITIES = ("Lagos", "Oslo", "Lima", "Osaka", "Quito", "Cairo", "Turin", "Kyiv")


def kinds(size: int) -> dict[str, bytes]:
    """A text of each kind, of at most `size` bytes. All but the package's own source are the same each time."""
    rng = random.Random(0)
    texts = {
        "English prose": serialisation.asset("sample.txt").read_bytes()[20_000:],
        "Python source (ours)": b"".join(p.read_bytes() for p in sorted(Path(ecjax.__file__).parent.rglob("*.py"))),
        "log of a web server": _log(rng, size).encode(),
        "JSON": json.dumps([_person(rng) for _ in range(1 + size // 80)], indent=1).encode(),
        "CSV": _csv(rng, size).encode(),
        "Arabic": _ARABIC.encode(),
        "Chinese": _CHINESE.encode(),
        "random bytes": rng.randbytes(size),
    }
    return {name: text[:size] for name, text in texts.items()}


def _person(rng: random.Random) -> dict[str, object]:
    return {
        "id": rng.randrange(10**6),
        "name": rng.choice(_NAMES),
        "city": rng.choice(_CITIES),
        "born": f"{rng.randint(1940, 2010)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}",
        "score": round(rng.gauss(50, 15), 3),
        "active": rng.random() < 0.7,
    }


def _csv(rng: random.Random, size: int) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(_person(rng)), lineterminator="\n")
    writer.writeheader()
    while out.tell() < size:
        writer.writerow(_person(rng))
    return out.getvalue()


def _log(rng: random.Random, size: int) -> str:
    lines, seconds = [], 0
    while sum(map(len, lines)) < size:
        seconds += rng.randint(0, 40)
        address = ".".join(str(rng.randint(1, 254)) for _ in range(4))
        clock = f"{seconds // 3600 % 24:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
        status, length = rng.choice((200, 200, 200, 304, 404)), rng.randint(200, 90_000)
        request = f'"GET {rng.choice(_PATHS)} HTTP/1.1"'
        lines.append(f"{address} - - [12/May/2026:{clock} +0000] {request} {status} {length}\n")
    return "".join(lines)
